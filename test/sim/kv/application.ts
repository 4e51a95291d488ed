/**
 * The replicated state of the register workload: a few registers, a count and a running hash of all commands applied.
 *
 * It issues timestamps as the transaction room will: increasing, inside the lease, above everything closed. While it
 * applies it checks what must hold of every log, whoever led: agreement (the n-th command is the same everywhere and for
 * ever), timestamps that increase, no entry at or below a timestamp that its leader had closed.
 */
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../../src/base/bytes.ts';
import { TIMESTAMP_ZERO, timestamp, type Key, type Timestamp } from '../../../src/base/ids.ts';
import type { SplitApplication, SplitContext } from '../../../src/splits/types.ts';
import type { WriteOp } from '../../../src/storage/types.ts';
import type { Witness } from './witness.ts';

export interface Command {
  readonly register: number;
  readonly value: number;
  readonly timestamp: Timestamp;
}

const encodeCommand = ({ register, value, timestamp: at }: Command): Buffer => new ByteWriter(32).varint(register).varint(value).varint(at).finish();
function decodeCommand(data: Uint8Array): Command {
  const r = new ByteReader(data);
  return { register: r.varint(), value: r.varint(), timestamp: timestamp(r.varint()) };
}

const registerKey = (register: number): Key => `k${String.fromCharCode(register)}` as Key;
const SUMMARY_KEY = 'kz' as Key;

export class KvApplication implements SplitApplication {
  count = 0;
  hash = 0;
  private lastTimestamp: Timestamp = TIMESTAMP_ZERO;
  private lastIssued: Timestamp = TIMESTAMP_ZERO;
  private readonly context: SplitContext;
  private readonly witness: Witness;

  constructor(context: SplitContext, witness: Witness) {
    this.context = context;
    this.witness = witness;
  }

  /** Proposes a write; false when this node does not lead. */
  write(register: number, value: number, done: (outcome: 'applied' | 'lost') => void): boolean {
    if (!this.context.isLeading()) return false;
    this.witness.serving(this.context.self);
    const { latest } = this.context.env.clock.interval();
    const issue = timestamp(Math.max(latest, this.lastIssued + 1, this.lastTimestamp + 1));
    if (issue >= this.context.leaseEnd()) return false;
    this.lastIssued = issue;
    return this.context.propose(encodeCommand({ register, value, timestamp: issue }), done);
  }

  /** The newest value; undefined when this node may not answer. */
  read(register: number): number | undefined {
    if (!this.context.isLeading()) return undefined;
    this.witness.serving(this.context.self);
    return this.valueOf(register);
  }

  valueOf(register: number): number {
    const stored = this.context.engine.get(registerKey(register));
    return stored === undefined ? 0 : new ByteReader(stored).varint();
  }

  apply(data: Uint8Array, ops: WriteOp[]): void {
    const command = decodeCommand(data);
    const closed = this.context.closed();
    this.count++;
    this.hash = crc32(data, this.hash);
    this.witness.applied(this.context.self, this.count, this.hash, command.value);
    if (command.timestamp <= this.lastTimestamp) this.witness.violation(`node ${this.context.self}: timestamps of the log do not increase`);
    if (closed.slot <= this.context.appliedSlot() && command.timestamp <= closed.timestamp) {
      this.witness.violation(`node ${this.context.self}: an entry at ${command.timestamp}, though ${closed.timestamp} was closed as of slot ${closed.slot}`);
    }
    this.lastTimestamp = command.timestamp;
    ops.push({ key: registerKey(command.register), value: new ByteWriter(8).varint(command.value).finish() });
    ops.push({ key: SUMMARY_KEY, value: new ByteWriter(32).varint(this.count).u32(this.hash).varint(this.lastTimestamp).finish() });
  }

  async reload(): Promise<void> {
    const stored = this.context.engine.get(SUMMARY_KEY);
    if (stored === undefined) return;
    const r = new ByteReader(stored);
    this.count = r.varint();
    this.hash = r.u32();
    this.lastTimestamp = timestamp(r.varint());
    this.witness.applied(this.context.self, this.count, this.hash, undefined);
  }

  becameLeader(): void {
    this.witness.serving(this.context.self);
  }

  closeTimestamp(): Timestamp {
    if (!this.context.isLeading()) return TIMESTAMP_ZERO;
    const { latest } = this.context.env.clock.interval();
    this.lastIssued = timestamp(Math.max(this.lastIssued, Math.min(latest, this.context.leaseEnd() - 1)));
    return this.lastIssued;
  }

  highestTimestamp(): Timestamp {
    return this.lastIssued;
  }

  tellEngine(): void {
    // It has all of it.
  }

  stateRanges(): readonly { readonly from: Key; readonly to: Key }[] {
    return [{ from: 'k' as Key, to: 'l' as Key }];
  }

  drain(): Promise<boolean> {
    return Promise.resolve(false);
  }

  applied(): void {
    // Proposers are answered by the host.
  }
  lostLeadership(): void {
    // Nothing is kept for leaders only.
  }
  closedAdvanced(): void {
    // Followers do not serve reads in this workload.
  }
  resume(): void {
    // Never drained.
  }
  inherit(): void {
    // Never cut.
  }
  cut(): void {
    // Never cut.
  }
  peerDown(): void {
    // Clients are not nodes here.
  }
  housekeeping(): void {
    // Nothing expires.
  }
}

/**
 * What transactions put into a split's log. State is a deterministic function of these commands (invariant 5): writes
 * are physical, a key and the whole new record, evaluated by the leader under locks before proposing.
 *
 *   commit   one split, no two-phase commit: writes at `timestamp`
 *   prepare  a participant's promise: writes kept aside until the outcome
 *   decide   the coordinator's decision, with its own writes; timestamp 0 means abort
 *   outcome  the decision as a participant learns it
 *   fence    writes under older versions of the schema are refused from here on
 *   part     some of the writes of a commit, prepare or decide that follows (parts.ts)
 *   discard  parts that nothing follows any more
 *
 * Two-phase commit over Paxos groups: Spanner, OSDI 2012, §4.2.1. Records may hold the placeholder of the commit
 * timestamp; it is filled in where the timestamp becomes known (commit and decide: before proposing; outcome: on apply).
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { timestamp, txnId, type Key, type NodeId, type SplitId, type Timestamp, type TxnId } from '../base/ids.ts';
import { readNodeId, readSplitId, readSplitIds } from '../splits/read-ids.ts';
import type { Span } from './locks.ts';

/** The row at `key` becomes `record`, or goes. */
export interface PhysicalWrite {
  readonly key: Key;
  readonly record: Uint8Array | undefined;
  /** The leader had nothing at the key, not even a tombstone, when it locked it: where there are none, nobody has to look. */
  readonly isNew?: boolean;
}

/** Its writes are in so many parts, which were logged before it; absent: here. */
interface Parted {
  readonly parts?: number;
}

export interface CommitCommand extends Parted {
  readonly kind: 'commit';
  readonly txn: TxnId;
  readonly timestamp: Timestamp;
  readonly writes: readonly PhysicalWrite[];
}

export interface PrepareCommand extends Parted {
  readonly kind: 'prepare';
  readonly txn: TxnId;
  readonly age: number;
  readonly gateway: NodeId;
  readonly timestamp: Timestamp;
  readonly coordinator: SplitId;
  /** Shared locks to take again after a failover: the commit timestamp may lie beyond the old leader's lease. */
  readonly reads: readonly Span[];
  readonly writes: readonly PhysicalWrite[];
}

export interface DecideCommand extends Parted {
  readonly kind: 'decide';
  readonly txn: TxnId;
  /** 0: aborted. */
  readonly timestamp: Timestamp;
  readonly participants: readonly SplitId[];
  readonly writes: readonly PhysicalWrite[];
}

export interface OutcomeCommand {
  readonly kind: 'outcome';
  readonly txn: TxnId;
  /** 0: aborted. */
  readonly timestamp: Timestamp;
}

/** Commits and prepares under schema versions below `timestamp` are over (fence.ts). */
export interface FenceCommand {
  readonly kind: 'fence';
  readonly txn: TxnId;
  readonly timestamp: Timestamp;
}

export interface PartCommand {
  readonly kind: 'part';
  readonly txn: TxnId;
  /** 0: it has none yet. */
  readonly timestamp: Timestamp;
  /** From 0 on; the first one makes earlier ones of the transaction void. */
  readonly index: number;
  readonly writes: readonly PhysicalWrite[];
}

export interface DiscardCommand {
  readonly kind: 'discard';
  readonly txn: TxnId;
  readonly timestamp: Timestamp;
}

export type TxnCommand = CommitCommand | PrepareCommand | DecideCommand | OutcomeCommand | PartCommand | DiscardCommand;
export type Command = TxnCommand | FenceCommand;

const TAG = { commit: 1, prepare: 2, decide: 3, outcome: 4, fence: 5, part: 6, discard: 7 } as const;
/** Before a command whose writes are in parts: their number. */
const PARTED = 8;
/** What a write makes of its row. */
const DELETION = 0;
const RECORD = 1;
const NEW = 2;
/** In the place of the transaction's id where there is none. */
export const NO_TXN = txnId('0'.repeat(32));

export function writeTxnId(out: ByteWriter, id: TxnId): void {
  out.hex(id);
}
export function readTxnId(input: ByteReader): TxnId {
  // 16 bytes are 32 digits.
  return input.hex(16) as TxnId;
}

export function writeSpans(out: ByteWriter, spans: readonly Span[]): void {
  out.varint(spans.length);
  for (const { from, to } of spans) {
    out.binary(from).bool(to !== undefined);
    if (to !== undefined) out.binary(to);
  }
}
export function readSpans(input: ByteReader): Span[] {
  const spans: Span[] = [];
  for (let n = input.count(); n > 0; n--) {
    const from = input.binary() as Key;
    spans.push({ from, to: input.bool() ? (input.binary() as Key) : undefined });
  }
  return spans;
}

export function writePhysicalWrites(out: ByteWriter, writes: readonly PhysicalWrite[]): void {
  out.varint(writes.length);
  for (const { key, record, isNew } of writes) {
    out.binary(key).u8(record === undefined ? DELETION : isNew === true ? NEW : RECORD);
    if (record !== undefined) out.bytes(record);
  }
}
export function readPhysicalWrites(input: ByteReader): PhysicalWrite[] {
  const writes: PhysicalWrite[] = [];
  for (let n = input.count(); n > 0; n--) {
    const key = input.binary() as Key;
    const kind = input.u8();
    if (kind > NEW) throw new CorruptBytes('unknown kind of write');
    const record = kind === DELETION ? undefined : input.bytes();
    writes.push(kind === NEW ? { key, record, isNew: true } : { key, record });
  }
  return writes;
}

export function encodeCommand(command: Command): Uint8Array {
  return writeCommand(new ByteWriter(), command).finish();
}

export function writeCommand(out: ByteWriter, command: Command): ByteWriter {
  if ('parts' in command && command.parts !== undefined && command.parts > 0) out.u8(PARTED).varint(command.parts);
  out.u8(TAG[command.kind]);
  writeTxnId(out, command.txn);
  out.varint(command.timestamp);
  switch (command.kind) {
    case 'commit':
      writePhysicalWrites(out, command.writes);
      break;
    case 'prepare':
      out.varint(command.age).varint(command.gateway).varint(command.coordinator);
      writeSpans(out, command.reads);
      writePhysicalWrites(out, command.writes);
      break;
    case 'decide':
      out.varint(command.participants.length);
      for (const split of command.participants) out.varint(split);
      writePhysicalWrites(out, command.writes);
      break;
    case 'part':
      out.varint(command.index);
      writePhysicalWrites(out, command.writes);
      break;
    case 'outcome':
    case 'fence':
    case 'discard':
      break;
    default:
      command satisfies never;
  }
  return out;
}

/** Throws CorruptBytes, and nothing else, for what is no command. */
export function decodeCommand(bytes: Uint8Array): Command {
  const input = new ByteReader(bytes);
  const command = readCommand(input);
  input.end();
  return command;
}

function readCommand(input: ByteReader): Command {
  const tag = input.u8();
  if (tag !== PARTED) return readWhole(input, tag);
  const parts = input.varint();
  const command = readWhole(input, input.u8());
  if (parts === 0 || (command.kind !== 'commit' && command.kind !== 'prepare' && command.kind !== 'decide')) throw new CorruptBytes('no command with parts');
  return { ...command, parts };
}

function readWhole(input: ByteReader, tag: number): Command {
  const txn = readTxnId(input);
  const at = timestamp(input.varint());
  switch (tag) {
    case TAG.commit:
      return { kind: 'commit', txn, timestamp: at, writes: readPhysicalWrites(input) };
    case TAG.prepare: {
      const age = input.varint();
      const gateway = readNodeId(input);
      const coordinator = readSplitId(input);
      return { kind: 'prepare', txn, age, gateway, timestamp: at, coordinator, reads: readSpans(input), writes: readPhysicalWrites(input) };
    }
    case TAG.decide:
      return { kind: 'decide', txn, timestamp: at, participants: readSplitIds(input), writes: readPhysicalWrites(input) };
    case TAG.outcome:
      return { kind: 'outcome', txn, timestamp: at };
    case TAG.fence:
      return { kind: 'fence', txn, timestamp: at };
    case TAG.part:
      return { kind: 'part', txn, timestamp: at, index: input.varint(), writes: readPhysicalWrites(input) };
    case TAG.discard:
      return { kind: 'discard', txn, timestamp: at };
    default:
      throw new CorruptBytes('unknown transaction command');
  }
}

/**
 * A split's replicated transaction state beside its rows: prepared transactions, kept until their outcome, and the
 * outcomes of committed and coordinated ones, kept for OUTCOME_RETENTION_MICROS so that a repeated Commit is answered
 * with the first outcome and never applied twice.
 *
 * In the engine, per split: 'p' ++ split ++ txn → the prepare command; 'o' ++ split ++ txn → timestamp (0: aborted). Most
 * prepared transactions are decided before the disk has to know of them, and are never told to the engine (`tell`). Writes
 * that are logged in parts are in parts.ts.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { timestamp, type Key, type SplitId, type Timestamp, type TxnId } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { StateRange } from '../splits/types.ts';
import { stageWrite } from '../storage/mvcc.ts';
import { resolveCommitTimestamps } from '../storage/record.ts';
import type { Engine, WriteOp } from '../storage/types.ts';
import { decodeCommand, encodeCommand, type CommitCommand, type DecideCommand, type PhysicalWrite, type PrepareCommand, type TxnCommand } from './commands.ts';
import { LoggedParts } from './parts.ts';

export const OUTCOME_RETENTION_MICROS = 3_600_000_000;
const SCAN_BATCH = 256;
/** Aborted transactions remembered at once to be forgotten; more wait for the next time. */
const MAX_ABORTED_SEEN = 100_000;

function statePrefix(kind: 'p' | 'o', split: SplitId): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(split));
  return kind + bytes.toString('latin1');
}

export class Ledger {
  private readonly engine: Engine;
  private readonly preparedPrefix: string;
  private readonly outcomePrefix: string;
  /** Of the splits that this one was cut from: their outcomes are this one's too, up to the cut. */
  private readonly inherited: readonly string[];
  /** Prepared and undecided, as of the last applied entry. */
  readonly prepared = new TransientMap<TxnId, PrepareCommand>();
  /**
   * Rows deleted so far, about, and how many of these are known to have left no tombstone. What the leader of a row found gone
   * for good may still have one here, since each replica collects its own (storage/collect.ts).
   */
  private deletions = 0;
  private traceless = 0;
  /** Those that the engine has, and the commands of those that it has not. */
  private readonly told = new Set<TxnId>();
  private readonly untold = new TransientMap<TxnId, Uint8Array>();
  readonly parts: LoggedParts;
  /** The highest timestamp that an applied command carried. */
  highest: Timestamp = timestamp(0);

  /** Aborted transactions that were known at a call of `forgetOutcomes`, and its horizon. */
  private aborted: { readonly since: number; readonly seen: ReadonlySet<string> } = { since: 0, seen: new Set() };

  constructor(engine: Engine, split: SplitId, ancestors: readonly SplitId[]) {
    this.engine = engine;
    this.parts = new LoggedParts(engine, split);
    this.inherited = ancestors.map((ancestor) => statePrefix('o', ancestor));
    this.preparedPrefix = statePrefix('p', split);
    this.outcomePrefix = statePrefix('o', split);
  }

  ranges(): StateRange[] {
    const range = (prefix: string, shared: boolean): StateRange => ({ from: prefix as Key, to: `${prefix}g` as Key, shared });
    return [range(this.preparedPrefix, false), range(this.outcomePrefix, false), this.parts.range(), ...this.inherited.map((prefix) => range(prefix, true))];
  }

  /** Undefined when this split does not know the transaction as decided. A function of the log: what `apply` may ask. */
  private ownOutcome(txn: TxnId): Timestamp | undefined {
    return this.outcomeAt(this.outcomePrefix, txn);
  }

  /** Also of transactions decided before this split was cut from another: for calls that are repeated. */
  outcome(txn: TxnId): Timestamp | undefined {
    let found = this.ownOutcome(txn);
    for (let i = 0; found === undefined && i < this.inherited.length; i++) found = this.outcomeAt(this.inherited[i] ?? '', txn);
    return found;
  }

  private outcomeAt(prefix: string, txn: TxnId): Timestamp | undefined {
    // Asked for once: what is kept in memory is what leaders remember of late (ended.ts).
    const bytes = this.engine.getOnce((prefix + txn) as Key);
    return bytes === undefined ? undefined : timestamp(new ByteReader(bytes).varint());
  }

  /** `bytes`: the command as it is in the log. */
  apply(command: TxnCommand, ops: WriteOp[], bytes: Uint8Array = encodeCommand(command)): void {
    if (command.timestamp > this.highest) this.highest = command.timestamp;
    switch (command.kind) {
      case 'part':
        this.parts.add(command.txn, command.index, bytes, ops);
        return;
      case 'discard':
        this.parts.discard(command.txn, ops);
        return;
      case 'commit':
        this.name(command);
        this.writeRows(command, command.timestamp, ops);
        this.recordOutcome(command.txn, command.timestamp, ops);
        return;
      case 'prepare':
        this.name(command);
        this.untold.set(command.txn, bytes);
        this.prepared.set(command.txn, command);
        return;
      case 'decide': {
        // The first decision stands. This one may be known ahead of the log, from a snapshot of a split cut off later.
        const known = this.ownOutcome(command.txn);
        if (known !== undefined && known !== command.timestamp) return;
        this.name(command);
        this.writeRows(command, command.timestamp, ops);
        this.recordOutcome(command.txn, command.timestamp, ops);
        return;
      }
      case 'outcome': {
        const prepare = this.prepared.get(command.txn);
        if (prepare === undefined) return; // Told twice.
        this.writeRows(prepare, command.timestamp, ops);
        this.prepared.delete(command.txn);
        this.untold.delete(command.txn);
        if (this.told.delete(command.txn)) ops.push({ key: (this.preparedPrefix + command.txn) as Key, value: undefined });
        this.recordOutcome(command.txn, command.timestamp, ops);
        return;
      }
      default:
        command satisfies never;
    }
  }

  /** The engine is to have everything that was applied. */
  tell(ops: WriteOp[]): void {
    for (const [txn, value] of this.untold.entries()) {
      ops.push({ key: (this.preparedPrefix + txn) as Key, value });
      this.told.add(txn);
    }
    this.untold.clear();
  }

  private name({ txn, parts }: CommitCommand | PrepareCommand | DecideCommand): void {
    if (parts !== undefined) this.parts.name(txn, parts);
  }

  /** What the command writes, wherever that is. */
  writesOf({ txn, writes, parts }: CommitCommand | PrepareCommand | DecideCommand): Iterable<PhysicalWrite> {
    return parts === undefined ? writes : this.parts.writes(txn, parts);
  }

  /** The writes become rows, unless the timestamp says that the transaction was aborted. */
  private writeRows(command: CommitCommand | PrepareCommand | DecideCommand, at: Timestamp, ops: WriteOp[]): void {
    // Where the timestamp was known before the writes were logged, it is filled in already.
    const resolves = command.kind === 'prepare' || command.parts !== undefined;
    if (at > 0) {
      for (const { key, record, isNew } of this.writesOf(command)) {
        if (record === undefined) this.deletions++;
        stageWrite(this.engine, ops, key, resolves && record !== undefined ? resolveCommitTimestamps(record, at) : record, at, isNew === true && !this.mayHaveTombstones);
      }
    }
    if (command.parts !== undefined) this.parts.drop(command.txn, command.parts, ops);
  }

  private recordOutcome(txn: TxnId, at: Timestamp, ops: WriteOp[]): void {
    ops.push({ key: (this.outcomePrefix + txn) as Key, value: new ByteWriter(8).varint(at).finish() });
  }

  private get mayHaveTombstones(): boolean {
    return this.deletions > this.traceless;
  }

  /** To be called before all rows are looked through; the answer, when there was no tombstone then. */
  looksForTombstones(): () => void {
    const { deletions } = this;
    return () => (this.traceless = deletions);
  }

  /** This split has the rows of another's from now on. */
  inherit(left: Ledger): void {
    if (left.mayHaveTombstones) this.deletions++;
  }

  /** Derives the memory from the engine. */
  async load(): Promise<void> {
    // There may be tombstones.
    this.deletions++;
    this.prepared.clear();
    this.told.clear();
    this.untold.clear();
    await this.each(this.preparedPrefix, (_, value) => {
      const command = decodeCommand(value);
      if (command.kind === 'prepare') {
        this.prepared.set(command.txn, command);
        this.told.add(command.txn);
        if (command.timestamp > this.highest) this.highest = command.timestamp;
      }
    });
    await this.parts.load((txn) => this.prepared.has(txn));
  }

  /**
   * Drops outcomes older than `horizon`, at most `limit`. Not replicated: outcomes are only ever forgotten. That of an
   * aborted transaction has no timestamp: it goes when it has been here since a call whose horizon was older by the
   * retention.
   */
  async forgetOutcomes(horizon: Timestamp, limit: number): Promise<void> {
    const ops: WriteOp[] = [];
    const { aborted } = this;
    const isDue = horizon - aborted.since >= OUTCOME_RETENTION_MICROS;
    const found = new Set<string>();
    await this.each(this.outcomePrefix, (suffix, value) => {
      const at = new ByteReader(value).varint();
      if (at === 0 && found.size < MAX_ABORTED_SEEN) found.add(suffix);
      if (at === 0 ? isDue && aborted.seen.has(suffix) : at < horizon) ops.push({ key: (this.outcomePrefix + suffix) as Key, value: undefined });
      return ops.length < limit;
    });
    if (isDue || aborted.since === 0) this.aborted = { since: horizon, seen: found };
    if (ops.length > 0) this.engine.writeState(ops);
  }

  private async each(prefix: string, visit: (suffix: string, value: Uint8Array) => unknown): Promise<void> {
    const cursor = this.engine.scan(prefix as Key, `${prefix}g` as Key);
    try {
      for (;;) {
        const batch = await cursor.next(SCAN_BATCH);
        if (batch.length === 0) return;
        for (const { key, value } of batch) if (visit(key.slice(prefix.length), value) === false) return;
      }
    } finally {
      await cursor.close();
    }
  }
}

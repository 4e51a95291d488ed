/** A transaction on a map in memory: writes take effect at once, preconditions are checked at once, nothing else is simulated. */
import { key as asKey, timestamp, txnId, type Key } from '../../../src/base/ids.ts';
import { encodeRecord, mergeRecord, NULL_CELL, resolveCommitTimestamps } from '../../../src/storage/record.ts';
import type { CommitResult, KeyRange, RangeReadOptions, ReadWriteTransaction, Row, RowCursor, WriteConflict, WriteOp } from '../../../src/txn/types.ts';

export class FakeConflict extends Error {
  readonly conflict: WriteConflict;

  constructor(conflict: WriteConflict) {
    super(`${conflict.kind} ${JSON.stringify(conflict.key)}`);
    this.conflict = conflict;
  }
}

const BATCH_ROWS = 3;

export class FakeTransaction implements ReadWriteTransaction {
  readonly rows = new Map<Key, Uint8Array>();
  readonly id = txnId('0'.repeat(32));
  readonly age = timestamp(1);
  readonly readTimestamp = undefined;
  state: ReadWriteTransaction['state'] = 'active';
  /** Keys read and operations written, for tests of what a write costs. */
  reads = 0;
  readonly ops: WriteOp[] = [];

  get(keys: readonly Key[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.reads += keys.length;
    return Promise.resolve(keys.map((key) => this.rows.get(key)));
  }

  private inRange(range: KeyRange): Key[] {
    return [...this.rows.keys()].filter((key) => key >= range.from && key < range.to).sort();
  }

  scan(range: KeyRange, options: RangeReadOptions = {}): RowCursor {
    let keys = this.inRange(range);
    if (options.reverse === true) keys.reverse();
    if (options.limit !== undefined) keys = keys.slice(0, options.limit);
    this.reads++;
    let at = 0;
    return {
      next: () => {
        if (at >= keys.length) return Promise.resolve(undefined);
        const batch: Row[] = keys.slice(at, at + BATCH_ROWS).flatMap((key) => {
          const record = this.rows.get(key);
          return record === undefined ? [] : [{ key, record }];
        });
        at += BATCH_ROWS;
        return Promise.resolve(batch);
      },
      close: () => Promise.resolve(),
    };
  }

  write(ops: readonly WriteOp[]): Promise<void> {
    for (const op of ops) this.apply(op);
    this.ops.push(...ops);
    return Promise.resolve();
  }

  private apply(op: WriteOp): void {
    if (op.kind === 'deleteRange') {
      for (const key of this.inRange(op)) this.rows.delete(key);
      return;
    }
    if (op.kind === 'delete') {
      this.rows.delete(op.key);
      return;
    }
    const before = this.rows.get(op.key);
    if (op.kind === 'insert' && before !== undefined) throw new FakeConflict({ kind: 'exists', key: op.key });
    if (op.kind === 'update' && before === undefined) throw new FakeConflict({ kind: 'missing', key: op.key });
    const merges = before !== undefined && (op.kind === 'update' || op.kind === 'upsert');
    const present = op.cells.filter((cell) => cell.value !== NULL_CELL);
    this.rows.set(op.key, merges ? mergeRecord(before, op.cells) : encodeRecord(present));
  }

  commit(): Promise<CommitResult> {
    const commitTimestamp = timestamp(1_700_000_000_000_000);
    for (const [key, record] of this.rows) this.rows.set(key, resolveCommitTimestamps(record, commitTimestamp));
    this.state = 'committed';
    return Promise.resolve({ commitTimestamp });
  }

  rollback(): Promise<void> {
    this.state = 'aborted';
    return Promise.resolve();
  }

  /** All keys in order. */
  get keys(): Key[] {
    return [...this.rows.keys()].sort().map(asKey);
  }
}

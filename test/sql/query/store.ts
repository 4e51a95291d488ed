/**
 * A table store in memory for tests of queries: ordered keys, a view of them, and a transaction that overlays writes.
 * It has the semantics of src/txn/types.ts for one client and one thread.
 */
import { key as toKey, timestamp, txnId, type Key, type Timestamp } from '../../../src/base/ids.ts';
import { encodeRecord, mergeRecord, resolveCommitTimestamps } from '../../../src/storage/record.ts';
import { fragmentCompiler } from '../../../src/sql/fragment/run.ts';
import { WriteConflictError } from '../../../src/txn/failures.ts';
import type { CommitResult, Found, KeyRange, PortionCursor, RangeReadOptions, ReadView, ReadWriteTransaction, Row, RowCursor, WriteOp } from '../../../src/txn/types.ts';

const SCAN_BATCH = 100;
const ANSWER_BYTES = 1_000_000;
/** Compiled fragments, as at a node. */
const compileFragment = fragmentCompiler();

export class MemoryStore implements ReadView {
  readonly readTimestamp: Timestamp | undefined = undefined;
  readonly records = new Map<string, Uint8Array>();
  private sorted: string[] | undefined;
  /** Rows read by scans and gets, for tests of how much is read. */
  rowsRead = 0;
  openCursors = 0;
  /** Whether scans take fragments, and how many rows one portion looks at. */
  takesFragments = true;
  lookRows = SCAN_BATCH;
  /** What was sent, as binary text. */
  readonly fragments = new Set<string>();

  set(key: string, record: Uint8Array | undefined): void {
    if (record === undefined) this.records.delete(key);
    else this.records.set(key, record);
    this.sorted = undefined;
  }

  private keys(): string[] {
    this.sorted ??= [...this.records.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return this.sorted;
  }

  get(keys: readonly Key[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.rowsRead += keys.length;
    return Promise.resolve(keys.map((k) => this.records.get(k)));
  }

  scan(range: KeyRange, options: RangeReadOptions = {}): RowCursor {
    const keys = this.keys();
    const first = lowerBound(keys, range.from);
    const last = lowerBound(keys, range.to);
    const { within } = options;
    let wanted = keys.slice(first, last);
    if (within !== undefined) wanted = within.flatMap((part) => wanted.slice(lowerBound(wanted, part.from), lowerBound(wanted, part.to)).slice(0, options.each));
    if (options.reverse === true) wanted = wanted.reverse();
    if (options.limit !== undefined) wanted = wanted.slice(0, options.limit);
    let at = 0;
    let open = true;
    this.openCursors++;
    return {
      next: (): Promise<readonly Row[] | undefined> => {
        if (!open) return Promise.reject(new Error('the cursor is closed'));
        if (at >= wanted.length) return Promise.resolve(undefined);
        const batch = wanted.slice(at, at + SCAN_BATCH);
        at += batch.length;
        this.rowsRead += batch.length;
        return Promise.resolve(batch.flatMap((k): Row[] => {
          const record = this.records.get(k);
          return record === undefined ? [] : [{ key: toKey(k), record }];
        }));
      },
      close: (): Promise<void> => {
        if (open) this.openCursors--;
        open = false;
        return Promise.resolve();
      },
    };
  }

  /** As the nodes do it: each portion is what a fragment of its own makes of the next rows. */
  scanThrough(fragment: Uint8Array, range: KeyRange, options: RangeReadOptions = {}): PortionCursor | undefined {
    if (!this.takesFragments) return undefined;
    const { limit, each = Infinity, ...rest } = options;
    let { from, to } = range;
    let left = limit ?? Infinity;
    let open = true;
    this.openCursors++;
    this.fragments.add(Buffer.from(fragment).toString('latin1'));
    return {
      next: async () => {
        if (left <= 0 || from >= to) return undefined;
        const run = compileFragment(fragment, { rows: Math.min(left, SCAN_BATCH), bytes: ANSWER_BYTES });
        const cursor = this.scan({ from, to }, { ...rest, limit: this.lookRows });
        let last: Key | undefined;
        let given = { part: -1, before: 0 };
        try {
          for (let rows = await cursor.next(); rows !== undefined && !run.isFull; rows = await cursor.next()) {
            for (const { key, record } of rows) {
              if (run.isFull) break;
              const part = options.within?.findIndex((p) => key < p.to) ?? 0;
              if (part !== given.part) {
                given = { part, before: run.given };
                run.enter?.(options.within?.[part]?.tag ?? 0);
              }
              if (run.given - given.before >= each) continue;
              run.look(key, record);
              last = key;
            }
          }
        } finally {
          await cursor.close();
        }
        if (last === undefined) return undefined;
        if (options.reverse === true) to = last;
        else from = run.skipTo(last) ?? toKey(`${last}\0`);
        const result = run.finish();
        left -= result.rows.length;
        return { ...result, last };
      },
      close: () => {
        if (open) this.openCursors--;
        open = false;
        left = 0;
        return Promise.resolve();
      },
    };
  }

  getThrough(fragment: Uint8Array, keys: readonly Key[]): Promise<Found | undefined> {
    if (!this.takesFragments) return Promise.resolve(undefined);
    this.fragments.add(Buffer.from(fragment).toString('latin1'));
    this.rowsRead += keys.length;
    const run = compileFragment(fragment, { rows: keys.length, bytes: Infinity });
    let scanned = 0;
    for (const k of keys) {
      const record = this.records.get(k);
      if (record === undefined) continue;
      scanned++;
      run.look(k, record);
    }
    const kept = new Map(run.finish().rows.map((row) => [row.key, row.record]));
    return Promise.resolve({ records: keys.map((k) => kept.get(k)), scanned });
  }

  copy(): MemoryStore {
    const store = new MemoryStore();
    for (const [k, v] of this.records) store.records.set(k, v);
    return store;
  }
}

function lowerBound(keys: readonly string[], wanted: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A transaction over a store: writes go to a copy, which replaces the store's contents at commit. */
export class MemoryTransaction extends MemoryStore implements ReadWriteTransaction {
  readonly id = txnId('00000000000000000000000000000001');
  readonly age = timestamp(1);
  state: ReadWriteTransaction['state'] = 'active';
  private readonly store: MemoryStore;

  constructor(store: MemoryStore) {
    super();
    this.store = store;
    for (const [k, v] of store.records) this.records.set(k, v);
  }

  write(ops: readonly WriteOp[]): Promise<void> {
    try {
      for (const op of ops) this.applyOne(op);
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private applyOne(op: WriteOp): void {
    if (op.kind === 'delete') return this.set(op.key, undefined);
    if (op.kind === 'deleteRange') {
      for (const k of [...this.records.keys()]) if (k >= op.from && k < op.to) this.set(k, undefined);
      return undefined;
    }
    const existing = this.records.get(op.key);
    if (op.kind === 'insert' && existing !== undefined) throw new WriteConflictError({ kind: 'exists', key: op.key });
    if (op.kind === 'update' && existing === undefined) throw new WriteConflictError({ kind: 'missing', key: op.key });
    const merged = existing !== undefined && (op.kind === 'update' || op.kind === 'upsert') ? mergeRecord(existing, op.cells) : encodeRecord(op.cells);
    return this.set(op.key, merged);
  }

  commit(): Promise<CommitResult> {
    this.state = 'committed';
    const commitTimestamp = timestamp(1_700_000_000_000_000);
    this.store.records.clear();
    for (const [k, v] of this.records) this.store.set(k, resolveCommitTimestamps(v, commitTimestamp));
    return Promise.resolve({ commitTimestamp });
  }

  rollback(): Promise<void> {
    this.state = 'aborted';
    return Promise.resolve();
  }
}

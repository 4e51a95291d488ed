/**
 * Transactions over one sorted map in memory, for tests of the edge: multi-version, optimistic. A transaction that read
 * a key which another one has changed since is aborted when it commits.
 */
import { aborted, alreadyExists, notFound } from '../../src/base/errors.ts';
import { key, timestamp, txnId, type Key, type Timestamp } from '../../src/base/ids.ts';
import type {
  CommitResult,
  KeyRange,
  RangeReadOptions,
  ReadWriteOptions,
  ReadWriteTransaction,
  Row,
  RowCursor,
  Snapshot,
  TimestampBound,
  TransactionSystem,
  WriteOp,
} from '../../src/txn/types.ts';
import { randomBytes } from 'node:crypto';

interface Version {
  readonly at: number;
  readonly record: Uint8Array | undefined;
}

export class FakeStore implements TransactionSystem {
  private readonly rows = new Map<string, Version[]>();
  private last = Date.now() * 1000;
  /** Thrown by the next commits, in order, instead of committing or, with `after`, once committed. */
  readonly commitFaults: { readonly error: Error; readonly after: boolean }[] = [];
  readonly outcomes = new Map<string, Timestamp>();

  now(): number {
    this.last = Math.max(this.last + 1, Date.now() * 1000);
    return this.last;
  }

  read(at: string, when: number): Uint8Array | undefined {
    const versions = this.rows.get(at) ?? [];
    for (let i = versions.length - 1; i >= 0; i--) {
      const version = versions[i];
      if (version !== undefined && version.at <= when) return version.record;
    }
    return undefined;
  }

  changedSince(at: string, when: number): boolean {
    return (this.rows.get(at)?.at(-1)?.at ?? 0) > when;
  }

  put(at: string, record: Uint8Array | undefined, when: number): void {
    const versions = this.rows.get(at);
    if (versions === undefined) this.rows.set(at, [{ at: when, record }]);
    else versions.push({ at: when, record });
  }

  keysIn(range: KeyRange): string[] {
    return [...this.rows.keys()].filter((k) => k >= range.from && k < range.to).sort();
  }

  beginReadWrite(options: ReadWriteOptions = {}): FakeTransaction {
    return new FakeTransaction(this, options.age ?? timestamp(this.now()));
  }

  snapshot(bound: TimestampBound): Promise<Snapshot> {
    return Promise.resolve(this.snapshotAt(bound));
  }

  private snapshotAt(bound: TimestampBound): Snapshot {
    const now = this.now();
    const at =
      bound.kind === 'readTimestamp' || bound.kind === 'minReadTimestamp'
        ? bound.timestamp
        : bound.kind === 'strong'
          ? timestamp(now)
          : timestamp(now - bound.stalenessMicros);
    const snapshot: Snapshot = {
      readTimestamp: at,
      withSchema: () => snapshot,
      get: (keys) => Promise.resolve(keys.map((k) => this.read(k, at))),
      scan: (range, options) => cursor(this, range, options, (k) => this.read(k, at)),
    };
    return snapshot;
  }
}

function cursor(
  store: FakeStore,
  range: KeyRange,
  options: RangeReadOptions | undefined,
  read: (k: string) => Uint8Array | undefined,
  own: Iterable<string> = [],
): RowCursor {
  const buffered = [...own].filter((k) => k >= range.from && k < range.to);
  const keys = [...new Set([...store.keysIn(range), ...buffered])].sort();
  if (options?.reverse === true) keys.reverse();
  let done = false;
  return {
    next: () => {
      if (done) return Promise.resolve(undefined);
      done = true;
      const rows: Row[] = [];
      for (const each of keys) {
        const record = read(each);
        if (record !== undefined) rows.push({ key: key(each), record });
      }
      return Promise.resolve(rows);
    },
    close: () => Promise.resolve(),
  };
}

export class FakeTransaction implements ReadWriteTransaction {
  readonly id = txnId(randomBytes(16).toString('hex'));
  readonly readTimestamp = undefined;
  readonly age: Timestamp;
  state: ReadWriteTransaction['state'] = 'active';
  private readonly store: FakeStore;
  private readonly begun: number;
  private readonly seen = new Set<string>();
  private readonly writes = new Map<string, Uint8Array | undefined>();
  private readonly mustNotExist = new Set<string>();

  constructor(store: FakeStore, age: Timestamp) {
    this.store = store;
    this.age = age;
    this.begun = store.now();
  }

  private readOne(at: string): Uint8Array | undefined {
    if (this.writes.has(at)) return this.writes.get(at);
    this.seen.add(at);
    return this.store.read(at, this.begun);
  }

  get(keys: readonly Key[]): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.resolve(keys.map((k) => this.readOne(k)));
  }

  scan(range: KeyRange, options?: RangeReadOptions): RowCursor {
    return cursor(this.store, range, options, (k) => this.readOne(k), this.writes.keys());
  }

  write(ops: readonly WriteOp[]): Promise<void> {
    for (const op of ops) {
      if (op.kind === 'deleteRange') {
        for (const each of this.store.keysIn(op)) this.writes.set(each, undefined);
      } else if (op.kind === 'delete') this.writes.set(op.key, undefined);
      else {
        const exists = this.writes.has(op.key) ? this.writes.get(op.key) !== undefined : this.store.read(op.key, this.begun) !== undefined;
        if (op.kind === 'insert' && exists) return Promise.reject(alreadyExists(`Row ${op.key} already exists.`));
        if (op.kind === 'update' && !exists) return Promise.reject(notFound(`Row ${op.key} not found.`));
        if (op.kind === 'insert') this.mustNotExist.add(op.key);
        this.writes.set(op.key, op.cells[0]?.value);
      }
    }
    return Promise.resolve();
  }

  async commit(): Promise<CommitResult> {
    await Promise.resolve();
    const fault = this.store.commitFaults.shift();
    if (fault !== undefined && !fault.after) {
      this.state = 'aborted';
      throw fault.error;
    }
    for (const each of [...this.seen, ...this.mustNotExist]) {
      if (!this.store.changedSince(each, this.begun)) continue;
      this.state = 'aborted';
      throw aborted('The transaction read a row that has changed since.');
    }
    const at = timestamp(this.store.now());
    for (const [each, record] of this.writes) this.store.put(each, record, at);
    this.state = 'committed';
    this.store.outcomes.set(this.id, at);
    if (fault !== undefined) throw fault.error;
    return { commitTimestamp: at };
  }

  rollback(): Promise<void> {
    if (this.state === 'active') this.state = 'aborted';
    return Promise.resolve();
  }
}

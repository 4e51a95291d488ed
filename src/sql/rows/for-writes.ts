/**
 * A transaction whose reads serve its writes: the rows that a DML statement looks for, rows that constraints ask for. At
 * repeatable read these must be unchanged when the transaction commits, unlike those of queries (Spanner, "Isolation
 * levels"); so constraints hold at that level, too.
 */
import type { Key, Timestamp, TxnId } from '../../base/ids.ts';
import type { CommitOptions, CommitResult, Found, IsolationLevel, KeyRange, PortionCursor, RangeReadOptions, ReadOptions, ReadWriteTransaction, RowCursor, TransactionHooks, WriteOp } from '../../txn/types.ts';

class ForWrites implements ReadWriteTransaction {
  readonly readTimestamp = undefined;
  private readonly inner: ReadWriteTransaction;

  constructor(inner: ReadWriteTransaction) {
    this.inner = inner;
  }

  get id(): TxnId {
    return this.inner.id;
  }
  get age(): Timestamp {
    return this.inner.age;
  }
  get isolation(): IsolationLevel | undefined {
    return this.inner.isolation;
  }
  get state(): ReadWriteTransaction['state'] {
    return this.inner.state;
  }
  get hooks(): TransactionHooks | undefined {
    return this.inner.hooks;
  }
  get(keys: readonly Key[], options: ReadOptions = {}): Promise<readonly (Uint8Array | undefined)[]> {
    return this.inner.get(keys, { ...options, forWrite: true });
  }
  scan(range: KeyRange, options: RangeReadOptions = {}): RowCursor {
    return this.inner.scan(range, { ...options, forWrite: true });
  }
  scanThrough(fragment: Uint8Array, range: KeyRange, options: RangeReadOptions = {}): PortionCursor | undefined {
    return this.inner.scanThrough?.(fragment, range, { ...options, forWrite: true });
  }
  async getThrough(fragment: Uint8Array, keys: readonly Key[], options: ReadOptions = {}): Promise<Found | undefined> {
    return await this.inner.getThrough?.(fragment, keys, { ...options, forWrite: true });
  }
  write(ops: readonly WriteOp[]): Promise<void> {
    return this.inner.write(ops);
  }
  commit(options?: CommitOptions): Promise<CommitResult> {
    return this.inner.commit(options);
  }
  rollback(): Promise<void> {
    return this.inner.rollback();
  }
}

/** The transaction itself where all its reads are protected alike. */
export const forWrites = (transaction: ReadWriteTransaction): ReadWriteTransaction => (transaction.isolation === 'repeatable-read' ? new ForWrites(transaction) : transaction);

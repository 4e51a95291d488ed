/**
 * What a row writer remembers over one transaction: mutations counted, foreign keys to check, and rows with an open commit timestamp.
 *
 * The commit timestamp is not known before the commit. In a cell the leader puts it in; in a key (of a row or of an index entry) nobody can, so
 * such keys wait here until `finish`, when the transaction's timestamp is fixed in advance.
 */
import { unimplemented } from '../../base/errors.ts';
import type { Key } from '../../base/ids.ts';
import type { KeyRange, ReadWriteTransaction, Row, WriteOp } from '../../txn/types.ts';
import { MAX_MUTATIONS } from '../schema/limits.ts';
import type { SqlValue } from '../values/value.ts';
import type { RowValue } from './cells.ts';
import { tooManyMutations } from './errors.ts';
import { storedRow, type ValueContext } from './new-values.ts';
import { ReferenceChecks } from './references.ts';
import type { TablePlan, TablePlans } from './table-plan.ts';
import { PendingTimestamps } from './pending-timestamps.ts';
import { PENDING_COMMIT_TIMESTAMP } from './values.ts';

/** Operations that need the commit timestamp, in nanoseconds since the epoch. */
export type DeferredWrite = (commitNanos: bigint) => readonly WriteOp[];

export class WriterState {
  readonly plans: TablePlans;
  readonly transaction: ReadWriteTransaction;
  readonly references: ReferenceChecks;
  private readonly context: ValueContext;
  private mutations = 0;
  /** Rows of this transaction with an open commit timestamp in cells: positions. */
  private open: Map<Key, ReadonlySet<number>> | undefined;
  /** By what they write, so that a later write of the same row takes the place of an earlier one. */
  private deferred: Map<string, DeferredWrite> | undefined;
  /** What cannot be read any more. */
  readonly pending = new PendingTimestamps();

  constructor(plans: TablePlans, transaction: ReadWriteTransaction, context: ValueContext) {
    this.context = context;
    this.plans = plans;
    this.transaction = transaction;
    this.references = new ReferenceChecks(plans.keySpace, transaction);
  }

  get mutationCount(): number {
    return this.mutations;
  }

  count(mutations: number): void {
    this.mutations += mutations;
    if (this.mutations > MAX_MUTATIONS) throw tooManyMutations();
  }

  /** A row as read: all that its entries and rules depend on. */
  decode(plan: TablePlan, row: Row): readonly SqlValue[] {
    return storedRow(plan, this.context, row);
  }

  /** The same, with the commit timestamp open again where this transaction wrote it so. */
  withOpen(plan: TablePlan, { key, record }: Row): readonly RowValue[] {
    const row = this.decode(plan, { key, record });
    const positions = this.open?.get(key);
    if (positions === undefined) return row;
    return row.map((value, position) => (positions.has(position) && !plan.isKey.has(position) ? PENDING_COMMIT_TIMESTAMP : value));
  }

  /** The row at `key` was written. */
  remember(plan: TablePlan, key: Key, row: readonly RowValue[]): void {
    this.pending.note(plan, row);
    if (!row.includes(PENDING_COMMIT_TIMESTAMP)) {
      this.open?.delete(key);
      return;
    }
    (this.open ??= new Map()).set(key, new Set(row.flatMap((value, position) => (value === PENDING_COMMIT_TIMESTAMP ? [position] : []))));
  }

  /** The row at `key` is gone: entries of it that wait are too. */
  forget(plan: TablePlan, key: Key): void {
    this.open?.delete(key);
    for (const { index } of plan.indexes) this.deferred?.delete(entryIdentity(index.id, key));
  }

  /** A range of keys was deleted, whatever lies there. */
  forgetRange(range: KeyRange): void {
    for (const key of this.open?.keys() ?? []) if (isWithin(key, range)) this.open?.delete(key);
  }

  /** Of rows whose keys wait for the commit timestamp, those of a table (or all) are gone that would lie in the range now. */
  undeferRows(range: KeyRange, table: number | undefined): void {
    for (const [identity, write] of this.deferred ?? []) {
      if (!identity.startsWith(table === undefined ? 'row ' : rowIdentity(table, ''))) continue;
      const [first] = write(this.context.nowNanos());
      if (first?.kind === 'insert' && isWithin(first.key, range)) this.deferred?.delete(identity);
    }
  }

  defer(identity: string, write: DeferredWrite): void {
    (this.deferred ??= new Map()).set(identity, write);
  }

  undefer(identity: string): void {
    this.deferred?.delete(identity);
  }

  get hasDeferred(): boolean {
    return this.deferred !== undefined && this.deferred.size > 0;
  }

  isDeferred(identity: string): boolean {
    return this.deferred?.has(identity) === true;
  }

  /** Writes what waited. `fix` gives the timestamp that the transaction will commit at, or nothing if it cannot. */
  async writeDeferred(fix: (() => Promise<bigint>) | undefined): Promise<void> {
    const { deferred } = this;
    if (deferred === undefined || !this.hasDeferred) return;
    if (fix === undefined) throw unimplemented('Commit timestamps in primary keys and in keys of indexes cannot be written here.');
    const nanos = await fix();
    const ops = [...deferred.values()].flatMap((write) => write(nanos));
    deferred.clear();
    await this.transaction.write(ops);
  }
}

export const entryIdentity = (index: number, rowKey: string): string => `entry ${index} ${rowKey}`;
export const rowIdentity = (table: number, keyText: string): string => `row ${table} ${keyText}`;
const isWithin = (key: Key, range: KeyRange): boolean => key >= range.from && key < range.to;

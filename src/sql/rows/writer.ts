/**
 * The row writer: typed rows in, write operations on keys out, with everything that a table's definition demands.
 *
 * Reads are made only where an old row matters. An insert reads nothing of the table (the operation's precondition is checked where the row
 * lives; see conflict.ts), an update or upsert of a table without indexes, foreign keys, checks, generated or defaulted columns
 * neither. Parent rows and referenced rows are read under lock, and of a DML statement the entries that it adds to unique indexes are looked up.
 * Foreign keys are checked by `endStatement`; `finish` has to be called before the commit.
 * Source: Spanner "Mutation" reference, "Foreign keys", "Schemas" (interleaving), "Commit timestamps".
 */
import type { Key } from '../../base/ids.ts';
import type { KeyRange, ReadWriteTransaction, WriteOp } from '../../txn/types.ts';
import type { ColumnId, Table } from '../schema/objects.ts';
import { boundedKey, changedCells, entryCells, entryKeyValues, rowCells, settle, type RowValue } from './cells.ts';
import { describeConflict } from './conflict.ts';
import { deleteChildren, deleteKeys, deleteRange } from './deletes.ts';
import { EntryChanges, opensKey } from './entries.ts';
import { keyText, parentMissing, rowExists, rowMissing } from './errors.ts';
import type { KeySpace } from './keyspace.ts';
import { checkValue, completeRow, givenValues, keyValues, newRow, onUpdateValues, rowKeyText, updatedRow, type ValueContext } from './new-values.ts';
import type { PendingTimestamps } from './pending-timestamps.ts';
import { plansOf, type TablePlan, type TablePlans } from './table-plan.ts';
import { PENDING_COMMIT_TIMESTAMP, type KeyRangeValues, type KeySetValues, type KeyValues, type WriteKind, type WriteValue } from './values.ts';
import { entryIdentity, rowIdentity, WriterState } from './writer-state.ts';

export interface WriterContext extends ValueContext {
  /**
   * Fixes the timestamp, in nanoseconds, that the transaction commits at if it commits. Called at most once, by `finish`, when a
   * commit timestamp is part of a key. undefined: such writes are refused.
   */
  readonly fixCommitTimestamp?: () => Promise<bigint>;
}

/** One row on its way. */
interface Incoming {
  readonly given: (RowValue | undefined)[];
  readonly keyValues: readonly RowValue[];
  /** undefined: the key has the open commit timestamp. */
  readonly key: Key | undefined;
}

/** What a batch has gathered so far. */
interface Batch {
  readonly inStatement: boolean;
  readonly plan: TablePlan;
  readonly ops: WriteOp[];
  entries: EntryChanges | undefined;
  /** Rows as they are now, for the keys of the batch, when old rows matter. undefined value: there is none. */
  readonly current: Map<Key, readonly RowValue[] | undefined> | undefined;
  /** Parent keys that have to exist. */
  parents: Map<Key, readonly RowValue[]> | undefined;
}

export class RowWriter {
  readonly keySpace: KeySpace;
  private readonly plans: TablePlans;
  private readonly context: WriterContext;
  private readonly state: WriterState;

  constructor(keySpace: KeySpace, transaction: ReadWriteTransaction, context: WriterContext) {
    this.keySpace = keySpace;
    this.plans = plansOf(keySpace);
    this.context = context;
    this.state = new WriterState(this.plans, transaction, context);
  }

  /** As commit_stats counts: columns written, defaults and stored generated ones included, index entries changed, rows and ranges deleted (not what goes with them). */
  get mutationCount(): number {
    return this.state.mutationCount;
  }

  /**
   * Writes rows; `rows[i][j]` is the value of column `columns[j]`, of the column's type. Throws TrestleError. Of a DML statement the entries
   * of unique indexes are looked up at once, since its constraints are checked when it ends; those of mutations are checked by the commit.
   */
  write(kind: WriteKind, table: Table, columns: readonly ColumnId[], rows: readonly (readonly WriteValue[])[], inStatement = false): Promise<void> {
    const plan = this.plans.of(table);
    const { positions, affected, needsOldRows } = plan.shape(kind, columns);
    this.state.count(rows.length * affected);
    const incoming = rows.map((values) => this.incoming(plan, kind, positions, values));
    const isBlind = !needsOldRows && plan.parent === undefined && (kind !== 'replace' || plan.children.length === 0);
    return isBlind ? this.writeBlindly(plan, kind, incoming, inStatement) : this.writeAfterReading(plan, kind, incoming, needsOldRows, inStatement);
  }

  /** Nothing has to be read for it. */
  private writeBlindly(plan: TablePlan, kind: WriteKind, incoming: readonly Incoming[], inStatement: boolean): Promise<void> {
    const batch: Batch = { plan, ops: [], entries: undefined, current: undefined, parents: undefined, inStatement };
    for (const row of incoming) this.writeRow(batch, kind, row);
    return this.writeOps(batch);
  }

  private async writeAfterReading(plan: TablePlan, kind: WriteKind, incoming: readonly Incoming[], needsOldRows: boolean, inStatement: boolean): Promise<void> {
    const current = needsOldRows ? await this.load(plan, incoming) : undefined;
    const batch: Batch = { plan, ops: [], entries: undefined, current, parents: undefined, inStatement };
    for (const row of incoming) {
      if (kind === 'replace' && row.key !== undefined && plan.children.length > 0) await deleteChildren(this.state, plan, row.key);
      this.writeRow(batch, kind, row);
    }
    if (batch.parents !== undefined) await this.checkParents(plan, batch.parents);
    await this.writeOps(batch);
  }

  private writeRow(batch: Batch, kind: WriteKind, row: Incoming): void {
    if (row.key === undefined) this.deferRow(batch, kind, row);
    else if (kind === 'insert') this.insert(batch, row, row.key);
    else if (kind === 'update') this.update(batch, row, row.key);
    else if (kind === 'insertOrUpdate') this.upsert(batch, row, row.key);
    else this.replace(batch, row, row.key);
  }

  private writeOps({ ops, entries, inStatement }: Batch): Promise<void> {
    if (entries === undefined) return this.state.transaction.write(ops);
    this.state.count(entries.size);
    const changes = entries.ops();
    const added = inStatement ? changes.flatMap((op) => (op.kind === 'insert' ? op.key : [])) : [];
    return added.length === 0 ? this.state.transaction.write([...ops, ...changes]) : this.writeUnlessTaken(added, [...ops, ...changes]);
  }

  /** `added` are entries of unique indexes that have to be new. */
  private async writeUnlessTaken(added: readonly Key[], ops: readonly WriteOp[]): Promise<void> {
    const found = await this.state.transaction.get(added);
    const taken = added.find((_, i) => found[i] !== undefined);
    if (taken !== undefined) throw describeConflict(this.keySpace, { kind: 'exists', key: taken });
    await this.state.transaction.write(ops);
  }


  /** Deletes rows by complete keys or key prefixes; missing rows are none. */
  async delete(table: Table, set: KeySetValues): Promise<void> {
    const plan = this.plans.of(table);
    const { keys } = plan.layout.keySet({ all: false, keys: set.keys.filter((key) => key.length === plan.layout.parts.length), ranges: [] });
    this.state.count(set.keys.length);
    await deleteKeys(this.state, plan, keys);
    for (const prefix of set.keys.filter((key) => key.length < plan.layout.parts.length)) {
      await deleteRange(this.state, plan, plan.layout.prefixRange(prefix), plan.layout.isExclusive(prefix.length));
    }
    if (set.all) await this.deleteRange(table, { start: [], startClosed: true, end: [], endClosed: true });
    for (const range of set.ranges) await this.deleteRange(table, range);
  }

  async deleteKeys(table: Table, keys: readonly KeyValues[]): Promise<void> {
    const plan = this.plans.of(table);
    this.state.count(keys.length);
    await deleteKeys(this.state, plan, keys.map((key) => plan.layout.key(key)));
  }

  async deleteRange(table: Table, range: KeyRangeValues): Promise<void> {
    const plan = this.plans.of(table);
    const keys: KeyRange = plan.layout.range(range);
    this.state.count(1);
    if (keys.from < keys.to) await deleteRange(this.state, plan, keys, isWithinOneParent(plan, range));
  }

  /** Checks the foreign keys of what was written since the last call. Call it after each DML statement, and once for a list of mutations. */
  endStatement(): Promise<void> | undefined {
    return this.state.references.check();
  }

  /** What the transaction cannot read any more. */
  get pending(): PendingTimestamps {
    return this.state.pending;
  }

  /** Has to be called before the transaction commits, after which nothing more may be written. */
  finish(): Promise<void> | undefined {
    const checked = this.state.references.check();
    if (checked === undefined && !this.state.hasDeferred) return undefined;
    return Promise.resolve(checked).then(() => this.state.writeDeferred(this.context.fixCommitTimestamp));
  }

  // ---- Rows of a batch

  private incoming(plan: TablePlan, kind: WriteKind, positions: readonly number[], values: readonly WriteValue[]): Incoming {
    const given = givenValues(plan, this.context, positions, values);
    const key = keyValues(plan, this.context, given, kind !== 'update');
    for (const [i, position] of plan.keyPositions.entries()) checkValue(plan.table, plan.column(position), key[i] ?? null, this.context);
    const settled = settle(key, undefined);
    return { given, keyValues: key, key: settled === undefined ? undefined : boundedKey(plan.layout, settled, `table ${plan.table.name}`) };
  }

  /** Reads the rows of a batch, each once. */
  private async load(plan: TablePlan, incoming: readonly Incoming[]): Promise<Map<Key, readonly RowValue[] | undefined>> {
    const keys = [...new Set(incoming.flatMap((row) => row.key ?? []))];
    const records = await this.state.transaction.get(keys, { lock: 'exclusive' });
    return new Map(
      keys.map((key, i) => {
        const record = records[i];
        return [key, record === undefined ? undefined : this.state.withOpen(plan, { key, record })];
      }),
    );
  }

  private insert(batch: Batch, incoming: Incoming, key: Key): void {
    const row = this.completeNew(batch.plan, incoming);
    batch.ops.push({ kind: 'insert', key, cells: rowCells(batch.plan, row) });
    this.needParent(batch, incoming.keyValues);
    this.written(batch, key, undefined, row);
  }

  private update(batch: Batch, incoming: Incoming, key: Key): void {
    const { plan, current } = batch;
    if (current === undefined) {
      this.updateBlindly(batch, incoming, key, 'update');
      return;
    }
    const before = current.get(key);
    if (before === undefined) throw rowMissing(plan.table, keyText(settle(incoming.keyValues, 0n) ?? [], plan.layout.parts.map((part) => part.column)));
    this.updateExisting(batch, incoming, key, before);
  }

  private updateExisting(batch: Batch, incoming: Incoming, key: Key, before: readonly RowValue[]): void {
    const { plan } = batch;
    const row = updatedRow(plan, this.context, before, incoming.given);
    const changed = givenPositions(incoming.given);
    completeRow(plan, this.context, row, changed);
    const positions = row.flatMap((value, position) => (changed.includes(position) || !Object.is(value, before[position]) ? [position] : []));
    batch.ops.push({ kind: 'update', key, cells: changedCells(plan, row, positions) });
    this.written(batch, key, before, row);
  }

  /** Without the old row: the given cells change, and nothing else depends on them. */
  private updateBlindly(batch: Batch, incoming: Incoming, key: Key, kind: 'update' | 'upsert'): void {
    const { plan } = batch;
    const row = incoming.given.map((value) => value ?? null);
    const changed = givenPositions(incoming.given);
    for (const position of changed) checkValue(plan.table, plan.column(position), row[position] ?? null, this.context);
    for (const [position, value] of onUpdateValues(plan, this.context, incoming.given)) {
      row[position] = value;
      changed.push(position);
    }
    batch.ops.push({ kind, key, cells: changedCells(plan, row, changed) });
    // What earlier writes left open stays so: the row at hand has the given values only.
    if (row.includes(PENDING_COMMIT_TIMESTAMP)) this.state.remember(plan, key, row);
    if (kind === 'upsert') this.needParent(batch, incoming.keyValues);
  }

  private upsert(batch: Batch, incoming: Incoming, key: Key): void {
    if (batch.current === undefined) {
      this.updateBlindly(batch, incoming, key, 'upsert');
      return;
    }
    const before = batch.current.get(key);
    if (before === undefined) this.insert(batch, incoming, key);
    else this.updateExisting(batch, incoming, key, before);
  }

  /** As a deletion and an insertion; rows interleaved in it are gone already. */
  private replace(batch: Batch, incoming: Incoming, key: Key): void {
    const { plan } = batch;
    const before = batch.current?.get(key);
    const row = this.completeNew(plan, incoming);
    batch.ops.push({ kind: 'put', key, cells: rowCells(plan, row) });
    if (before === undefined) this.needParent(batch, incoming.keyValues);
    this.written(batch, key, before, row);
  }

  private completeNew(plan: TablePlan, incoming: Incoming): RowValue[] {
    const row = newRow(plan, this.context, incoming.given);
    completeRow(plan, this.context, row, [...row.keys()]);
    return row;
  }

  /** Notes what a row's change means elsewhere: index entries, foreign keys, open commit timestamps. */
  private written(batch: Batch, key: Key, before: readonly RowValue[] | undefined, row: readonly RowValue[]): void {
    const { plan } = batch;
    batch.current?.set(key, row);
    if (plan.indexes.length > 0) (batch.entries ??= new EntryChanges()).change(plan, key, before, row);
    this.state.remember(plan, key, row);
    for (const index of plan.indexes) {
      const identity = entryIdentity(index.index.id, key);
      this.state.undefer(identity);
      if (opensKey(index, row)) {
        this.state.defer(identity, (nanos) => [{ kind: index.index.unique ? 'insert' : 'put', key: boundedKey(index.layout, settle(entryKeyValues(index, row), nanos) ?? [], `index ${index.index.name}`), cells: entryCells(index, row) }]);
      }
    }
    this.noteReferences(plan, before, row);
  }

  private noteReferences(plan: TablePlan, before: readonly RowValue[] | undefined, row: readonly RowValue[]): void {
    const valuesOf = (source: readonly RowValue[], columns: readonly ColumnId[]): RowValue[] => columns.map((id) => source[plan.position(id)] ?? null);
    for (const reference of plan.references) {
      const values = settle(valuesOf(row, reference.columns), undefined);
      if (values !== undefined) this.state.references.onWritten(reference, values);
    }
    if (before === undefined) return;
    for (const reference of plan.referencedBy) {
      const old = settle(valuesOf(before, reference.referencedColumns), undefined);
      const now = valuesOf(row, reference.referencedColumns);
      if (old !== undefined && old.some((value, i) => !Object.is(value, now[i]))) this.state.references.onRemoved(reference, old);
    }
  }

  /** A row whose key has the open commit timestamp: it can only be new. */
  private deferRow(batch: Batch, kind: WriteKind, incoming: Incoming): void {
    const { plan } = batch;
    const shown = rowKeyText(plan, incoming.given.map((value) => value ?? null));
    if (kind === 'update') throw rowMissing(plan.table, shown);
    const row = this.completeNew(plan, incoming);
    this.state.pending.note(plan, row);
    const identity = rowIdentity(plan.table.id, shown);
    if (kind === 'insert' && this.state.isDeferred(identity)) throw rowExists(plan.table, shown);
    if (plan.parent !== undefined) this.needParent(batch, incoming.keyValues);
    this.noteReferences(plan, undefined, row);
    this.state.count(plan.indexes.length);
    this.state.defer(identity, (nanos) => {
      const settled = settle(row, nanos) ?? [];
      const entries = new EntryChanges();
      entries.change(plan, identity, undefined, settled);
      const cells = rowCells(plan, settled.map((value, position) => (row[position] === PENDING_COMMIT_TIMESTAMP && !plan.isKey.has(position) ? PENDING_COMMIT_TIMESTAMP : value)));
      return [{ kind: 'insert', key: boundedKey(plan.layout, plan.keyOf(settled), `table ${plan.table.name}`), cells }, ...entries.ops()];
    });
  }

  // ---- Parents

  private needParent(batch: Batch, values: readonly RowValue[]): void {
    const { parent } = batch.plan;
    if (parent === undefined) return;
    const own = values.slice(0, parent.parts.length);
    const settled = settle(own, undefined);
    if (settled !== undefined) {
      (batch.parents ??= new Map()).set(parent.key(settled), own);
      return;
    }
    const shown = keyText(settle(own, 0n) ?? [], parent.parts.map((part) => part.column));
    if (!this.state.isDeferred(rowIdentity(parent.table.id, shown))) throw parentMissing(parent.table, batch.plan.table, shown);
  }

  private async checkParents(plan: TablePlan, parents: ReadonlyMap<Key, readonly RowValue[]>): Promise<void> {
    const { parent } = plan;
    if (parent === undefined) return;
    const keys = [...parents.keys()];
    const found = await this.state.transaction.get(keys, { lock: 'shared' });
    for (const [i, key] of keys.entries()) {
      if (found[i] === undefined) throw parentMissing(parent.table, plan.table, keyText(settle(parents.get(key) ?? [], 0n) ?? [], parent.parts.map((part) => part.column)));
    }
  }
}

/** Whether all keys between the ends are the table's own or its descendants': for an interleaved table, both ends lie in one parent row. */
function isWithinOneParent(plan: TablePlan, range: KeyRangeValues): boolean {
  const { layout } = plan;
  const count = layout.parentParts;
  if (!layout.isInterleaved) return true;
  if (range.start.length < count || range.end.length < count) return false;
  return layout.prefixRange(range.start.slice(0, count)).from === layout.prefixRange(range.end.slice(0, count)).from;
}

function givenPositions(given: readonly (RowValue | undefined)[]): number[] {
  const positions: number[] = [];
  for (let position = 0; position < given.length; position++) if (given[position] !== undefined) positions.push(position);
  return positions;
}

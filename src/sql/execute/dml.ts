/**
 * INSERT, UPDATE, DELETE. All rows are read before the first is written, so that a statement never sees its own changes.
 * Keys, indexes, constraints and defaults are the row writer's (src/sql/rows); rows of THEN RETURN are read back from
 * the transaction, where they are as written.
 */
import { alreadyExists, invalidArgument, outOfRange } from '../../base/errors.ts';
import type { Key } from '../../base/ids.ts';
import type { ReadWriteTransaction } from '../../txn/types.ts';
import { conflictColumns, returnedColumns, type BoundConflict, type BoundDelete, type BoundInsert, type BoundUpdate, type Returning } from '../bind/dml.ts';
import type { CatalogColumn, CatalogTable } from '../bind/catalog.ts';
import { RowReader } from '../rows/decode.ts';
import type { IndexLayout, KeySpace, TableLayout } from '../rows/keyspace.ts';
import { DEFAULT_VALUE, PENDING_COMMIT_TIMESTAMP, type KeyValues, type WriteKind, type WriteValue } from '../rows/values.ts';
import { columnById } from '../schema/schema.ts';
import type { SqlType } from '../types/types.ts';
import { valueText } from '../values/print.ts';
import { UTC } from '../values/timezone.ts';
import type { SqlValue } from '../values/value.ts';
import { compileExpr, layoutOf, PlanScope } from './expressions.ts';
import { collect, type Frame, type Plan, type Row } from './runtime.ts';

/** What writes rows: src/sql/rows behind an adapter. */
export interface TableWriter {
  /** `columns` are column ids. Throws ALREADY_EXISTS, NOT_FOUND, and what constraints say. */
  write(kind: WriteKind, tableId: number, columns: readonly number[], rows: readonly (readonly WriteValue[])[]): Promise<void>;
  delete(tableId: number, keys: readonly KeyValues[]): Promise<void>;
  /** The DEFAULT of a key column, when a row does not say it; rows must be known before they are written. */
  defaultValue(tableId: number, columnId: number): WriteValue;
  /** Columns that say which row a key is: its parts, and what generated parts are computed of. */
  keyInputs(tableId: number): readonly number[];
  /** The value of a generated key column; `row` holds the values of `columns`. */
  generatedValue(tableId: number, columnId: number, columns: readonly number[], row: readonly SqlValue[]): SqlValue;
}

export interface DmlOutcome {
  readonly rowCount: number;
  /** Rows of THEN RETURN. */
  readonly rows: readonly Row[];
}

export type BoundDml = BoundInsert | BoundUpdate | BoundDelete;

/** A DML statement ready to run. */
export class CompiledDml {
  private readonly bound: BoundDml;
  private readonly source: Plan;
  private readonly table: TableReader;
  private readonly returning: CompiledReturning | undefined;
  private readonly conflict: CompiledConflict | undefined;

  constructor(bound: BoundDml, source: Plan, space: KeySpace, given: GivenRowPlans) {
    this.bound = bound;
    this.source = source;
    this.table = new TableReader(bound.table, space);
    const plan = new PlanScope(false);
    this.returning = bound.returning === undefined ? undefined : new CompiledReturning(bound.returning, plan, given.returned);
    this.conflict = bound.kind === 'insert' && bound.conflict !== undefined ? new CompiledConflict(bound.conflict, bound.table, space, plan, given.conflict) : undefined;
  }

  async run(frame: Frame, transaction: ReadWriteTransaction, writer: TableWriter): Promise<DmlOutcome> {
    const rows = await collect(this.source(frame), frame);
    const { bound } = this;
    switch (bound.kind) {
      case 'insert':
        return this.insert(bound, rows, frame, transaction, writer);
      case 'update':
        return this.update(bound, rows, frame, transaction, writer);
      case 'delete':
        return this.delete(bound, rows, frame, writer);
    }
  }

  // ---- INSERT

  private async insert(bound: BoundInsert, rows: readonly Row[], frame: Frame, transaction: ReadWriteTransaction, writer: TableWriter): Promise<DmlOutcome> {
    const prepared = this.withKeys(bound, rows, writer);
    if (this.returning !== undefined && prepared.keys.includes(undefined)) throw invalidArgument('THEN RETURN cannot show rows whose primary key has the pending commit timestamp.');
    const columns = prepared.columns.map((c) => c.id);
    if (bound.conflict !== undefined && this.conflict !== undefined) return this.insertOnConflict(this.conflict, prepared, frame, transaction, writer);
    if (bound.mode === 'orUpdate') this.rejectRepeated(prepared);
    let wanted = prepared.rows;
    if (bound.mode === 'orIgnore') wanted = await this.withoutExisting(prepared, transaction);
    const existed = bound.mode === 'orUpdate' && this.returning?.hasAction === true ? await this.table.exist(prepared.keys, transaction) : [];
    if (bound.mode === 'insert') await this.rejectExisting(prepared, transaction);
    await writer.write(bound.mode === 'orUpdate' ? 'insertOrUpdate' : 'insert', bound.table.id, columns, wanted);
    const keys = wanted.flatMap((w) => [prepared.keys[prepared.rows.indexOf(w)] ?? []]);
    return { rowCount: wanted.length, rows: await this.readBack(keys, (i) => (existed[i] === true ? 'UPDATE' : 'INSERT'), frame, transaction) };
  }

  /** The writer finds a duplicate when the transaction commits; a statement has to say so at once. */
  private async rejectExisting(prepared: PreparedRows, transaction: ReadWriteTransaction): Promise<void> {
    const existing = await this.table.exist(prepared.keys, transaction);
    const seen = new Set<string>();
    for (const [i, key] of prepared.keys.entries()) {
      if (key === undefined) continue;
      const text = this.table.key(key);
      if (existing[i] === true || seen.has(text)) throw alreadyExists(`Row ${this.table.show(key)} in table ${this.bound.table.name} already exists`);
      seen.add(text);
    }
  }

  /** INSERT OR UPDATE names each row once: which of two values counts would be open. */
  private rejectRepeated(prepared: PreparedRows): void {
    const seen = new Set<string>();
    for (const key of prepared.keys) {
      if (key === undefined) continue;
      const text = this.table.key(key);
      if (seen.has(text)) throw invalidArgument(`Cannot affect a row second time for key: ${this.table.show(key)}`);
      seen.add(text);
    }
  }

  /** Rows with values of all key columns: defaults are drawn now, so that the rows can be found again. */
  private withKeys(bound: BoundInsert, rows: readonly Row[], writer: TableWriter): PreparedRows {
    const columns = [...bound.columns];
    const positions = bound.table.primaryKey.map((k) => columns.findIndex((c) => c.id === k.column.id));
    const values = rows.map((r) => [...r] as WriteValue[]);
    for (const [i, k] of bound.table.primaryKey.entries()) {
      const known = positions[i] ?? -1;
      if (known < 0 && k.column.writable) {
        positions[i] = columns.push(k.column) - 1;
        for (const v of values) v.push(writer.defaultValue(bound.table.id, k.column.id));
      } else if (known >= 0) {
        for (const v of values) if (v[known] === DEFAULT_VALUE) v[known] = writer.defaultValue(bound.table.id, k.column.id);
      }
    }
    const ids = columns.map((c) => c.id);
    const isOpen = (v: readonly WriteValue[]): boolean => positions.some((position) => v[position] === PENDING_COMMIT_TIMESTAMP);
    const keys = values.map((v) => (isOpen(v) ? undefined : bound.table.primaryKey.map((k, i) => {
      const position = positions[i] ?? -1;
      return position >= 0 ? keyValue(v[position]) : writer.generatedValue(bound.table.id, k.column.id, ids, v.map(keyValue));
    })));
    return { columns, rows: values, keys };
  }

  private async withoutExisting(prepared: PreparedRows, transaction: ReadWriteTransaction): Promise<readonly (readonly WriteValue[])[]> {
    const existing = await this.table.exist(prepared.keys, transaction);
    const seen = new Set<string>();
    return prepared.rows.filter((_, i) => {
      if (existing[i] === true) return false;
      const values = prepared.keys[i];
      if (values === undefined) return true;
      const key = this.table.key(values);
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  }

  /** All rows are looked up, and what becomes of those that exist is computed, before the first is written. */
  private async insertOnConflict(conflict: CompiledConflict, prepared: PreparedRows, frame: Frame, transaction: ReadWriteTransaction, writer: TableWriter): Promise<DmlOutcome> {
    const { table } = this.bound;
    const inputs = writer.keyInputs(table.id).filter((id) => !conflict.assigned.includes(id));
    const changed: KeyValues[] = [];
    const actions: string[] = [];
    const inserted: number[] = [];
    const updates: (readonly WriteValue[])[] = [];
    const touched = new Set<string>();
    for (const [i, row] of prepared.rows.entries()) {
      frame.checkCancelled();
      const key = prepared.keys[i];
      const claimed = key === undefined ? [] : conflict.keysOf(this.table, prepared.columns, row, key);
      if (claimed.some(({ text }) => touched.has(text))) {
        if (conflict.action === 'nothing') continue;
        throw outOfRange('INSERT ON CONFLICT DO UPDATE cannot change the same row twice');
      }
      const found = await conflict.find(this.table, claimed, transaction);
      if (found !== undefined && conflict.action === 'nothing') continue;
      const values = found === undefined ? undefined : await conflict.update([...found.row, ...this.table.excluded(prepared.columns, row)], frame);
      if (found !== undefined && values === undefined) continue;
      for (const { text } of claimed) touched.add(text);
      if (found === undefined || values === undefined) inserted.push(i);
      else updates.push([...this.table.valuesOf(inputs, found.row), ...values]);
      changed.push(found?.key ?? key ?? []);
      actions.push(found === undefined ? 'INSERT' : 'UPDATE');
    }
    const pick = <T>(all: readonly T[]): T[] => inserted.flatMap((i) => all.slice(i, i + 1));
    const added: PreparedRows = { columns: prepared.columns, rows: pick(prepared.rows), keys: pick(prepared.keys) };
    await this.rejectExisting(added, transaction);
    if (updates.length > 0) await writer.write('update', table.id, [...inputs, ...conflict.assigned], updates);
    if (inserted.length > 0) await writer.write('insert', table.id, prepared.columns.map((c) => c.id), added.rows);
    return { rowCount: changed.length, rows: await this.readBack(changed, (i) => actions[i] ?? 'INSERT', frame, transaction) };
  }

  // ---- UPDATE and DELETE

  private async update(bound: BoundUpdate, rows: readonly Row[], frame: Frame, transaction: ReadWriteTransaction, writer: TableWriter): Promise<DmlOutcome> {
    const width = bound.table.columns.length;
    const keys = rows.map((row) => this.table.keyOfRow(row));
    const assigned = bound.assigned.map((c) => c.id);
    const inputs = writer.keyInputs(bound.table.id).filter((id) => !assigned.includes(id));
    const positions = inputs.map((id) => bound.table.columns.findIndex((c) => c.id === id));
    const columns = [...inputs, ...assigned];
    const values = rows.map((row): WriteValue[] => [...positions.map((p) => row[p] ?? null), ...row.slice(width)]);
    if (values.length > 0) await writer.write('update', bound.table.id, columns, values);
    return { rowCount: rows.length, rows: await this.readBack(keys, () => 'UPDATE', frame, transaction) };
  }

  private async delete(bound: BoundDelete, rows: readonly Row[], frame: Frame, writer: TableWriter): Promise<DmlOutcome> {
    const keys = rows.map((row) => this.table.keyOfRow(row));
    const { returning } = this;
    const stored = bound.table.columns.flatMap((c, i) => (c.computed === undefined ? [i] : []));
    const result = returning === undefined ? [] : await returning.rows(rows.map((row) => ({ row: stored.map((i) => row[i] ?? null), action: 'DELETE' })), frame);
    if (keys.length > 0) await writer.delete(bound.table.id, keys);
    return { rowCount: rows.length, rows: result };
  }

  private async readBack(keys: readonly KeyValues[], action: (i: number) => string, frame: Frame, transaction: ReadWriteTransaction): Promise<readonly Row[]> {
    const { returning } = this;
    if (returning === undefined || keys.length === 0) return [];
    const rows = await this.table.read(keys, transaction);
    return returning.rows(rows.flatMap((row, i) => (row === undefined ? [] : [{ row, action: action(i) }])), frame);
  }
}

interface PreparedRows {
  readonly columns: readonly CatalogColumn[];
  readonly rows: readonly (readonly WriteValue[])[];
  /** undefined: the key has the commit timestamp, so that no row can have it yet. */
  readonly keys: readonly (KeyValues | undefined)[];
}

/** A key's part as far as it is known before the commit. */
function keyValue(value: WriteValue | undefined): SqlValue {
  if (value === undefined || value === DEFAULT_VALUE || value === PENDING_COMMIT_TIMESTAMP) return null;
  return value;
}

/** Reads rows of one table by key through a transaction. */
class TableReader {
  private readonly types: readonly SqlType[];
  private readonly layout: TableLayout;
  private readonly reader: RowReader;
  private readonly stored: readonly CatalogColumn[];
  private readonly keyPositions: readonly number[];

  constructor(table: CatalogTable, space: KeySpace) {
    this.layout = space.table(space.schema.tableById(table.id));
    this.stored = table.columns.filter((c) => c.computed === undefined);
    this.reader = new RowReader(this.layout, this.stored.map((c) => columnById(this.layout.table, c.id)));
    this.types = table.primaryKey.map((k) => k.column.type);
    this.keyPositions = table.primaryKey.map((k) => table.columns.findIndex((c) => c.id === k.column.id));
  }

  /** The key of a row with all columns of the table. */
  keyOfRow(row: Row): KeyValues {
    return this.keyPositions.map((p) => row[p] ?? null);
  }

  key(values: KeyValues): Key {
    return this.layout.key(values);
  }

  /** Columns by id from a row of the stored columns. */
  valuesOf(ids: readonly number[], row: Row): readonly SqlValue[] {
    return ids.map((id) => row[this.stored.findIndex((c) => c.id === id)] ?? null);
  }

  /** A key as messages show it. */
  show(values: KeyValues): string {
    return `[${values.map((v, i) => (v === null ? 'NULL' : valueText(this.types[i] ?? { kind: 'STRING' }, UTC)(v))).join(',')}]`;
  }

  async exist(keys: readonly (KeyValues | undefined)[], transaction: ReadWriteTransaction): Promise<boolean[]> {
    const records = await transaction.get(keys.flatMap((k) => (k === undefined ? [] : [this.layout.key(k)])));
    let next = 0;
    return keys.map((k) => k !== undefined && records[next++] !== undefined);
  }

  /** Rows of the stored columns; undefined where there is none. */
  async read(keys: readonly KeyValues[], transaction: ReadWriteTransaction): Promise<(Row | undefined)[]> {
    const texts = keys.map((k) => this.layout.key(k));
    const records = await transaction.get(texts);
    return texts.map((text, i) => {
      const record = records[i];
      return record === undefined ? undefined : this.decode(text, record);
    });
  }

  /** A row of the stored columns. */
  decode(key: Key, record: Uint8Array): Row {
    const row = new Array<SqlValue>(this.stored.length).fill(null);
    this.reader.read(key, record, row);
    return row;
  }

  /** A row that was to be inserted, in the order of the stored columns. */
  excluded(columns: readonly CatalogColumn[], row: readonly WriteValue[]): Row {
    return this.stored.map((c) => keyValue(row[columns.findIndex((x) => x.id === c.id)]));
  }

}

/** What is computed of rows at hand, as a plan over them: where it has subqueries. */
export type GivenRows = (rows: readonly Row[]) => Plan;

/** The plans over rows at hand that a statement has. */
export interface GivenRowPlans {
  /** THEN RETURN over the rows changed. */
  readonly returned?: GivenRows | undefined;
  /** The assignments of ON CONFLICT DO UPDATE over an existing row and the one to be inserted; no row where its WHERE is not true. */
  readonly conflict?: GivenRows | undefined;
}

class CompiledReturning {
  readonly hasAction: boolean;
  private readonly compute: (rows: readonly Row[], frame: Frame) => readonly Row[] | Promise<readonly Row[]>;

  constructor(returning: Returning, plan: PlanScope, returned: GivenRows | undefined) {
    this.hasAction = returning.action !== undefined;
    if (returned !== undefined) {
      this.compute = (rows, frame) => collect(returned(rows)(frame), frame);
      return;
    }
    const scope = { layout: layoutOf(returnedColumns(returning)), plan };
    const evaluators = returning.items.map((e) => compileExpr(e, scope));
    this.compute = (rows, frame) => rows.map((row) => evaluators.map((e) => e(row, frame)));
  }

  async rows(changed: readonly { readonly row: Row; readonly action: string }[], frame: Frame): Promise<readonly Row[]> {
    return this.compute(changed.map(({ row, action }) => (this.hasAction ? [...row, action] : row)), frame);
  }
}

/** The unique index that a conflict is on. */
interface ConflictTarget {
  readonly layout: IndexLayout;
  readonly reader: RowReader;
  readonly columns: readonly number[];
}

/** What a row to be inserted would be in the primary key (no target) or in a unique index. */
interface ConflictKey {
  readonly target: ConflictTarget | undefined;
  readonly text: Key;
  readonly values: KeyValues;
}

class CompiledConflict {
  readonly action: 'nothing' | 'update';
  /** Columns that an update assigns. */
  readonly assigned: readonly number[];
  private readonly targets: readonly (ConflictTarget | undefined)[];
  /** The values of the assigned columns over the existing row and the one that was to be inserted; undefined when WHERE leaves the row as it is. */
  readonly update: (both: Row, frame: Frame) => readonly WriteValue[] | undefined | Promise<readonly WriteValue[] | undefined>;

  constructor(conflict: BoundConflict, table: CatalogTable, space: KeySpace, plan: PlanScope, given: GivenRows | undefined) {
    this.action = conflict.action;
    this.assigned = conflict.assignments.map((a) => a.column.id);
    this.targets = conflict.targets.map((name) => {
      const index = table.indexes.find((i) => i.name === name);
      if (index === undefined) return undefined;
      const layout = space.index(space.schema.indexById(index.id));
      return { layout, reader: new RowReader(layout, table.primaryKey.map((k) => columnById(layout.table, k.column.id))), columns: index.key.map((k) => k.column.id) };
    });
    if (given !== undefined) {
      this.update = async (both, frame) => (await collect(given([both])(frame), frame))[0];
      return;
    }
    const scope = { layout: layoutOf(conflictColumns(conflict)), plan };
    const values = conflict.assignments.map((a) => compileExpr(a.value, scope));
    const where = conflict.where === undefined ? undefined : compileExpr(conflict.where, scope);
    this.update = (both, frame) => (where !== undefined && where(both, frame) !== true ? undefined : values.map((value) => value(both, frame)));
  }

  keysOf(table: TableReader, columns: readonly CatalogColumn[], row: readonly WriteValue[], key: KeyValues): readonly ConflictKey[] {
    return this.targets.flatMap((target) => {
      if (target === undefined) return { target, text: table.key(key), values: key };
      const { index } = target.layout;
      const valueOf = (id: number): SqlValue => keyValue(row[columns.findIndex((c) => c.id === id)]);
      // No entry is made of some NULLs, so that no other can be in its way.
      const isLeftOut = (index.nullFiltered && index.keys.some((k) => valueOf(k.column) === null)) || index.whereNotNull.some((id) => valueOf(id) === null);
      const values = target.columns.map(valueOf);
      return isLeftOut ? [] : { target, text: target.layout.key(values), values };
    });
  }

  /** The first row that stands in the way of an insertion. */
  async find(table: TableReader, keys: readonly ConflictKey[], transaction: ReadWriteTransaction): Promise<{ readonly key: KeyValues; readonly row: Row } | undefined> {
    const records = await transaction.get(keys.map(({ text }) => text));
    const i = records.findIndex((record) => record !== undefined);
    const found = keys[i];
    const record = records[i];
    if (found === undefined || record === undefined) return undefined;
    if (found.target === undefined) return { key: found.values, row: table.decode(found.text, record) };
    const base: SqlValue[] = [];
    found.target.reader.read(found.text, record, base);
    const [row] = await table.read([base], transaction);
    return row === undefined ? undefined : { key: base, row };
  }
}

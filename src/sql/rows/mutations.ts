/**
 * The mutations of google.spanner.v1.Commit, applied in order through the row writer.
 *
 * Values come as plain JSON (protobuf values decoded); see values/wire.ts for the forms. Neighbouring mutations of one kind,
 * table and column list are written together. Foreign keys are checked once at the end.
 * Source: google/spanner/v1/mutation.proto; errors as production answers them.
 */
import { Code, invalidArgument, TrestleError, unimplemented } from '../../base/errors.ts';
import type { Key } from '../../base/ids.ts';
import type { Column, Table } from '../schema/objects.ts';
import { fromWire } from '../values/wire.ts';
import { groupingKey } from '../values/compare.ts';
import { tableNotFound } from '../schema/editor.ts';
import { columnNotFound, deletedThenUpdated, keyText } from './errors.ts';
import type { KeySpace, TableLayout } from './keyspace.ts';
import { PENDING_COMMIT_TIMESTAMP, type KeyRangeValues, type WriteKind, type WriteValue } from './values.ts';
import { keySetFromWire, type WireKeySet } from './wire-keys.ts';
import type { RowWriter } from './writer.ts';

export type Mutation =
  | { readonly op: WriteKind; readonly table: string; readonly columns: readonly string[]; readonly values: readonly (readonly unknown[])[] }
  | { readonly op: 'delete'; readonly table: string; readonly keySet: WireKeySet };

/** What stands for the commit timestamp in the value of a TIMESTAMP column. */
const COMMIT_TIMESTAMP_TEXT = 'spanner.commit_timestamp()';

interface TypedWrite {
  readonly op: WriteKind;
  readonly table: Table;
  readonly layout: TableLayout;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly WriteValue[])[];
}

/** Applies mutations and checks foreign keys. The caller still has to call `writer.finish()` before it commits. */
export async function applyMutations(writer: RowWriter, mutations: readonly Mutation[]): Promise<void> {
  const [first] = mutations;
  if (first !== undefined && mutations.length === 1 && first.op !== 'delete' && first.values.length === 1) await writeRows(writer, typedWrite(writer.keySpace, first));
  else await applySeveral(writer, mutations);
  await writer.endStatement();
}

const writeRows = (writer: RowWriter, { op, table, columns, rows }: TypedWrite): Promise<void> => writer.write(op, table, columns.map((column) => column.id), rows);

async function applySeveral(writer: RowWriter, mutations: readonly Mutation[]): Promise<void> {
  const { keySpace } = writer;
  const history = new Map<Key, 'inserted' | 'deleted'>();
  for (const [i, mutation] of mutations.entries()) {
    if (mutation.op === 'delete') {
      await applyDelete(writer, mutation.table, mutation.keySet, history);
      continue;
    }
    const write = typedWrite(keySpace, mutation);
    checkHistory(write, history);
    try {
      await writeRows(writer, write);
    } catch (error) {
      throw parentComesLater(keySpace, error, write, mutations.slice(i + 1)) ?? error;
    }
  }
}

function requireTable(keySpace: KeySpace, name: string): Table {
  if (name === '') throw invalidArgument('Mutation does not specify table.');
  const table = keySpace.schema.table(name);
  if (table === undefined) throw tableNotFound(name);
  return table;
}

function typedWrite(keySpace: KeySpace, mutation: Mutation & { readonly op: WriteKind }): TypedWrite {
  const table = requireTable(keySpace, mutation.table);
  const columns: Column[] = [];
  for (const name of mutation.columns) {
    const column = keySpace.schema.usableColumn(table, name);
    if (column === undefined) throw columnNotFound(table, name);
    if (columns.includes(column)) throw invalidArgument(`Multiple values for column ${column.name}.`);
    columns.push(column);
  }
  const rows = mutation.values.map((values) => {
    if (values.length !== columns.length) throw invalidArgument(`Mutation column and value size mismatch: Found: ${columns.length} columns and ${values.length} values`);
    return columns.map((column, i) => valueFromWire(column, values[i]));
  });
  return { op: mutation.op, table, layout: keySpace.table(table), columns, rows };
}

function valueFromWire(column: Column, value: unknown): WriteValue {
  if (column.type.kind === 'TIMESTAMP' && value === COMMIT_TIMESTAMP_TEXT) return PENDING_COMMIT_TIMESTAMP;
  return fromWire(value, column.type);
}

/** The key of each row; undefined where it is not given in full. */
const keysOf = ({ layout, columns, rows }: TypedWrite): (Key | undefined)[] => rows.map((row) => keyOf(layout, columns, row));

function keyOf(layout: TableLayout, columns: readonly Column[], row: readonly WriteValue[]): Key | undefined {
  const values = [];
  for (const part of layout.parts) {
    const at = columns.indexOf(part.column);
    const value = row[at];
    if (at < 0 || value === undefined || typeof value === 'symbol') return undefined;
    values.push(value);
  }
  return layout.key(values);
}

const shownKey = (layout: TableLayout, key: Key): string => keyText(layout.decode(key) ?? [], layout.parts.map((part) => part.column));

/** Rules between the mutations of one commit: no row is inserted twice, none is updated after its deletion. */
function checkHistory(write: TypedWrite, history: Map<Key, 'inserted' | 'deleted'>): void {
  for (const key of keysOf(write)) {
    if (key === undefined) continue;
    const before = history.get(key);
    if (write.op === 'insert' && before === 'inserted') throw invalidArgument(`Table ${write.table.name}: Row ${shownKey(write.layout, key)} is inserted more than once in the same commit.`);
    if (write.op === 'update' && before === 'deleted') throw deletedThenUpdated(write.table, shownKey(write.layout, key));
    if (write.op !== 'update') history.set(key, 'inserted');
  }
}

/** A child row written before its parent in the same commit is the caller's mistake, not a missing row. */
function parentComesLater(keySpace: KeySpace, error: unknown, write: TypedWrite, later: readonly Mutation[]): TrestleError | undefined {
  const { interleave } = write.table;
  if (!(error instanceof TrestleError) || error.code !== Code.NOT_FOUND || interleave === undefined) return undefined;
  const parent = keySpace.schema.tableById(interleave.parent);
  const layout = keySpace.table(parent);
  const wanted = new Set(keysOf(write).map((key) => (key === undefined ? undefined : layout.key((write.layout.decode(key) ?? []).slice(0, layout.parts.length)))));
  for (const mutation of later) {
    if (mutation.op === 'delete' || mutation.op === 'update' || keySpace.schema.table(mutation.table)?.id !== parent.id) continue;
    if (keysOf(typedWrite(keySpace, mutation)).some((key) => key !== undefined && wanted.has(key))) return invalidArgument(error.message);
  }
  return undefined;
}

// ---- Deletions

async function applyDelete(writer: RowWriter, name: string, wire: WireKeySet, history: Map<Key, 'inserted' | 'deleted'>): Promise<void> {
  const table = requireTable(writer.keySpace, name);
  const layout = writer.keySpace.table(table);
  const set = keySetFromWire({ name: table.name, parts: layout.parts }, wire);
  for (const range of set.ranges) checkDeleteRange(layout, range);
  for (const values of set.keys) history.set(layout.key(values), 'deleted');
  await writer.delete(table, set);
}

/** The ends of a range may differ in the last part only. */
function checkDeleteRange(layout: TableLayout, range: KeyRangeValues): void {
  const shared = Math.max(range.start.length, range.end.length) - 1;
  for (let i = 0; i < shared; i++) {
    const part = layout.parts[i];
    if (part === undefined) continue;
    const identity = groupingKey(part.column.type);
    const [start, end] = [range.start[i], range.end[i]];
    if (start !== undefined && end !== undefined && identity(start) === identity(end)) continue;
    const columns = layout.parts.map((candidate) => candidate.column);
    throw unimplemented(`For delete ranges, start and limit keys may only differ in the final key part: start=${keyText(range.start, columns)}, limit=${keyText(range.end, columns)}`);
  }
}

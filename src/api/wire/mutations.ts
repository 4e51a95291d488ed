/** google.spanner.v1.Mutation, KeySet and KeyRange. Source: mutation.proto, keys.proto. */
import { invalidArgument, unimplemented } from '../../base/errors.ts';
import type { KeyRangeSpec, KeySetSpec, Mutation } from '../sql.ts';
import type { ProtoReader } from './reader.ts';
import { readList } from './value.ts';

const WRITE_KINDS = { 1: 'insert', 2: 'update', 3: 'insertOrUpdate', 4: 'replace' } as const;
const isWriteField = (field: number): field is keyof typeof WRITE_KINDS => field >= 1 && field <= 4;
const DELETE_FIELD = 5;

export function readMutation(reader: ProtoReader): Mutation {
  let mutation: Mutation | undefined;
  while (reader.next()) {
    const field = reader.field;
    if (isWriteField(field)) {
      const write = reader.message(readWrite);
      mutation = { kind: WRITE_KINDS[field], ...write };
    } else if (field === DELETE_FIELD) mutation = reader.message(readDelete);
    else if (field === 6 || field === 7) throw unimplemented('Mutations of queues (send, ack) are not supported.');
    else reader.skip();
  }
  if (mutation === undefined) throw invalidArgument('A mutation names no operation.');
  return mutation;
}

interface WriteFields {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

function readWrite(reader: ProtoReader): WriteFields {
  let table = '';
  const columns: string[] = [];
  const rows: unknown[][] = [];
  while (reader.next()) {
    if (reader.field === 1) table = reader.string();
    else if (reader.field === 2) columns.push(reader.string());
    else if (reader.field === 3) rows.push(reader.message(readList));
    else reader.skip();
  }
  for (const row of rows) {
    if (row.length !== columns.length) {
      throw invalidArgument(`Mutation of table ${table} has ${String(row.length)} values for ${String(columns.length)} columns.`);
    }
  }
  return { table: requireTable(table), columns, rows };
}

function readDelete(reader: ProtoReader): Mutation {
  let table = '';
  let keySet: KeySetSpec = EMPTY_KEY_SET;
  while (reader.next()) {
    if (reader.field === 1) table = reader.string();
    else if (reader.field === 2) keySet = reader.message(readKeySet);
    else reader.skip();
  }
  return { kind: 'delete', table: requireTable(table), keySet };
}

function requireTable(table: string): string {
  if (table === '') throw invalidArgument('A mutation must name its table.');
  return table;
}

export const EMPTY_KEY_SET: KeySetSpec = { all: false, keys: [], ranges: [] };

export function readKeySet(reader: ProtoReader): KeySetSpec {
  const keys: unknown[][] = [];
  const ranges: KeyRangeSpec[] = [];
  let all = false;
  while (reader.next()) {
    if (reader.field === 1) keys.push(reader.message(readList));
    else if (reader.field === 2) ranges.push(reader.message(readKeyRange));
    else if (reader.field === 3) all = reader.bool();
    else reader.skip();
  }
  return { all, keys, ranges };
}

function readKeyRange(reader: ProtoReader): KeyRangeSpec {
  let start: readonly unknown[] | undefined;
  let end: readonly unknown[] | undefined;
  let startClosed = false;
  let endClosed = false;
  while (reader.next()) {
    const field = reader.field;
    if (field === 1 || field === 2) {
      start = reader.message(readList);
      startClosed = field === 1;
    } else if (field === 3 || field === 4) {
      end = reader.message(readList);
      endClosed = field === 3;
    } else reader.skip();
  }
  if (start === undefined) throw invalidArgument('A key range has no start.');
  if (end === undefined) throw invalidArgument('A key range has no end.');
  return { start, startClosed, end, endClosed };
}

/** Stored rows of a table or an index: read in two steps, and fetched behind an index. */
import type { Key } from '../../base/ids.ts';
import type { Found, ReadOptions } from '../../txn/types.ts';
import type { Expr } from '../bind/tree.ts';
import { freeColumns } from '../bind/walk.ts';
import type { Pushed } from '../fragment/push.ts';
import type { PhysScan } from '../plan/physical.ts';
import { RowReader } from '../rows/decode.ts';
import type { IndexLayout, StoredColumn, TableLayout } from '../rows/keyspace.ts';
import type { SqlValue } from '../values/value.ts';
import type { Evaluate } from './expressions.ts';
import type { Frame, Row } from './runtime.ts';

/** Positions of the columns that an expression reads. */
export function positionsOf(e: Expr | undefined, layout: ReadonlyMap<number, number>): ReadonlySet<number> {
  return new Set(e === undefined ? [] : [...freeColumns(e)].flatMap((id) => layout.get(id) ?? []));
}

/** Stored rows of one layout: those that meet a condition, with the columns in their positions. */
export class StoredReader {
  private readonly width: number;
  private readonly first: RowReader;
  private readonly rest: RowReader | undefined;
  private readonly condition: Evaluate | undefined;
  private readonly tried: SqlValue[];

  constructor(layout: TableLayout | IndexLayout, columns: readonly (StoredColumn | undefined)[], early: ReadonlySet<number>, condition: Evaluate | undefined) {
    this.width = columns.length;
    this.condition = condition;
    this.tried = new Array<SqlValue>(columns.length).fill(null);
    const twice = condition !== undefined && columns.some((c, i) => c !== undefined && !early.has(i));
    this.first = new RowReader(layout, twice ? columns.map((c, i) => (early.has(i) ? c : undefined)) : columns);
    this.rest = twice ? new RowReader(layout, columns.map((c, i) => (early.has(i) ? undefined : c))) : undefined;
  }

  row(key: string, record: Uint8Array, frame: Frame): SqlValue[] | undefined {
    const { condition, rest, tried } = this;
    if (condition === undefined) {
      const row = new Array<SqlValue>(this.width).fill(null);
      this.first.read(key, record, row);
      return row;
    }
    // Rows that are not kept leave nothing behind. All positions that are read are written anew for each row.
    this.first.read(key, record, tried);
    if (condition(tried, frame) !== true) return undefined;
    const row = tried.slice();
    rest?.read(key, record, row);
    return row;
  }
}

/** What is read from an entry of an index that lacks columns: the scan's columns that it has, then the rest of the primary key. */
export class EntryColumns {
  readonly columns: readonly (StoredColumn | undefined)[];
  readonly keyPositions: readonly number[];
  /** Columns of the scan, by id: those that the entry has, and all. */
  private readonly decided: ReadonlySet<number>;
  private readonly own: ReadonlySet<number>;

  constructor(scan: PhysScan, table: TableLayout, index: IndexLayout, source: readonly StoredColumn[]) {
    const columns: (StoredColumn | undefined)[] = source.map((c) => (index.readable.has(c.id) ? c : undefined));
    this.decided = new Set(scan.columns.flatMap((c, i) => (columns[i] === undefined ? [] : [c.id])));
    this.own = new Set(scan.columns.map((c) => c.id));
    this.keyPositions = table.parts.map((part) => {
      const at = columns.findIndex((c) => c?.id === part.column.id);
      return at >= 0 ? at : columns.push(part.column) - 1;
    });
    this.columns = columns;
  }

  /** Whether the entry has all columns of the row that a condition reads. */
  decides(e: Expr): boolean {
    return [...freeColumns(e)].every((id) => this.decided.has(id) || !this.own.has(id));
  }
}

/** Rows of a table as stored, by their keys. */
interface Fetched {
  readonly keys: readonly Key[];
  readonly records: readonly (Uint8Array | undefined)[];
  /** The rows met the conditions that were sent. */
  readonly isSent: boolean;
}

/** Fewer keys than that are read as they are: what is sent along would be more than what stays away. */
export const MIN_SENT_KEYS = 16;

/** Conditions on whole rows, all of them, and those that are left when the others were sent to where the rows are. */
export interface LateConditions {
  readonly all: Evaluate | undefined;
  readonly rest: Evaluate | undefined;
  /** Undefined: it is not worth it. */
  readonly pushed: Pushed | undefined;
}

/** Fetches the rows of a table that index entries point to, and puts their columns beside what the entries have. */
export class BackFetch {
  private readonly table: TableLayout;
  private readonly keyPositions: readonly number[];
  private readonly reader: RowReader;
  private readonly width: number;
  private readonly late: LateConditions;

  constructor(table: TableLayout, entry: EntryColumns, source: readonly StoredColumn[], late: LateConditions) {
    this.table = table;
    this.keyPositions = entry.keyPositions;
    this.width = source.length;
    this.reader = new RowReader(table, source.map((c, i) => (entry.columns[i] === undefined ? c : undefined)));
    this.late = late;
  }

  /** Whether every row that is fetched is kept. */
  get isDecided(): boolean {
    return this.late.all === undefined;
  }

  async fetch(rows: readonly SqlValue[][], frame: Frame, options: ReadOptions): Promise<Fetched> {
    if (rows.length === 0) return { keys: [], records: [], isSent: false };
    const keys = rows.map((row) => this.table.key(this.keyPositions.map((p) => row[p] ?? null)));
    const found = await foundAt(keys, this.late.pushed, frame, options);
    return { keys, records: found?.records ?? (await frame.execution.view.get(keys, options)), isSent: found !== undefined };
  }

  /** As many as given: undefined where the condition does not hold. */
  complete(rows: readonly SqlValue[][], { keys, records, isSent }: Fetched, frame: Frame): (Row | undefined)[] {
    const { reader, width, late } = this;
    const condition = isSent ? late.rest : late.all;
    return rows.map((row, i) => {
      const record = records[i];
      // An entry without its row can be seen only while both are being written; the row decides.
      if (record === undefined) return undefined;
      row.length = width;
      reader.read(keys[i] ?? '', record, row);
      return condition === undefined || condition(row, frame) === true ? row : undefined;
    });
  }
}

/** Rows by key through what is sent along; undefined where nothing is, or can be. */
export async function foundAt(keys: readonly Key[], pushed: Pushed | undefined, frame: Frame, options: ReadOptions): Promise<Found | undefined> {
  const { view } = frame.execution;
  const fragment = pushed === undefined || keys.length < MIN_SENT_KEYS || view.getThrough === undefined ? undefined : pushed.fragment(frame);
  return fragment === undefined ? undefined : await view.getThrough?.(fragment, keys, options);
}

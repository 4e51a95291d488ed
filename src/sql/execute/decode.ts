/** Rows from stored records: which cells and key parts a scan needs, and where they go in its rows. */
import { readRecord, StoredJson } from '../../storage/record.ts';
import type { CatalogColumn, CatalogKeyPart } from '../bind/catalog.ts';
import { parseJson } from '../values/json.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { KeyLayout } from './keys.ts';

/** Fills positions of a row from one key and record. */
export class RowDecoder {
  private readonly layout: KeyLayout;
  private readonly needed: number;
  private readonly fromKey: readonly { readonly part: number; readonly to: number }[];
  private readonly cellIds: readonly number[];
  private readonly fromCells: readonly { readonly to: number; readonly convert: ((v: unknown) => SqlValue) | undefined }[];
  private readonly parts: SqlValue[] = [];
  private readonly cells: unknown[] = [];

  /** `columns[i]` goes to position `i`, unless it is undefined. */
  constructor(layout: KeyLayout, key: readonly CatalogKeyPart[], columns: readonly (CatalogColumn | undefined)[]) {
    this.layout = layout;
    const fromKey: { part: number; to: number }[] = [];
    const cells: { id: number; to: number; type: SqlType }[] = [];
    for (const [to, column] of columns.entries()) {
      if (column === undefined) continue;
      const part = key.findIndex((k) => k.column.id === column.id);
      if (part >= 0) fromKey.push({ part, to });
      else cells.push({ id: column.id, to, type: column.type });
    }
    cells.sort((a, b) => a.id - b.id);
    this.fromKey = fromKey;
    this.needed = fromKey.reduce((n, k) => Math.max(n, k.part + 1), 0);
    this.cellIds = cells.map((c) => c.id);
    this.fromCells = cells.map((c) => ({ to: c.to, convert: converter(c.type) }));
  }

  /** False when the key is that of another table's row. */
  decode(key: string, record: Uint8Array, prefixLength: number, row: SqlValue[]): boolean {
    if (!this.layout.decode(key, prefixLength, this.needed, this.parts)) return false;
    for (const k of this.fromKey) row[k.to] = this.parts[k.part] ?? null;
    this.decodeCells(record, row);
    return true;
  }

  private decodeCells(record: Uint8Array, row: SqlValue[]): void {
    if (this.cellIds.length === 0) return;
    readRecord(record, this.cellIds, this.cells);
    for (const [i, cell] of this.fromCells.entries()) {
      const value = this.cells[i] ?? null;
      row[cell.to] = value === null ? null : cell.convert === undefined ? (value as SqlValue) : cell.convert(value);
    }
  }
}

/** JSON is stored as text. */
function converter(type: SqlType): ((v: unknown) => SqlValue) | undefined {
  if (type.kind === 'JSON') return (v) => (v instanceof StoredJson ? parseJson(v.text, 'exact') : (v as SqlValue));
  if (type.kind === 'ARRAY') {
    const element = converter(type.element);
    if (element !== undefined) return (v) => (v as readonly unknown[]).map((x) => (x === null ? null : element(x)));
  }
  return undefined;
}

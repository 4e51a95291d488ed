/** Keys of a table's rows as entries of its indexes have them, by which the rows are looked up. */
import type { CatalogTable } from '../bind/catalog.ts';
import type { Column } from '../bind/tree.ts';
import { columnExpr } from '../bind/walk.ts';
import type { Seek, SeekPart } from './physical.ts';

/** The column of an entry that has a column of the table, under an id that no column of a relation has. */
export const entryColumn = ({ id, name, type }: Pick<Column, 'id' | 'name' | 'type'>): Column => ({ id: FIRST_ID - id, name, type });

/** Below ids of columns, of elements, and of key parts that are computed. */
const FIRST_ID = -(2 ** 40);

export const keysOfEntries = (table: CatalogTable): readonly Column[] => table.primaryKey.map(({ column }) => entryColumn(column));

/** The row with the key of an entry. NULL is a value of a key like any other. */
export const keySeek = (table: CatalogTable): Seek => ({ each: undefined, parts: keysOfEntries(table).map((column): SeekPart => ({ kind: 'derived', values: [columnExpr(column)] })), bounds: [] });

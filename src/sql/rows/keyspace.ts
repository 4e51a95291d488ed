/**
 * Where rows and index entries lie: the layouts of keys of one database at one schema.
 *
 *   root table      prefix tag(table) part*
 *   interleaved     key of the parent row, tag(table), the parts that the table adds
 *   index           prefix tag(index) index columns, then the primary key parts that are not among them (UNIQUE: index columns only;
 *                   the remaining primary key parts are cells of the entry)
 *
 * Both forms of interleaving lay rows inside the parent's range; only INTERLEAVE IN PARENT requires the parent row. Every part begins
 * with a byte of 0x03 or more and a tag with 0x02, so a row's descendants sort right behind it.
 */
import { defined } from '../../base/assert.ts';
import { key as asKey, prefixEnd, type Key } from '../../base/ids.ts';
import { decodeKeyPart, decodeTableTag, encodeKeyPart, skipKeyPart, tableTag, TABLE_TAG_LENGTH, type KeyPartType } from '../../storage/keycodec.ts';
import type { KeyRange } from '../../txn/types.ts';
import type { Column, ColumnId, Index, KeyColumn, ObjectId, Table } from '../schema/objects.ts';
import { columnById, type Schema } from '../schema/schema.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { KeyRangeValues, KeySetValues, KeyValues } from './values.ts';

/** What of a column matters for reading rows. */
export type StoredColumn = Pick<Column, 'id' | 'type'>;

export interface KeyPart<C extends StoredColumn = StoredColumn> {
  readonly column: C;
  readonly type: KeyPartType;
  readonly descending: boolean;
}

/** A tag and the parts that follow it. */
export interface Segment {
  readonly tag: string;
  readonly from: number;
  readonly to: number;
}

/** After every key that begins with `prefix`; a prefix here begins with the database's number, which is never all ones. */
const after = (prefix: string): Key => defined(prefixEnd(prefix), 'key prefix has no successor');

export function keyPartType(type: SqlType): KeyPartType {
  switch (type.kind) {
    case 'BOOL': case 'INT64': case 'FLOAT64': case 'FLOAT32': case 'NUMERIC': case 'STRING': case 'BYTES': case 'DATE': case 'TIMESTAMP': case 'UUID':
      return type.kind;
    case 'ENUM':
      return 'INT64';
    default:
      return defined<KeyPartType>(undefined, 'type cannot be part of a key');
  }
}

/** What tables and indexes have in common: keys made of segments, and records of cells. */
export abstract class KeyLayout<C extends StoredColumn = StoredColumn> {
  readonly parts: readonly KeyPart<C>[];
  readonly prefix: string;
  readonly segments: readonly Segment[];

  constructor(prefix: string, parts: readonly KeyPart<C>[], segments: readonly Segment[]) {
    this.prefix = prefix;
    this.parts = parts;
    this.segments = segments;
  }

  /** The key of a row: one value for each part. */
  key(values: KeyValues): Key {
    return asKey(this.encode(values, this.parts.length));
  }

  /** The beginning that all keys with these first values share; as long as it can be (up to the row's own tag). */
  private encode(values: KeyValues, count: number): string {
    let text = this.prefix;
    for (const [i, segment] of this.segments.entries()) {
      if (i > 0 && count < segment.from) return text;
      text += segment.tag;
      for (let p = segment.from; p < segment.to; p++) {
        if (p >= count) return text;
        const part = this.parts[p];
        if (part !== undefined) text += encodeKeyPart(part.type, values[p] ?? null, part.descending);
      }
    }
    return text;
  }

  /** One value as part `p` of a key. */
  encodePart(p: number, value: SqlValue): string {
    const part = defined(this.parts[p], 'key part');
    return encodeKeyPart(part.type, value, part.descending);
  }

  /** As the key of values, of leading parts that are encoded already; ends with the tag that must follow them. */
  keyOfParts(encoded: readonly string[]): string {
    let text = this.prefix;
    for (const [i, segment] of this.segments.entries()) {
      if (i > 0 && encoded.length < segment.from) return text;
      text += segment.tag;
      for (let p = segment.from; p < segment.to; p++) {
        const part = encoded[p];
        if (part === undefined) return text;
        text += part;
      }
    }
    return text;
  }

  /** All keys that begin with these values. May hold keys of other tables too: see `owns`. */
  prefixRange(values: KeyValues): KeyRange {
    const from = this.encode(values, values.length);
    return { from: asKey(from), to: after(from) };
  }

  range(range: KeyRangeValues): KeyRange {
    const start = this.encode(range.start, range.start.length);
    const end = this.encode(range.end, range.end.length);
    return { from: range.startClosed || range.start.length === 0 ? asKey(start) : after(start), to: range.endClosed || range.end.length === 0 ? after(end) : asKey(end) };
  }

  /** Point keys and ranges of a key set; keys that are prefixes only become ranges. Empty ranges are left out. */
  keySet(set: KeySetValues): { readonly keys: Key[]; readonly ranges: KeyRange[] } {
    const keys: Key[] = [];
    const ranges: KeyRange[] = set.all ? [this.prefixRange([])] : set.ranges.map((range) => this.range(range));
    for (const values of set.keys) {
      if (values.length === this.parts.length) keys.push(this.key(values));
      else ranges.push(this.prefixRange(values));
    }
    return { keys, ranges: ranges.filter((range) => range.from < range.to) };
  }

  /** Whether the range of keys that begin with `count` values holds keys of this layout and its descendants only. */
  isExclusive(count: number): boolean {
    const last = this.segments.at(-1);
    return last === undefined || this.segments.length === 1 || count >= last.from;
  }

  /** The values of a key's parts; undefined when the key is that of something else. */
  decode(key: string): SqlValue[] | undefined {
    if (!this.owns(key)) return undefined;
    const values: SqlValue[] = [];
    this.decodeInto(key, values);
    return values;
  }

  /** As `decode` for a key that is known to be of this layout: values[i] is that of part i, for the first `needed` parts. */
  decodeInto(key: string, values: SqlValue[], needed = this.parts.length): void {
    let offset = this.prefix.length;
    for (const segment of this.segments) {
      offset += TABLE_TAG_LENGTH;
      for (let p = segment.from; p < segment.to; p++) {
        const part = this.parts[p];
        if (part === undefined || p >= needed) return;
        const decoded = decodeKeyPart(part.type, key, offset, part.descending);
        values[p] = decoded.value;
        offset = decoded.next;
      }
    }
  }

  /** What the key, which is of this layout, is up to the end of each of its parts. */
  prefixesOf(key: string): string[] {
    const prefixes: string[] = [];
    let offset = this.prefix.length;
    for (const segment of this.segments) {
      offset += TABLE_TAG_LENGTH;
      for (let p = segment.from; p < segment.to; p++) {
        const part = this.parts[p];
        if (part === undefined) break;
        offset = skipKeyPart(part.type, key, offset, part.descending);
        prefixes.push(key.slice(0, offset));
      }
    }
    return prefixes;
  }

  /** Whether the key is one of this layout: not an ancestor's, a sibling's, or a descendant's. */
  owns(key: string): boolean {
    return this.matchEnd(key) === key.length;
  }

  /** The offset behind this layout's part of the key (which a descendant's key goes on from); undefined: another branch. */
  private matchEnd(key: string): number | undefined {
    let offset = this.prefix.length;
    for (const segment of this.segments) {
      if (!key.startsWith(segment.tag, offset)) return undefined;
      offset += TABLE_TAG_LENGTH;
      offset = this.skipParts(key, offset, segment);
    }
    return offset;
  }

  /** Whether the key is of this layout or of a descendant. */
  leadsTo(key: string): boolean {
    return this.matchEnd(key) !== undefined;
  }

  private skipParts(key: string, start: number, segment: Segment): number {
    let offset = start;
    for (let p = segment.from; p < segment.to; p++) {
      const part = this.parts[p];
      if (part !== undefined) offset = skipKeyPart(part.type, key, offset, part.descending);
    }
    return offset;
  }

  /**
   * For a forward scan that met `key`, which is not of this layout: the first key from which the next one of this layout can be.
   */
  seekPast(key: string): Key {
    let offset = this.prefix.length;
    for (const segment of this.segments) {
      const tag = key.slice(offset, offset + TABLE_TAG_LENGTH);
      if (tag < segment.tag) return asKey(key.slice(0, offset) + segment.tag);
      // A sibling behind this table: on to the next row of the parent.
      if (tag > segment.tag) return asKey(`${key.slice(0, offset)}\x03`);
      offset = this.skipParts(key, offset + TABLE_TAG_LENGTH, segment);
    }
    // A descendant: on to the next row.
    return asKey(`${key.slice(0, offset)}\x03`);
  }

  /** Only a table's layout with segments before its own shares ranges with others. */
  get isInterleaved(): boolean {
    return this.segments.length > 1;
  }

  /** Whether scans of this layout's ranges meet keys of other tables. */
  get isShared(): boolean {
    return this.isInterleaved;
  }

  /** Columns whose values are cells of the record. */
  abstract get stored(): readonly StoredColumn[];
}

const isVirtual = (column: Column): boolean => column.value?.kind === 'generated' && !column.value.stored;

export class TableLayout extends KeyLayout<Column> {
  readonly table: Table;
  readonly hasChildren: boolean;
  /** Parts that belong to the parent's key. */
  readonly parentParts: number;

  constructor(prefix: string, table: Table, parts: readonly KeyPart<Column>[], segments: readonly Segment[], hasChildren: boolean) {
    super(prefix, parts, segments);
    this.table = table;
    this.hasChildren = hasChildren;
    this.parentParts = segments.length > 1 ? (segments.at(-1)?.from ?? 0) : 0;
  }

  override get isShared(): boolean {
    return this.hasChildren || this.isInterleaved;
  }

  get stored(): readonly StoredColumn[] {
    const inKey = new Set(this.parts.map((part) => part.column.id));
    return this.table.columns.filter((c) => !inKey.has(c.id) && !isVirtual(c));
  }
}

export class IndexLayout extends KeyLayout<Column> {
  readonly index: Index;
  readonly table: Table;
  /** Columns whose values are in the entry's cells: stored columns, and what a unique index's key lacks of the primary key. */
  readonly cellColumns: readonly Column[];
  /** Columns that every entry has: not those that are being filled in, or on their way out. */
  readonly readable: ReadonlySet<ColumnId>;

  constructor(prefix: string, index: Index, table: Table, parts: readonly KeyPart<Column>[]) {
    super(prefix, parts, [{ tag: tableTag(index.id), from: 0, to: parts.length }]);
    this.index = index;
    this.table = table;
    const inKey = new Set(parts.map((part) => part.column.id));
    const restOfKey = table.primaryKey.map((part) => part.column).filter((id) => !inKey.has(id));
    this.cellColumns = [...restOfKey, ...index.storing].map((id) => columnById(table, id));
    this.readable = new Set([...inKey, ...restOfKey, ...index.storing.filter((id) => !index.storingBackfill.includes(id))]);
  }

  get stored(): readonly StoredColumn[] {
    return this.cellColumns;
  }
}

/** All layouts of a database at one schema. `prefix` is the database's number as the node hands it in. */
export class KeySpace {
  readonly schema: Schema;
  readonly prefix: string;
  private readonly tables = new Map<ObjectId, TableLayout>();
  private readonly indexes = new Map<ObjectId, IndexLayout>();

  constructor(schema: Schema, prefix: string) {
    this.schema = schema;
    this.prefix = prefix;
  }

  table(table: Table): TableLayout {
    let layout = this.tables.get(table.id);
    if (layout === undefined) {
      layout = this.makeTableLayout(table);
      this.tables.set(table.id, layout);
    }
    return layout;
  }

  private makeTableLayout(table: Table): TableLayout {
    const chain = [table, ...this.schema.ancestorsOf(table)].toReversed();
    let from = 0;
    const segments = chain.map((member) => {
      const segment = { tag: tableTag(member.id), from, to: member.primaryKey.length };
      from = member.primaryKey.length;
      return segment;
    });
    return new TableLayout(this.prefix, table, partsOf(table, table.primaryKey), segments, this.schema.childrenOf(table.id).length > 0);
  }

  index(index: Index): IndexLayout {
    let layout = this.indexes.get(index.id);
    if (layout === undefined) {
      const table = this.schema.tableById(index.table);
      const inKey = new Set<ColumnId>(index.keys.map((key) => key.column));
      const rest = index.unique ? [] : table.primaryKey.filter((part) => !inKey.has(part.column));
      layout = new IndexLayout(this.prefix, index, table, partsOf(table, [...index.keys, ...rest]));
      this.indexes.set(index.id, layout);
    }
    return layout;
  }

  /** The table or index whose key this is; undefined when it is of none in this schema. */
  layoutOf(key: string): TableLayout | IndexLayout | undefined {
    const id = decodeTableTag(key, this.prefix.length);
    if (id === undefined) return undefined;
    const index = this.schema.findIndexById(id);
    if (index !== undefined) return this.index(index);
    let table = this.schema.findTableById(id);
    while (table !== undefined) {
      const layout = this.table(table);
      if (layout.owns(key)) return layout;
      const next: Table | undefined = this.schema.childrenOf(table.id).find((child) => this.table(child).leadsTo(key));
      table = next;
    }
    return undefined;
  }
}

function partsOf(table: Table, key: readonly KeyColumn[]): KeyPart<Column>[] {
  return key.map((part) => {
    const column = columnById(table, part.column);
    return { column, type: keyPartType(column.type), descending: part.descending };
  });
}

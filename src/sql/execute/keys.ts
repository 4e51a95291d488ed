/**
 * Keys and ranges of tables and indexes, as laid out in src/sql/rows and src/storage/keycodec.ts:
 *
 *   row     prefix, then for each table from the root down: tag, own key parts
 *   entry   prefix, tag of the index, all key parts of the entry
 *
 * Rows of interleaved tables lie inside their parents' rows, so that a range of one table may hold keys of others, which
 * the decoder tells by their tags.
 */
import { defined } from '../../base/assert.ts';
import { key as toKey, prefixEnd, type Key } from '../../base/ids.ts';
import { decodeKeyPart, decodeTableTag, encodeKeyPart, skipKeyPart, tableTag, TABLE_TAG_LENGTH, type KeyPartType } from '../../storage/keycodec.ts';
import type { KeyRange } from '../../txn/types.ts';
import type { CatalogIndex, CatalogKeyPart, CatalogTable } from '../bind/catalog.ts';
import type { Seek } from '../plan/physical.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { Evaluate } from './expressions.ts';
import type { Frame, Row } from './runtime.ts';

interface Segment {
  readonly tag: string;
  readonly id: number;
  /** Index of the first key part after the tag, and of the one after the last. */
  readonly from: number;
  readonly to: number;
}

const KEY_TYPES: ReadonlySet<string> = new Set(['BOOL', 'INT64', 'FLOAT64', 'FLOAT32', 'NUMERIC', 'STRING', 'BYTES', 'DATE', 'TIMESTAMP', 'UUID']);

export function keyPartType(type: SqlType): KeyPartType {
  if (type.kind === 'ENUM') return 'INT64';
  if (type.kind === 'PROTO') return 'BYTES';
  if (!KEY_TYPES.has(type.kind)) throw new TypeError(`a key part of type ${type.kind}`);
  return type.kind as KeyPartType;
}

/** The layout of the keys of one table or index. */
export class KeyLayout {
  readonly parts: readonly { readonly type: KeyPartType; readonly descending: boolean }[];
  private readonly segments: readonly Segment[];

  private constructor(key: readonly CatalogKeyPart[], segments: readonly Segment[]) {
    this.parts = key.map((k) => ({ type: keyPartType(k.column.type), descending: k.descending }));
    this.segments = segments;
  }

  static ofTable(table: CatalogTable): KeyLayout {
    let at = 0;
    const segments = table.path.map((s): Segment => {
      const from = at;
      at += s.parts;
      return { tag: tableTag(s.tableId), id: s.tableId, from, to: at };
    });
    return new KeyLayout(table.primaryKey, segments);
  }

  static ofIndex(index: CatalogIndex): KeyLayout {
    return new KeyLayout(index.key, [{ tag: tableTag(index.id), id: index.id, from: 0, to: index.key.length }]);
  }

  encodePart(i: number, value: SqlValue): string {
    const part = defined(this.parts[i], 'key part');
    return encodeKeyPart(part.type, value, part.descending);
  }

  /** The key of encoded leading parts; with all parts, a whole key. Ends with a tag when that is what must follow. */
  prefixOf(prefix: string, encoded: readonly string[]): string {
    let text = prefix;
    for (const s of this.segments) {
      if (encoded.length < s.from) break;
      text += s.tag;
      for (let i = s.from; i < s.to; i++) {
        const part = encoded[i];
        if (part === undefined) return text;
        text += part;
      }
    }
    return text;
  }

  /** Whether a range of this layout may hold keys of other tables. */
  get isInterleaved(): boolean {
    return this.segments.length > 1;
  }

  /** For a forward scan that met `text`, which is not of this layout: from where the next key of this layout can come. */
  seekPast(text: string, prefixLength: number): string {
    let at = prefixLength;
    for (const s of this.segments) {
      const tag = text.slice(at, at + TABLE_TAG_LENGTH);
      if (tag < s.tag) return text.slice(0, at) + s.tag;
      // A sibling behind this table: on to the next row of the parent.
      if (tag > s.tag) return `${text.slice(0, at)}\x03`;
      at += TABLE_TAG_LENGTH;
      for (let i = s.from; i < s.to && at < text.length; i++) {
        const part = this.parts[i];
        if (part !== undefined) at = skipKeyPart(part.type, text, at, part.descending);
      }
    }
    // A descendant: on to the next row.
    return `${text.slice(0, at)}\x03`;
  }

  /** Decodes the key's parts into `out`; false for the key of another table. Parts beyond `needed` are skipped over. */
  decode(text: string, prefixLength: number, needed: number, out: SqlValue[]): boolean {
    let at = prefixLength;
    for (const s of this.segments) {
      if (at >= text.length || decodeTableTag(text, at) !== s.id) return false;
      at += TABLE_TAG_LENGTH;
      for (let i = s.from; i < s.to; i++) {
        const part = this.parts[i];
        if (part === undefined || at >= text.length) return false;
        if (i < needed) {
          const decoded = decodeKeyPart(part.type, text, at, part.descending);
          out[i] = decoded.value;
          at = decoded.next;
        } else at = skipKeyPart(part.type, text, at, part.descending);
      }
    }
    return at === text.length;
  }
}

export interface CompiledSeek {
  readonly parts: readonly ({ readonly kind: 'equal'; readonly value: Evaluate } | { readonly kind: 'values'; readonly values: readonly Evaluate[] } | { readonly kind: 'array'; readonly array: Evaluate } | { readonly kind: 'null' })[];
  readonly lower: { readonly value: Evaluate; readonly inclusive: boolean } | undefined;
  readonly upper: { readonly value: Evaluate; readonly inclusive: boolean } | undefined;
}

export function compileSeek(seek: Seek, compile: (e: NonNullable<Seek['lower']>['value']) => Evaluate): CompiledSeek {
  const bound = (b: Seek['lower']): CompiledSeek['lower'] => (b === undefined ? undefined : { value: compile(b.value), inclusive: b.inclusive });
  return {
    parts: seek.parts.map((p) => {
      switch (p.kind) {
        case 'equal':
          return { kind: 'equal', value: compile(p.value) };
        case 'values':
          return { kind: 'values', values: p.values.map(compile) };
        case 'array':
          return { kind: 'array', array: compile(p.array) };
        case 'null':
          return p;
      }
    }),
    lower: bound(seek.lower),
    upper: bound(seek.upper),
  };
}

/** Encoded values of one part; NULL never equals anything, so it makes no range. */
function partValues(part: CompiledSeek['parts'][number], i: number, layout: KeyLayout, row: Row, frame: Frame): readonly string[] {
  if (part.kind === 'null') return [layout.encodePart(i, null)];
  if (part.kind === 'equal') {
    const value = part.value(row, frame);
    return value === null ? [] : [layout.encodePart(i, value)];
  }
  const values = part.kind === 'values' ? part.values.map((v) => v(row, frame)) : ((part.array(row, frame) as readonly SqlValue[] | null) ?? []);
  return [...new Set(values.filter((v) => v !== null).map((v) => layout.encodePart(i, v)))];
}

/** The prefixes that the fixed parts of a seek make, in key order. */
export function seekPrefixes(seek: CompiledSeek, layout: KeyLayout, keyPrefix: string, row: Row, frame: Frame): string[] {
  let lists: readonly (readonly string[])[] = [[]];
  for (const [i, part] of seek.parts.entries()) {
    const values = partValues(part, i, layout, row, frame);
    const [only] = values;
    if (only === undefined) return [];
    lists = values.length === 1 ? lists.map((l) => [...l, only]) : lists.flatMap((l) => values.map((v) => [...l, v]));
  }
  const prefixes = lists.map((l) => layout.prefixOf(keyPrefix, l));
  return prefixes.length === 1 ? prefixes : prefixes.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The range of a prefix under the seek's bounds on the next part; undefined when it is empty. */
export function boundedRange(prefix: string, seek: CompiledSeek, layout: KeyLayout, row: Row, frame: Frame): KeyRange | undefined {
  const end = defined(prefixEnd(prefix), 'a key prefix begins with a tag');
  if (seek.lower === undefined && seek.upper === undefined) return { from: toKey(prefix), to: end };
  const i = seek.parts.length;
  const low = bound(seek.lower, i, layout, row, frame);
  const high = bound(seek.upper, i, layout, row, frame);
  if (low === 'never' || high === 'never') return undefined;
  const descending = layout.parts[i]?.descending === true;
  // A comparison is never TRUE for NULL: the range ends, or begins, before NULL.
  const nullPart = layout.encodePart(i, null);
  let from: string = prefix;
  let to: string = end;
  const after = (encoded: string): string => defined(prefixEnd(prefix + encoded), 'an encoded part has an end');
  const [first, last] = descending ? [high, low] : [low, high];
  if (first !== undefined) from = first.inclusive ? prefix + first.encoded : after(first.encoded);
  else if (!descending) from = after(nullPart);
  if (last !== undefined) to = last.inclusive ? after(last.encoded) : prefix + last.encoded;
  else if (descending) to = prefix + nullPart;
  return from < to ? { from: toKey(from), to: toKey(to) } : undefined;
}

function bound(b: CompiledSeek['lower'], i: number, layout: KeyLayout, row: Row, frame: Frame): { readonly encoded: string; readonly inclusive: boolean } | 'never' | undefined {
  if (b === undefined) return undefined;
  const value = b.value(row, frame);
  return value === null ? 'never' : { encoded: layout.encodePart(i, value), inclusive: b.inclusive };
}

/** The part of a range that lies in another. */
export function intersect(range: KeyRange, limits: KeyRange | undefined): KeyRange | undefined {
  if (limits === undefined) return range;
  const from = range.from > limits.from ? range.from : limits.from;
  const to = range.to < limits.to ? range.to : limits.to;
  return from < to ? { from, to } : undefined;
}

export const asKey = (text: string): Key => toKey(text);

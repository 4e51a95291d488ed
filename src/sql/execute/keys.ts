/**
 * The keys and ranges that seeks make of the values of one run, in the order of the key, each row at most once.
 *
 * A comparison is never TRUE for NULL, so bounds leave NULL out: it sorts first, or last in a descending part.
 */
import { Code, TrestleError } from '../../base/errors.ts';
import { defined } from '../../base/assert.ts';
import { key as toKey, prefixEnd, type Key } from '../../base/ids.ts';
import type { KeyRange } from '../../txn/types.ts';
import type { Expr } from '../bind/tree.ts';
import { likePrefix } from '../functions/like.ts';
import type { Seek, SeekBound } from '../plan/physical.ts';
import type { KeyLayout } from '../rows/keyspace.ts';
import type { SqlValue } from '../values/value.ts';
import { compileExpr, type Evaluate, type ExprScope } from './expressions.ts';
import type { Frame, Row } from './runtime.ts';

type CompiledPart = { readonly kind: 'equal'; readonly value: Evaluate } | { readonly kind: 'values'; readonly values: readonly Evaluate[] } | { readonly kind: 'array'; readonly array: Evaluate } | { readonly kind: 'null' } | { readonly kind: 'derived'; readonly values: readonly Evaluate[] };

export interface CompiledSeek {
  readonly each: { readonly array: Evaluate; readonly slot: number } | undefined;
  readonly parts: readonly CompiledPart[];
  readonly bounds: readonly { readonly operator: SeekBound['operator']; readonly value: Evaluate }[];
}

export const compileSeeks = (seeks: readonly Seek[], scope: ExprScope): CompiledSeek[] => seeks.map((seek) => compileSeek(seek, scope));

function compileSeek(seek: Seek, outer: ExprScope): CompiledSeek {
  let scope = outer;
  let each: CompiledSeek['each'];
  if (seek.each !== undefined) {
    const slot = outer.plan.variable();
    each = { array: compileExpr(seek.each.array, outer), slot };
    scope = { ...outer, variables: new Map([[seek.each.element.id, slot]]) };
  }
  const compile = (e: Expr): Evaluate => compileExpr(e, scope);
  const parts = seek.parts.map((p): CompiledPart => {
    switch (p.kind) {
      case 'equal':
        return { kind: 'equal', value: compile(p.value) };
      case 'values':
        return { kind: 'values', values: p.values.map(compile) };
      case 'array':
        return { kind: 'array', array: compile(p.array) };
      case 'null':
        return p;
      case 'derived':
        return { kind: 'derived', values: p.values.map(compile) };
    }
  });
  return { each, parts, bounds: seek.bounds.map((b) => ({ operator: b.operator, value: compile(b.value) })) };
}

/** Encoded values of one part; NULL never equals anything, so it makes no range. */
function partValues(part: CompiledPart, i: number, layout: KeyLayout, row: Row, frame: Frame): readonly string[] {
  if (part.kind === 'null') return [layout.encodePart(i, null)];
  if (part.kind === 'equal') {
    const value = part.value(row, frame);
    return value === null ? [] : [layout.encodePart(i, value)];
  }
  if (part.kind === 'derived') return [...new Set(part.values.flatMap((v) => derivedValue(v, i, layout, row, frame)))];
  const values = part.kind === 'values' ? part.values.map((v) => v(row, frame)) : ((part.array(row, frame) as readonly SqlValue[] | null) ?? []);
  return [...new Set(values.filter((v) => v !== null).map((v) => layout.encodePart(i, v)))];
}

/** A value of which nothing can be generated is in no row. */
function derivedValue(value: Evaluate, i: number, layout: KeyLayout, row: Row, frame: Frame): readonly string[] {
  try {
    return [layout.encodePart(i, value(row, frame))];
  } catch (error) {
    if (error instanceof TrestleError && error.code === Code.OUT_OF_RANGE) return [];
    throw error;
  }
}

/** The prefixes that the fixed parts of one seek make. */
function prefixesOf(seek: CompiledSeek, layout: KeyLayout, row: Row, frame: Frame): string[] {
  let lists: readonly (readonly string[])[] = [[]];
  for (let i = 0; i < seek.parts.length; i++) {
    const part = seek.parts[i];
    const values = part === undefined ? [] : partValues(part, i, layout, row, frame);
    const [only] = values;
    if (only === undefined) return [];
    lists = values.length === 1 ? lists.map((l) => [...l, only]) : lists.flatMap((l) => values.map((v) => [...l, v]));
  }
  return lists.map((l) => layout.keyOfParts(l));
}

/** Calls `visit` for every element that the seek is for. */
function forEach(seek: CompiledSeek, row: Row, frame: Frame, visit: () => void): void {
  if (seek.each === undefined) return visit();
  for (const element of (seek.each.array(row, frame) as readonly SqlValue[] | null) ?? []) {
    frame.vars[seek.each.slot] = element;
    visit();
  }
}

/** Whole keys, sorted and distinct. */
export function pointsOf(seeks: readonly CompiledSeek[], layout: KeyLayout, row: Row, frame: Frame): Key[] {
  const keys: string[] = [];
  for (const seek of seeks) forEach(seek, row, frame, () => keys.push(...prefixesOf(seek, layout, row, frame)));
  if (keys.length < 2) return keys.map(toKey);
  return [...new Set(keys)].sort((a, b) => (a < b ? -1 : 1)).map(toKey);
}

/** Ranges, sorted; those that overlap are one. */
export function rangesOf(seeks: readonly CompiledSeek[], layout: KeyLayout, row: Row, frame: Frame): KeyRange[] {
  const ranges: KeyRange[] = [];
  for (const seek of seeks) {
    forEach(seek, row, frame, () => {
      for (const prefix of prefixesOf(seek, layout, row, frame)) {
        const range = boundedRange(prefix, seek, layout, row, frame);
        if (range !== undefined) ranges.push(range);
      }
    });
  }
  return ranges.length < 2 ? ranges : merged(ranges);
}

function merged(ranges: KeyRange[]): KeyRange[] {
  const result: KeyRange[] = [];
  for (const range of ranges.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const last = result.at(-1);
    if (last === undefined || range.from > last.to) result.push(range);
    else if (range.to > last.to) result[result.length - 1] = { from: last.from, to: range.to };
  }
  return result;
}

const after = (prefix: string): string => defined(prefixEnd(prefix), 'a key prefix begins with a tag');

/** The range of a prefix under the seek's bounds on the next part; undefined when it is empty. */
function boundedRange(prefix: string, seek: CompiledSeek, layout: KeyLayout, row: Row, frame: Frame): KeyRange | undefined {
  let from: string = prefix;
  let to: string = after(prefix);
  const i = seek.parts.length;
  const descending = layout.parts[i]?.descending === true;
  if (seek.bounds.length > 0) {
    const none = prefix + layout.encodePart(i, null);
    if (descending) to = none;
    else from = after(none);
  }
  for (const b of seek.bounds) {
    const value = b.value(row, frame);
    if (value === null) return undefined;
    const [low, high] = limitsOf(b.operator, value, prefix, i, layout);
    if (low !== undefined && low > from) from = low;
    if (high !== undefined && high < to) to = high;
  }
  return from < to ? { from: toKey(from), to: toKey(to) } : undefined;
}

/** Where the keys that a bound admits begin and end; undefined: as far as all. */
function limitsOf(operator: SeekBound['operator'], value: SqlValue, prefix: string, i: number, layout: KeyLayout): readonly [string | undefined, string | undefined] {
  if (operator === 'starts' || operator === 'like') {
    // Without the byte that ends it, an encoded text is what all texts that go on from it begin with.
    const start = prefix + layout.encodePart(i, operator === 'like' ? likePrefix(String(value)) : value).slice(0, -1);
    return [start, after(start)];
  }
  const at = prefix + layout.encodePart(i, value);
  const ascending = layout.parts[i]?.descending !== true;
  const inclusive = operator === '<=' || operator === '>=';
  const isLow = (operator === '>' || operator === '>=') === ascending;
  return isLow ? [inclusive ? at : after(at), undefined] : [undefined, inclusive ? after(at) : at];
}

/** The part of a range that lies in another. */
export function intersect(range: KeyRange, limits: KeyRange | undefined): KeyRange | undefined {
  if (limits === undefined) return range;
  const from = range.from > limits.from ? range.from : limits.from;
  const to = range.to < limits.to ? range.to : limits.to;
  return from < to ? { from, to } : undefined;
}

export const asKey = (text: string): Key => toKey(text);

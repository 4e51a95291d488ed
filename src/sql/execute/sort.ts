/** ORDER BY: a full sort, or the first rows only when a limit follows. Stable, so that equal rows keep their order. */
import { outOfRange } from '../../base/errors.ts';
import type { SortKey } from '../bind/tree.ts';
import type { SqlType } from '../types/types.ts';
import { comparatorOf } from '../values/compare.ts';
import type { SqlValue } from '../values/value.ts';
import { NO_ROW, type Evaluate } from './expressions.ts';
import { lazyRows, limitValue } from './operators.ts';
import { collect, rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

export interface CompiledSortKey {
  readonly value: Evaluate;
  readonly collation: Evaluate | undefined;
  readonly key: SortKey;
}

export type Compare = (a: SqlValue, b: SqlValue) => number;

/** The order of two values under a key, NULLs where the key wants them. */
export function compareBy(key: Pick<SortKey, 'descending' | 'nullsFirst'> & { readonly expr: { readonly type: SqlType } }, collation: string | undefined): Compare {
  const base = collation === undefined ? comparatorOf(key.expr.type) : collated(collation);
  const sign = key.descending ? -1 : 1;
  const nulls = key.nullsFirst ? -1 : 1;
  return (a, b) => {
    if (a === null) return b === null ? 0 : nulls;
    if (b === null) return -nulls;
    return sign * base(a, b);
  };
}

/** Collation names: `language[:ci|:cs]`, or `unicode` and `binary`. Source: GoogleSQL "COLLATE". */
function collated(name: string): Compare {
  const [language = '', ...attributes] = name.split(':');
  const invalid = (why: string): never => {
    throw outOfRange(`COLLATE has invalid collation name '${name}':${why}`);
  };
  if (language === '') invalid('cannot contain empty language_tag');
  if (language === 'binary' && attributes.length > 0) invalid('binary cannot be combined with a suffix');
  if (attributes.length > 1) invalid('only case sensitivity attribute is supported');
  const [attribute] = attributes;
  if (attribute !== undefined && attribute !== 'ci' && attribute !== 'cs') invalid('case sensitivity must be ci or cs');
  const insensitive = attribute === 'ci';
  if (language === 'binary' || (language === 'unicode' && !insensitive)) {
    const compare = comparatorOf({ kind: 'STRING' });
    return compare;
  }
  let collator: Intl.Collator;
  try {
    collator = new Intl.Collator(language === 'und' || language === 'unicode' ? 'en-u-co-standard' : language.replace('_', '-'), { sensitivity: insensitive ? 'accent' : 'variant' });
  } catch {
    return invalid('unknown language');
  }
  return (a, b) => collator.compare(String(a), String(b));
}

export interface SortEntry {
  readonly row: Row;
  readonly keys: readonly SqlValue[];
}

/** A comparison of rows with their keys computed; collations are evaluated now. */
export function entryComparator(keys: readonly CompiledSortKey[], frame: Frame): (a: SortEntry, b: SortEntry) => number {
  const compares = keys.map((k) => {
    if (k.collation === undefined) return compareBy(k.key, undefined);
    const name = k.collation(NO_ROW, frame);
    if (typeof name !== 'string') throw outOfRange('COLLATE requires non-NULL collation name');
    return compareBy(k.key, name);
  });
  return (a, b) => {
    for (let i = 0; i < compares.length; i++) {
      const order = compares[i]?.(a.keys[i] ?? null, b.keys[i] ?? null) ?? 0;
      if (order !== 0) return order;
    }
    return 0;
  };
}

export const entryOf = (row: Row, keys: readonly CompiledSortKey[], frame: Frame): SortEntry => ({ row, keys: keys.map((k) => k.value(row, frame)) });

/** Beyond this many rows a limited sort is an ordinary one. */
const MAX_TOP = 10_000;

export function sortPlan(input: Plan, keys: readonly CompiledSortKey[], count: Evaluate | undefined, offset: Evaluate | undefined): Plan {
  return (frame) => {
    const compare = entryComparator(keys, frame);
    const skip = limitValue(offset, frame, 0);
    const end = skip + limitValue(count, frame, Infinity);
    const source = input(frame);
    const compute = async (): Promise<readonly Row[]> => {
      const rows = end <= MAX_TOP ? await top(source, keys, compare, end, frame) : await all(source, keys, compare, frame);
      return rows.slice(skip, end);
    };
    return lazyRows(compute, () => source.close());
  };
}

async function all(source: Operator, keys: readonly CompiledSortKey[], compare: (a: SortEntry, b: SortEntry) => number, frame: Frame): Promise<Row[]> {
  const rows = await collect(source, frame);
  const entries: SortEntry[] = [];
  for (const row of rows) {
    if (frame.isPauseDue()) await frame.pause();
    const entry = entryOf(row, keys, frame);
    // Cells of the row cost the reference only; what a key computes is its own.
    frame.memory.take(ENTRY_BYTES + rowBytes(entry.keys));
    entries.push(entry);
  }
  return entries.sort(compare).map((e) => e.row);
}

/** What an entry takes beside its row and keys. */
const ENTRY_BYTES = 32;

/** Keeps the first `n` rows while reading: a buffer of twice that is sorted and cut whenever it is full. */
async function top(source: Operator, keys: readonly CompiledSortKey[], compare: (a: SortEntry, b: SortEntry) => number, n: number, frame: Frame): Promise<Row[]> {
  let kept: SortEntry[] = [];
  let bytes = 0;
  const sizeOf = (e: SortEntry): number => ENTRY_BYTES + rowBytes(e.row) + rowBytes(e.keys);
  const cut = (): void => {
    kept.sort(compare);
    kept.length = Math.min(kept.length, n);
    frame.memory.give(bytes);
    bytes = 0;
    for (const e of kept) bytes += sizeOf(e);
    frame.memory.take(bytes);
  };
  try {
    for (let batch = await source.next(); batch !== undefined; batch = await source.next()) {
      frame.checkCancelled();
      for (const row of batch) {
        const entry = entryOf(row, keys, frame);
        const size = sizeOf(entry);
        frame.memory.take(size);
        bytes += size;
        kept.push(entry);
        if (kept.length < 2 * n + 64) continue;
        cut();
      }
    }
  } finally {
    await source.close();
  }
  cut();
  const rows = kept.map((e) => e.row);
  kept = [];
  return rows;
}

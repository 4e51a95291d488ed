/**
 * Which part of a key conditions fix: the longest prefix of parts with an equality, IN or IS NULL each, then bounds on the
 * part after it. Values may be constants, parameters or columns of enclosing rows; they are known when the scan opens.
 */
import type { CatalogKeyPart } from '../bind/catalog.ts';
import type { Expr } from '../bind/tree.ts';
import { isFloating } from '../types/traits.ts';
import { typesEqual } from '../types/types.ts';
import { isMovable, usesOnly } from './conjuncts.ts';
import type { Seek, SeekBound, SeekPart } from './physical.ts';

/** IN lists of several key parts multiply; beyond this many ranges the later parts are filtered instead. */
const MAX_RANGES = 1000;

export interface SeekChoice {
  readonly seek: Seek;
  /** Conditions that the seek fully expresses. */
  readonly consumed: ReadonlySet<Expr>;
  /** How many leading parts have one value each, and how many ranges IN lists make of them. */
  readonly equalParts: number;
  readonly ranges: number;
  readonly bounds: number;
  /** Columns, by id of the relation, that have one value in the whole scan. */
  readonly fixed: ReadonlySet<number>;
}

type Comparison = { readonly column: number; readonly operator: '=' | '<' | '<=' | '>' | '>='; readonly value: Expr };

const FLIPPED = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;
const OPERATORS: Readonly<Record<string, Comparison['operator']>> = { $equal: '=', $less: '<', $less_or_equal: '<=', $greater: '>', $greater_or_equal: '>=' };

const plainArg = (e: Expr & { kind: 'call' }, i: number): Expr | undefined => {
  const a = e.args[i];
  return a === undefined || a.kind === 'lambda' || a.kind === 'keyword' ? undefined : a;
};

/** Finds the seek of one key. `columnOf` gives the id under which the relation shows a column of the table. */
export function chooseSeek(key: readonly CatalogKeyPart[], columnOf: (columnId: number) => number | undefined, conditions: readonly Expr[], own: ReadonlySet<number>): SeekChoice {
  const parts: SeekPart[] = [];
  const consumed = new Set<Expr>();
  const fixed = new Set<number>();
  let ranges = 1;
  let equalParts = 0;
  let arrays = 0;
  for (const part of key) {
    const id = columnOf(part.column.id);
    if (id === undefined) break;
    const found = findEquality(id, conditions, own, part, arrays);
    if (found === undefined) break;
    const size = found.part.kind === 'values' ? found.part.values.length : 1;
    if (ranges * size > MAX_RANGES) break;
    ranges *= size;
    if (found.part.kind === 'array') {
      arrays++;
      ranges *= 10;
    }
    if (found.part.kind === 'equal' || found.part.kind === 'null') {
      fixed.add(id);
      equalParts++;
    }
    parts.push(found.part);
    if (!isFloating(part.column.type)) consumed.add(found.condition);
  }
  const next = key[parts.length];
  const nextId = next === undefined ? undefined : columnOf(next.column.id);
  let lower: SeekBound | undefined;
  let upper: SeekBound | undefined;
  if (next !== undefined && nextId !== undefined) {
    for (const c of conditions) {
      for (const b of boundsOf(c, nextId, own, next)) {
        const exact = !isFloating(next.column.type);
        if (b.operator === '>' || b.operator === '>=') {
          if (lower !== undefined) continue;
          lower = { value: b.value, inclusive: b.operator === '>=' };
        } else {
          if (upper !== undefined) continue;
          upper = { value: b.value, inclusive: b.operator === '<=' };
        }
        // Both halves of BETWEEN must have been taken for the condition to be expressed.
        if (exact && !isBetween(c)) consumed.add(c);
      }
    }
  }
  return { seek: { parts, lower, upper }, consumed, equalParts, ranges, bounds: (lower === undefined ? 0 : 1) + (upper === undefined ? 0 : 1), fixed };
}

const isBetween = (e: Expr): boolean => e.kind === 'call' && e.call.definition.name === '$between';

/** A value that is known before the scan: it does not depend on the scanned row. */
const known = (e: Expr, own: ReadonlySet<number>, part: CatalogKeyPart): boolean => isMovable(e) && usesOnly(e, own) && typesEqual(e.type, part.column.type);

function comparison(e: Expr, column: number, own: ReadonlySet<number>, part: CatalogKeyPart): Comparison | undefined {
  if (e.kind !== 'call') return undefined;
  const operator = OPERATORS[e.call.definition.name];
  const left = plainArg(e, 0);
  const right = plainArg(e, 1);
  if (operator === undefined || left === undefined || right === undefined || e.safe) return undefined;
  if (left.kind === 'column' && left.id === column && known(right, own, part)) return { column, operator, value: right };
  if (right.kind === 'column' && right.id === column && known(left, own, part)) return { column, operator: FLIPPED[operator], value: left };
  return undefined;
}

function findEquality(
  column: number, conditions: readonly Expr[], own: ReadonlySet<number>, part: CatalogKeyPart, arrays: number,
): { readonly part: SeekPart; readonly condition: Expr } | undefined {
  let several: { readonly part: SeekPart; readonly condition: Expr } | undefined;
  for (const condition of conditions) {
    const c = comparison(condition, column, own, part);
    if (c?.operator === '=') return { part: { kind: 'equal', value: c.value }, condition };
    if (condition.kind === 'call' && condition.call.definition.name === '$is_null') {
      const arg = plainArg(condition, 0);
      if (arg?.kind === 'column' && arg.id === column) return { part: { kind: 'null' }, condition };
    }
    several ??= severalValues(condition, column, own, part, arrays);
  }
  return several;
}

function severalValues(condition: Expr, column: number, own: ReadonlySet<number>, part: CatalogKeyPart, arrays: number): { readonly part: SeekPart; readonly condition: Expr } | undefined {
  if (condition.kind === 'inList' && condition.operand.kind === 'column' && condition.operand.id === column && condition.items.every((i) => known(i, own, part))) {
    return { part: { kind: 'values', values: condition.items }, condition };
  }
  if (condition.kind === 'or') {
    const values = condition.args.map((a) => comparison(a, column, own, part));
    if (values.every((v) => v?.operator === '=')) return { part: { kind: 'values', values: values.flatMap((v) => (v === undefined ? [] : [v.value])) }, condition };
  }
  if (arrays === 0 && condition.kind === 'call' && condition.call.definition.name === '$in_array') {
    const operand = plainArg(condition, 0);
    const array = plainArg(condition, 1);
    if (operand?.kind === 'column' && operand.id === column && array !== undefined && isMovable(array) && usesOnly(array, own) && array.type.kind === 'ARRAY' && typesEqual(array.type.element, part.column.type)) {
      return { part: { kind: 'array', array }, condition };
    }
  }
  return undefined;
}

function boundsOf(condition: Expr, column: number, own: ReadonlySet<number>, part: CatalogKeyPart): readonly Comparison[] {
  const c = comparison(condition, column, own, part);
  if (c !== undefined) return c.operator === '=' ? [] : [c];
  if (condition.kind !== 'call' || condition.call.definition.name !== '$between') return [];
  const [x, low, high] = [plainArg(condition, 0), plainArg(condition, 1), plainArg(condition, 2)];
  if (x?.kind !== 'column' || x.id !== column) return [];
  const result: Comparison[] = [];
  if (low !== undefined && known(low, own, part)) result.push({ column, operator: '>=', value: low });
  if (high !== undefined && known(high, own, part)) result.push({ column, operator: '<=', value: high });
  return result;
}

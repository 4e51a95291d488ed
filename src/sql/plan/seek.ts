/**
 * Which part of a key conditions fix: the longest prefix of parts with an equality, IN or IS NULL each, then bounds on the
 * part after it. Values may be constants, parameters or columns of enclosing rows; they are known when the scan opens.
 *
 * A condition with alternatives (OR, IN over structs) gives a seek for each of them when every alternative narrows the key
 * further than the other conditions do alone.
 */
import type { CatalogKeyPart } from '../bind/catalog.ts';
import type { Column, Expr } from '../bind/tree.ts';
import { columnExpr, substitute } from '../bind/walk.ts';
import { isFloating } from '../types/traits.ts';
import { typesEqual } from '../types/types.ts';
import { conjuncts, isMovable, usesOnly } from './conjuncts.ts';
import { ELEMENT_ID, type Seek, type SeekBound, type SeekPart } from './physical.ts';
import { equal } from './untie.ts';

/** IN lists of several key parts multiply; beyond this many ranges the later parts are filtered instead. */
const MAX_RANGES = 10_000;
/** Alternatives with seeks of their own. */
const MAX_ALTERNATIVES = 1000;
/** What the length of an array parameter is taken for. */
const ASSUMED_ELEMENTS = 10;

export interface SeekChoice {
  readonly seeks: readonly Seek[];
  /** Conditions that the seeks fully express. */
  readonly consumed: ReadonlySet<Expr>;
  /** Leading parts that every seek fixes, and bounds on the next one. */
  readonly parts: number;
  readonly bounds: number;
  readonly ranges: number;
  /** Columns, by id of the relation, that have one value in the whole scan. */
  readonly fixed: ReadonlySet<number>;
}

type ColumnOf = (columnId: number) => number | undefined;
type Comparison = { readonly operator: '=' | SeekBound['operator']; readonly value: Expr };

const FLIPPED = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;
const OPERATORS: Readonly<Record<string, keyof typeof FLIPPED>> = { $equal: '=', $less: '<', $less_or_equal: '<=', $greater: '>', $greater_or_equal: '>=' };

const plainArg = (e: Expr & { kind: 'call' }, i: number): Expr | undefined => {
  const a = e.args[i];
  return a === undefined || a.kind === 'lambda' || a.kind === 'keyword' ? undefined : a;
};

/** Finds the seeks of one key. `columnOf` gives the id under which the relation shows a column of the table. */
export function chooseSeek(key: readonly CatalogKeyPart[], columnOf: ColumnOf, conditions: readonly Expr[], own: ReadonlySet<number>, derived: Derived = []): SeekChoice {
  let best = oneSeek(key, columnOf, conditions, own, derived);
  for (const condition of conditions) {
    const alternatives = alternativesOf(condition, own);
    if (alternatives === undefined || alternatives.length === 0 || alternatives.length > MAX_ALTERNATIVES) continue;
    const others = conditions.filter((c) => c !== condition);
    const choices = alternatives.map((a) => {
      const choice = oneSeek(key, columnOf, [...others, ...a.conditions], own, derived);
      return { ...choice, seeks: choice.seeks.map((s) => ({ ...s, each: a.each })), ranges: choice.ranges * (a.each === undefined ? 1 : ASSUMED_ELEMENTS) };
    });
    const parts = Math.min(...choices.map((c) => c.parts));
    const bounds = Math.min(...choices.filter((c) => c.parts === parts).map((c) => c.bounds));
    const ranges = choices.reduce((n, c) => n + c.ranges, 0);
    if (ranges > MAX_RANGES || parts < best.parts || (parts === best.parts && bounds <= best.bounds)) continue;
    const consumed = new Set(others.filter((o) => choices.every((c) => c.consumed.has(o))));
    const fixed = new Set([...oneSeek(key, columnOf, others, own, derived).fixed].filter((id) => choices.every((c) => c.fixed.has(id))));
    best = { seeks: choices.flatMap((c) => c.seeks), consumed, parts, bounds, ranges, fixed };
  }
  return best;
}

/** The elements of an array, one of which must meet the conditions of a seek. */
interface Each {
  readonly array: Expr;
  readonly element: Column;
}

interface Alternative {
  readonly conditions: readonly Expr[];
  readonly each: Each | undefined;
}

/** A condition as a list of alternatives, of which one at least must hold; undefined when it is not such a list. */
function alternativesOf(condition: Expr, own: ReadonlySet<number>): readonly Alternative[] | undefined {
  if (condition.kind === 'or') return condition.args.map((a) => ({ conditions: conjuncts(a), each: undefined }));
  if (condition.kind === 'inList' && condition.operand.kind === 'struct') {
    const { fields } = condition.operand;
    return condition.items.map((item) => ({ conditions: fieldsEqual(fields, item), each: undefined }));
  }
  if (condition.kind !== 'call' || condition.call.definition.name !== '$in_array') return undefined;
  const operand = plainArg(condition, 0);
  const array = plainArg(condition, 1);
  if (operand?.kind !== 'struct' || array?.type.kind !== 'ARRAY' || !isMovable(array) || !usesOnly(array, own)) return undefined;
  const element: Column = { id: ELEMENT_ID, name: 'element', type: array.type.element };
  return [{ conditions: fieldsEqual(operand.fields, columnExpr(element)), each: { array, element } }];
}

function fieldsEqual(fields: readonly Expr[], other: Expr): Expr[] {
  const { type } = other;
  if (type.kind !== 'STRUCT') return [];
  return fields.flatMap((field, index) => {
    const fieldType = type.fields[index]?.type;
    if (fieldType === undefined || !typesEqual(fieldType, field.type)) return [];
    return [equal(field, other.kind === 'struct' ? (other.fields[index] ?? other) : { kind: 'field', type: fieldType, operand: other, index })];
  });
}

/** The seek of conditions that must all hold. */
function oneSeek(key: readonly CatalogKeyPart[], columnOf: ColumnOf, conditions: readonly Expr[], own: ReadonlySet<number>, derived: Derived): SeekChoice {
  const parts: SeekPart[] = [];
  const consumed = new Set<Expr>();
  const fixed = new Set<number>();
  let ranges = 1;
  let arrays = 0;
  for (const part of key) {
    const id = columnOf(part.column.id);
    const found = (id === undefined ? undefined : findEquality(id, conditions, own, part, arrays)) ?? derivedPart(part, derived, conditions, own);
    if (found === undefined) break;
    const size = found.part.kind === 'values' || found.part.kind === 'derived' ? found.part.values.length : 1;
    if (ranges * size > MAX_RANGES) break;
    ranges *= size;
    if (found.part.kind === 'array') {
      arrays++;
      ranges *= ASSUMED_ELEMENTS;
    }
    if (id !== undefined && (found.part.kind === 'equal' || found.part.kind === 'null' || (found.part.kind === 'derived' && size === 1))) fixed.add(id);
    parts.push(found.part);
    if (found.part.kind !== 'derived' && !isFloating(part.column.type)) consumed.add(found.condition);
  }
  const bounds: SeekBound[] = [];
  const next = key[parts.length];
  const nextId = next === undefined ? undefined : columnOf(next.column.id);
  if (next !== undefined && nextId !== undefined) {
    for (const c of conditions) {
      const found = boundsOf(c, nextId, own, next);
      bounds.push(...found.bounds);
      if (found.exact && !isFloating(next.column.type)) consumed.add(c);
    }
  }
  const lower = bounds.some((b) => b.operator !== '<' && b.operator !== '<=');
  const upper = bounds.some((b) => b.operator !== '>' && b.operator !== '>=');
  return { seeks: [{ each: undefined, parts, bounds }], consumed, parts: parts.length, bounds: (lower ? 1 : 0) + (upper ? 1 : 0), ranges, fixed };
}

/** A value that is known before the scan: it does not depend on the scanned row. */
const known = (e: Expr, own: ReadonlySet<number>, part: CatalogKeyPart): boolean => isMovable(e) && usesOnly(e, own) && typesEqual(e.type, part.column.type);

function comparison(e: Expr, column: number, own: ReadonlySet<number>, part: CatalogKeyPart): { readonly operator: keyof typeof FLIPPED; readonly value: Expr } | undefined {
  if (e.kind !== 'call') return undefined;
  const operator = OPERATORS[e.call.definition.name];
  const left = plainArg(e, 0);
  const right = plainArg(e, 1);
  if (operator === undefined || left === undefined || right === undefined || e.safe) return undefined;
  if (left.kind === 'column' && left.id === column && known(right, own, part)) return { operator, value: right };
  if (right.kind === 'column' && right.id === column && known(left, own, part)) return { operator: FLIPPED[operator], value: left };
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

/** Generated key parts as functions of one column of the relation, by its id. */
export type Derived = readonly { readonly column: { readonly id: number }; readonly expr: Expr; readonly from: number }[];

/** A generated part whose column has known values: what is generated of them. The conditions are still to be checked. */
function derivedPart(part: CatalogKeyPart, derived: Derived, conditions: readonly Expr[], own: ReadonlySet<number>): { readonly part: SeekPart; readonly condition: Expr } | undefined {
  const rule = derived.find((d) => d.column.id === part.column.id);
  if (rule === undefined) return undefined;
  for (const condition of conditions) {
    const values = valuesOf(condition, rule.from, own);
    if (values !== undefined) return { part: { kind: 'derived', values: values.map((v) => substitute(rule.expr, new Map([[rule.from, v]]))) }, condition };
  }
  return undefined;
}

/** The values that a condition leaves a column. Numbers with two zeros are left out, which are equal and not the same. */
function valuesOf(condition: Expr, column: number, own: ReadonlySet<number>): readonly Expr[] | undefined {
  const isColumn = (e: Expr | undefined): e is Expr => e?.kind === 'column' && e.id === column && !isFloating(e.type);
  const isValue = (e: Expr | undefined, of: Expr): e is Expr => e !== undefined && isMovable(e) && usesOnly(e, own) && typesEqual(e.type, of.type);
  if (condition.kind === 'inList') return isColumn(condition.operand) && condition.items.every((i) => isValue(i, condition.operand)) ? condition.items : undefined;
  if (condition.kind !== 'call' || condition.call.definition.name !== '$equal' || condition.safe) return undefined;
  const [left, right] = [plainArg(condition, 0), plainArg(condition, 1)];
  if (isColumn(left) && isValue(right, left)) return [right];
  return isColumn(right) && isValue(left, right) ? [left] : undefined;
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

interface Bounds {
  readonly bounds: readonly SeekBound[];
  /** The bounds say all that the condition says. */
  readonly exact: boolean;
}

const NO_BOUNDS: Bounds = { bounds: [], exact: false };

/** What a condition says of a column as bounds. */
export function boundsOf(condition: Expr, column: number, own: ReadonlySet<number>, part: CatalogKeyPart): Bounds {
  const c = comparison(condition, column, own, part);
  if (c !== undefined) return c.operator === '=' ? NO_BOUNDS : { bounds: [{ operator: c.operator, value: c.value }], exact: true };
  if (condition.kind !== 'call' || condition.safe) return NO_BOUNDS;
  const [x, second, third] = [plainArg(condition, 0), plainArg(condition, 1), plainArg(condition, 2)];
  if (x?.kind !== 'column' || x.id !== column) return NO_BOUNDS;
  const valueOf = (e: Expr | undefined, operator: Comparison['operator']): SeekBound[] => (operator === '=' || e === undefined || !known(e, own, part) ? [] : [{ operator, value: e }]);
  switch (condition.call.definition.name) {
    case '$between': {
      const bounds = [...valueOf(second, '>='), ...valueOf(third, '<=')];
      return { bounds, exact: bounds.length === 2 };
    }
    case 'STARTS_WITH':
      return { bounds: valueOf(second, 'starts'), exact: false };
    case '$like':
      return { bounds: x.type.kind === 'STRING' ? valueOf(second, 'like') : [], exact: false };
    default:
      return NO_BOUNDS;
  }
}

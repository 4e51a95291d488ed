/**
 * Implicit conversion of types: coercion and supertypes.
 *
 * GoogleSQL knows three grades. An expression of any form coerces along the numeric widening INT64 → NUMERIC → FLOAT64,
 * and INT64 → FLOAT32 → FLOAT64. A literal coerces further (a STRING literal to DATE, TIMESTAMP, UUID, …); a query
 * parameter nearly as far. An untyped NULL, an untyped parameter or an empty array literal takes any type.
 * The cost orders candidate signatures: nearer types cost less.
 * Source: GoogleSQL "Conversion rules"; the supertypes table there.
 */
import { FLOAT64, structOf, typesEqual, typesEquivalent, arrayOf, type SqlType, type TypeKind } from './types.ts';

/** What kind of expression is to be coerced. */
export type CoercionSource = 'expression' | 'literal' | 'parameter' | 'untyped';

const EXPRESSION_TARGETS: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  INT64: ['FLOAT64', 'NUMERIC', 'FLOAT32'],
  NUMERIC: ['FLOAT64'],
  FLOAT32: ['FLOAT64'],
};

const LITERAL_TARGETS: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  STRING: ['DATE', 'TIMESTAMP', 'UUID', 'ENUM', 'PROTO'],
  BYTES: ['PROTO', 'UUID'],
  INT64: ['ENUM'],
  FLOAT64: ['NUMERIC', 'FLOAT32'],
};

const PARAMETER_TARGETS: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  STRING: ['DATE', 'TIMESTAMP', 'ENUM', 'PROTO'],
  BYTES: ['PROTO'],
  INT64: ['ENUM'],
};

/** The cost of coercion, 0 when the types are equal; undefined when it is not implicit. Smaller is nearer. */
export function coercionCost(from: SqlType, to: SqlType, source: CoercionSource): number | undefined {
  if (source === 'untyped') return 1;
  if (typesEqual(from, to)) return 0;
  if (from.kind === 'STRUCT' && to.kind === 'STRUCT') return structCost(from.fields.map((f) => f.type), to.fields.map((f) => f.type), source);
  if (from.kind === 'ARRAY' && to.kind === 'ARRAY') return arrayCost(from.element, to.element);
  const widening = EXPRESSION_TARGETS[from.kind]?.indexOf(to.kind) ?? -1;
  if (widening >= 0) return 1 + widening;
  if (source === 'literal' && (LITERAL_TARGETS[from.kind]?.includes(to.kind) ?? false)) return 10;
  if (source === 'parameter' && (PARAMETER_TARGETS[from.kind]?.includes(to.kind) ?? false)) return 10;
  return undefined;
}

function structCost(from: readonly SqlType[], to: readonly SqlType[], source: CoercionSource): number | undefined {
  if (from.length !== to.length) return undefined;
  let total = 0;
  for (const [i, type] of from.entries()) {
    const target = to[i];
    const cost = target === undefined ? undefined : coercionCost(type, target, source);
    if (cost === undefined) return undefined;
    total += cost;
  }
  return total;
}

/** Elements do not coerce, not even of a literal: only the names of fields may differ. */
const arrayCost = (from: SqlType, to: SqlType): number | undefined => (typesEquivalent(from, to) ? 1 : undefined);

export const canCoerce = (from: SqlType, to: SqlType, source: CoercionSource): boolean => coercionCost(from, to, source) !== undefined;

/** One input to a common supertype. `type` undefined stands for an untyped NULL or parameter. */
export interface SupertypeInput {
  readonly type: SqlType | undefined;
  readonly source: CoercionSource;
}

/**
 * The nearest type that all inputs coerce to, or undefined. When every typed input is of one type it is that type.
 * Types of non-literals decide first; a literal then has to fit. When all are untyped the caller picks INT64.
 */
export function commonSupertype(inputs: readonly SupertypeInput[]): SqlType | undefined {
  const typed = inputs.filter((input) => input.type !== undefined && input.source !== 'untyped');
  const firm = typed.filter((input) => input.source !== 'literal');
  // Among literals alone, one like 2.5 gives way to NUMERIC.
  const strong = typed.filter((input) => input.type?.kind !== 'FLOAT64');
  const candidate = fold(firm.length > 0 ? firm : strong.length > 0 ? strong : typed);
  if (candidate !== undefined && fits(typed, candidate)) return candidate;
  const wide = fold(typed);
  return wide !== undefined && fits(typed, wide) ? wide : undefined;
}

function fits(inputs: readonly SupertypeInput[], to: SqlType): boolean {
  return inputs.every(({ type, source }) => type === undefined || canCoerce(type, to, source));
}

function fold(inputs: readonly SupertypeInput[]): SqlType | undefined {
  let result: SqlType | undefined;
  for (const { type } of inputs) {
    if (type === undefined) continue;
    result = result === undefined ? type : supertypeOf(result, type);
    if (result === undefined) return undefined;
  }
  return result;
}

/** The supertype of two types that are not literals. */
export function supertypeOf(a: SqlType, b: SqlType): SqlType | undefined {
  if (typesEqual(a, b)) return a;
  if (a.kind === 'STRUCT' && b.kind === 'STRUCT') return structSupertype(a, b);
  if (a.kind === 'ARRAY' && b.kind === 'ARRAY') return typesEquivalent(a, b) ? arrayOf(supertypeOf(a.element, b.element) ?? a.element) : undefined;
  if (canCoerce(a, b, 'expression')) return b;
  if (canCoerce(b, a, 'expression')) return a;
  const numbers: readonly TypeKind[] = ['INT64', 'NUMERIC', 'FLOAT32', 'FLOAT64'];
  // NUMERIC and FLOAT32 have no widening between them, but meet in FLOAT64. A STRING literal meets DATE through `fits`.
  if (numbers.includes(a.kind) && numbers.includes(b.kind)) return FLOAT64;
  if (a.kind === 'STRING' && canCoerce(a, b, 'literal')) return b;
  if (b.kind === 'STRING' && canCoerce(b, a, 'literal')) return a;
  return undefined;
}

function structSupertype(a: SqlType & { kind: 'STRUCT' }, b: SqlType & { kind: 'STRUCT' }): SqlType | undefined {
  if (a.fields.length !== b.fields.length) return undefined;
  const fields = [];
  for (const [i, f] of a.fields.entries()) {
    const other = b.fields[i];
    const type = other === undefined ? undefined : supertypeOf(f.type, other.type);
    if (type === undefined) return undefined;
    fields.push({ name: f.name, type });
  }
  return structOf(fields);
}

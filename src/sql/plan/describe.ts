/** Expressions of a plan as text, in SQL's manner; columns by name, with their number where the name is not enough. */
import type { Expr } from '../bind/tree.ts';
import { typeName } from '../types/types.ts';
import { literalText } from '../values/print.ts';
import { UTC } from '../values/timezone.ts';
import type { Seek } from './physical.ts';

const SIGNS: Readonly<Record<string, string>> = {
  $equal: '=', $not_equal: '!=', $less: '<', $less_or_equal: '<=', $greater: '>', $greater_or_equal: '>=', $add: '+', $subtract: '-', $multiply: '*',
  $divide: '/', $concat_op: '||', $like: 'LIKE', $bitwise_and: '&', $bitwise_or: '|', $bitwise_xor: '^', $bitwise_left_shift: '<<', $bitwise_right_shift: '>>',
};

export function describe(e: Expr): string {
  switch (e.kind) {
    case 'const':
      return e.value === null ? 'NULL' : literalText(e.type, UTC)(e.value);
    case 'parameter':
      return `@${e.info.name}`;
    case 'column':
      return `$${e.name === '' ? e.id : e.name}`;
    case 'deferred':
      return `$sv_${e.id}`;
    case 'call':
      return describeCall(e);
    case 'cast':
      return e.implicit ? describe(e.operand) : `CAST(${describe(e.operand)} AS ${typeName(e.type)})`;
    case 'and':
    case 'or':
      return `(${e.args.map(describe).join(` ${e.kind.toUpperCase()} `)})`;
    case 'case':
      return `CASE${e.branches.map((b) => ` WHEN ${describe(b.when)} THEN ${describe(b.then)}`).join('')} ELSE ${describe(e.otherwise)} END`;
    case 'coalesce':
      return `COALESCE(${e.args.map(describe).join(', ')})`;
    case 'inList':
      return `${describe(e.operand)} IN (${e.items.map(describe).join(', ')})`;
    case 'field':
      return `${describe(e.operand)}.${e.operand.type.kind === 'STRUCT' ? (e.operand.type.fields[e.index]?.name ?? '') : ''}`;
    case 'struct':
      return `STRUCT(${e.fields.map(describe).join(', ')})`;
    case 'array':
      return `[${e.elements.map(describe).join(', ')}]`;
    case 'let':
      return `WITH(${e.bindings.map((b) => `${b.column.name === '' ? `$${b.column.id}` : b.column.name} AS ${describe(b.value)}`).join(', ')}, ${describe(e.body)})`;
    case 'likeArray':
      return `${describe(e.operand)}${e.negated ? ' NOT' : ''} LIKE ${e.quantifier.toUpperCase()} UNNEST(${describe(e.array)})`;
    case 'subquery':
      return `${e.form.toUpperCase()} subquery`;
    case 'default':
      return 'DEFAULT';
    case 'isFirst':
      return `IS_FIRST(${describe(e.count)})`;
    case 'aggregate':
      return `${e.call.definition.name.replace('$count_star', 'COUNT')}(${e.distinct ? 'DISTINCT ' : ''}${e.args.length === 0 ? '*' : e.args.map(describe).join(', ')})`;
  }
}

function describeCall(e: Expr & { kind: 'call' }): string {
  const { name } = e.call.definition;
  const args = e.args.flatMap((a) => (a === undefined ? [] : a.kind === 'keyword' ? [a.word] : a.kind === 'lambda' ? [`(${a.parameters.map((p) => p.name).join(', ')}) -> ${describe(a.body)}`] : [describe(a)]));
  const sign = SIGNS[name];
  if (sign !== undefined && args.length === 2) return `(${args[0] ?? ''} ${sign} ${args[1] ?? ''})`;
  if (name === '$not') return `NOT (${args[0] ?? ''})`;
  if (name === '$is_null') return `${args[0] ?? ''} IS NULL`;
  if (name === '$between') return `${args[0] ?? ''} BETWEEN ${args[1] ?? ''} AND ${args[2] ?? ''}`;
  if (name === '$in_array') return `${args[0] ?? ''} IN UNNEST(${args[1] ?? ''})`;
  return `${e.safe ? 'SAFE.' : ''}${name.replace(/^\$/, '').toUpperCase()}(${args.join(', ')})`;
}

/** The seeks of a scan over the names of its key, as a condition. */
export function describeSeeks(seeks: readonly Seek[], names: readonly string[]): string {
  const shown = seeks.slice(0, MAX_SEEKS_SHOWN).map((s) => describeSeek(s, names));
  const rest = seeks.length - shown.length;
  return [...(shown.length > 1 ? shown.map((s) => `(${s})`) : shown), ...(rest > 0 ? [`${rest} more`] : [])].join(' OR ');
}

const MAX_SEEKS_SHOWN = 20;
const BOUND_WORDS = { '<': '<', '<=': '<=', '>': '>', '>=': '>=', starts: 'STARTS WITH', like: 'LIKE' } as const;

function describeSeek(seek: Seek, names: readonly string[]): string {
  const parts = seek.parts.map((p, i) => {
    const name = `$${names[i] ?? i}`;
    switch (p.kind) {
      case 'equal':
        return `${name} = ${describe(p.value)}`;
      case 'values':
        return `${name} IN (${p.values.map(describe).join(', ')})`;
      case 'array':
        return `${name} IN UNNEST(${describe(p.array)})`;
      case 'null':
        return `${name} IS NULL`;
      case 'derived':
        return p.values.length === 1 ? `${name} = ${p.values.map(describe).join('')}` : `${name} IN (${p.values.map(describe).join(', ')})`;
    }
  });
  const next = `$${names[seek.parts.length] ?? ''}`;
  for (const b of seek.bounds) parts.push(`${next} ${BOUND_WORDS[b.operator]} ${describe(b.value)}`);
  return `${parts.join(' AND ')}${seek.each === undefined ? '' : ` FOR EACH $${seek.each.element.name} OF ${describe(seek.each.array)}`}`;
}

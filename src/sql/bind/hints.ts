/**
 * Hints: which there are, where they may stand, which values they take. Unknown ones are INVALID_ARGUMENT; hints for
 * other engines (`other.name`) are passed over. Source: Spanner "Query statements and hints".
 */
import type { Expression } from '../ast/expressions.ts';
import type { Hint } from '../ast/query.ts';
import { invalidArgument } from '../../base/errors.ts';
import type { Hints } from './tree.ts';

export type HintPlace = 'statement' | 'table' | 'join' | 'groupBy' | 'subquery' | 'function' | 'other';

type ValueRule = 'bool' | 'int' | 'string' | 'name' | 'index' | readonly string[];

const TABLE: Readonly<Record<string, ValueRule>> = {
  force_index: 'index',
  groupby_scan_optimization: 'bool',
  scan_method: ['auto', 'batch', 'row', 'columnar', 'no_columnar'],
  index_strategy: ['force_index_union', 'auto'],
  seekable_key_size: 'int',
  lock_scanned_ranges: ['exclusive', 'shared'],
  table_scan_group_by_scan_optimization: 'bool',
};
const JOIN: Readonly<Record<string, ValueRule>> = {
  force_join_order: 'bool',
  join_method: ['hash_join', 'apply_join', 'merge_join', 'loop_join', 'push_broadcast_hash_join'],
  join_type: ['hash_join', 'apply_join', 'merge_join', 'loop_join', 'push_broadcast_hash_join', 'nested_loop_join'],
  hash_join_build_side: ['build_left', 'build_right'],
  hash_join_execution: ['one_pass', 'multi_pass'],
  batch_mode: 'bool',
};
const STATEMENT: Readonly<Record<string, ValueRule>> = {
  ...JOIN,
  use_additional_parallelism: 'bool',
  optimizer_version: 'name',
  optimizer_statistics_package: 'name',
  allow_distributed_merge: 'bool',
  lock_scanned_ranges: ['exclusive', 'shared'],
  scan_method: ['auto', 'batch', 'row', 'columnar', 'no_columnar'],
  execution_method: ['default', 'batch', 'row'],
  allow_timestamp_predicate_pushdown: 'bool',
  parameter_sensitive: ['auto', 'always', 'never'],
  enable_adaptive_plans: 'bool',
  constant_folding: 'bool',
  allow_search_indexes_in_transaction: 'bool',
  require_enhance_query: 'bool',
  enhance_query_timeout_ms: 'int',
  use_unenforced_foreign_key: 'bool',
  statement_tag: 'string',
  pdml_max_parallelism: 'int',
  groupby_scan_optimization: 'bool',
  seekable_key_size: 'int',
  index_strategy: ['force_index_union', 'auto'],
};
const RULES: Readonly<Record<HintPlace, Readonly<Record<string, ValueRule>>>> = {
  statement: STATEMENT,
  table: TABLE,
  join: JOIN,
  groupBy: { group_method: ['hash_group', 'stream_group'], group_type: ['hash_group', 'stream_group'] },
  subquery: JOIN,
  function: { disable_inline: 'bool' },
  other: {},
};

export const NO_HINTS: Hints = new Map();

/** The hints of one place, by lower-case name, values in lower case except names. */
export function bindHints(hint: Hint | undefined, place: HintPlace): Hints {
  if (hint === undefined) return NO_HINTS;
  if (hint.shards !== undefined) throw invalidArgument('Unsupported hint: num_shards.');
  const result = new Map<string, string>();
  for (const entry of hint.entries) {
    const parts = entry.name.parts;
    if (parts.length > 1 && parts[0]?.name.toLowerCase() !== 'spanner') continue;
    const name = parts.at(-1)?.name.toLowerCase() ?? '';
    const rule = RULES[place][name];
    if (rule === undefined) throw invalidArgument(`Unsupported hint: ${entry.name.parts.at(-1)?.name ?? ''}.`);
    const value = valueText(entry.value);
    if (value === undefined || !fits(value, rule, entry.value)) throw invalidArgument(`Invalid hint value for: ${entry.name.parts.at(-1)?.name ?? ''} hint: ${shownValue(entry.value, value)}.`);
    if (result.has(name)) throw invalidArgument(`Multiple values for hint: ${entry.name.parts.at(-1)?.name ?? ''}`);
    result.set(name, rule === 'name' || rule === 'index' || rule === 'string' ? value : value.toLowerCase());
  }
  return result;
}

/** Names and strings in quotes, as messages show values. */
const shownValue = (node: Expression, value: string | undefined): string => (node.kind === 'pathExpression' || node.kind === 'stringLiteral' ? JSON.stringify(value) : (value ?? 'an expression'));

function fits(value: string, rule: ValueRule, node: Expression): boolean {
  if (rule === 'index') return node.kind === 'pathExpression' || node.kind === 'stringLiteral';
  if (rule === 'name' || rule === 'string') return value !== '';
  if (rule === 'bool') return /^(true|false)$/i.test(value);
  if (rule === 'int') return /^[0-9]+$/.test(value);
  return rule.includes(value.toLowerCase());
}

function valueText(value: Expression): string | undefined {
  switch (value.kind) {
    case 'pathExpression':
      return value.parts.map((p) => p.name).join('.');
    case 'stringLiteral':
      return value.value;
    case 'boolLiteral':
    case 'intLiteral':
      return String(value.value);
    default:
      return undefined;
  }
}

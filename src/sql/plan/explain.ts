/** A physical plan as indented text. The text is stable: golden files and the console depend on it. */
import { describe, describeSeeks } from './describe.ts';
import type { SortKey } from '../bind/tree.ts';
import { childrenOf, type Phys } from './physical.ts';

export function explain(plan: Phys): string {
  const lines: string[] = [];
  const write = (p: Phys, depth: number): void => {
    const [first, ...details] = describeNode(p);
    lines.push(`${'  '.repeat(depth)}${first ?? ''}`);
    for (const d of details) lines.push(`${'  '.repeat(depth)}  | ${d}`);
    for (const child of childrenOf(p)) write(child, depth + 1);
  };
  write(plan, 0);
  return lines.join('\n');
}

const sortText = (keys: readonly SortKey[]): string => keys.map((k) => `${describe(k.expr)}${k.descending ? ' DESC' : ''}`).join(', ');
const list = (exprs: readonly Parameters<typeof describe>[0][]): string => exprs.map(describe).join(', ');

/** The node's name, then its details. */
export function describeNode(p: Phys): readonly string[] {
  switch (p.kind) {
    case 'scan':
      return describeScan(p);
    case 'unit':
      return ['unit'];
    case 'virtual':
      return [`system table ${p.name}`];
    case 'unnest':
      return ['unnest', describe(p.array)];
    case 'filter':
      return ['filter', describe(p.condition)];
    case 'project':
      return ['project', p.items.map((i) => `${i.column.name === '' ? `$${i.column.id}` : i.column.name} := ${describe(i.expr)}`).join(', ')];
    case 'hashJoin':
    case 'mergeJoin':
      return [`${p.kind === 'hashJoin' ? 'hash' : 'merge'} join ${p.type}`, `${list(p.leftKeys)} = ${list(p.rightKeys)}`, ...(p.condition === undefined ? [] : [`on ${describe(p.condition)}`])];
    case 'loopJoin':
    case 'lateralJoin':
    case 'lookupJoin':
      return [`${{ loopJoin: 'loop', lateralJoin: 'lateral', lookupJoin: 'lookup' }[p.kind]} join ${p.type}`, ...(p.condition === undefined ? [] : [`on ${describe(p.condition)}`])];
    case 'adaptiveJoin':
      return [`adaptive join ${p.type}`, `one way for up to ${p.most} rows of the left side, another for more`];
    case 'given':
      return ['rows of the left side'];
    case 'apply':
      return ['apply', ...p.subqueries.map((s) => `$sv_${s.column.id} := ${s.subquery.form}${s.subquery.operand === undefined ? '' : ` of ${describe(s.subquery.operand)}`}`)];
    case 'aggregate':
      return [
        `${p.streaming ? 'stream' : 'hash'} aggregate${p.partial ? `, begun at the ${p.input.kind === 'scan' ? 'scan' : 'right rows'}` : ''}`,
        ...(p.groups.length === 0 ? [] : [`group by ${list(p.groups.map((g) => g.expr))}`]),
        ...(p.aggregates.length === 0 ? [] : [list(p.aggregates.map((a) => a.aggregate))]),
      ];
    case 'union':
      return ['union all'];
    case 'set':
      return [`${p.operator} ${p.all ? 'all' : 'distinct'}`];
    case 'sort':
      return [p.limit === undefined ? 'sort' : 'top', sortText(p.keys), ...limits(p.limit, p.offset)];
    case 'limit':
      return ['limit', ...limits(p.count, p.offset)];
    case 'sample':
      return [`sample ${p.method}`, describe(p.size)];
    case 'firstRows':
      return [`first ${describe(p.count)}`, ...(p.partition.length === 0 ? [] : [`of each ${list(p.partition)}`]), ...(p.keys.length === 0 ? [] : [`by ${sortText(p.keys)}`])];
    case 'with':
      return [`with ${p.id}`];
    case 'keyed':
      return ['rows kept by key', `${list(p.keys)} = ${list(p.values)}`];
    case 'spool':
      return [`rows of with ${p.id}`];
    case 'assert':
      return ['assert', p.text];
  }
}

function limits(count: Parameters<typeof describe>[0] | undefined, offset: Parameters<typeof describe>[0] | undefined): readonly string[] {
  return [...(count === undefined ? [] : [`limit ${describe(count)}`]), ...(offset === undefined ? [] : [`offset ${describe(offset)}`])];
}

function describeScan(p: Phys & { kind: 'scan' }): readonly string[] {
  const key = p.index?.key ?? p.table.primaryKey;
  const what = p.index === undefined ? `table ${p.table.name}` : `index ${p.index.name} of ${p.table.name}`;
  const seek = describeSeeks(p.seeks, key.map((k) => k.column.name));
  return [
    `${p.point ? 'point read of' : 'scan of'} ${what}${p.back ? ' with rows' : ''}${p.reverse ? ' in reverse' : ''}${p.lock ? ' for update' : ''}`,
    ...(seek === '' ? [] : [`seek ${seek}`]),
    ...(p.residual === undefined ? [] : [`where ${describe(p.residual)}`]),
    ...(p.limit === undefined ? [] : [`at most ${describe(p.limit)}`]),
    ...(p.top === undefined ? [] : [`first by ${sortText(p.top.keys)}`]),
  ];
}

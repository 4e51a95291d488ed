/**
 * A physical plan as the tree of google.spanner.v1.PlanNode that clients show: names of operators as Spanner has them, the
 * root first, children after their parents. Source: Spanner "Query execution operators", query_plan.proto.
 */
import type { Expr } from '../bind/tree.ts';
import { visitExpr } from '../bind/walk.ts';
import { describe, describeSeeks } from './describe.ts';
import { childrenOf, isNarrow, type Phys } from './physical.ts';

export interface PlanNode {
  readonly index: number;
  readonly kind: 'relational' | 'scalar';
  readonly displayName: string;
  readonly children: readonly { readonly index: number; readonly type: string; readonly variable: string }[];
  readonly shortRepresentation: string;
  /** Indexes of the scalar subqueries that the short representation names. */
  readonly subqueries?: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Empty unless the statement was profiled. */
  readonly executionStats: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface Draft {
  readonly kind: 'relational' | 'scalar';
  readonly displayName: string;
  readonly children: { index: number; type: string; variable: string }[];
  readonly shortRepresentation: string;
  readonly subqueries?: Readonly<Record<string, number>>;
  readonly metadata: Record<string, string>;
  executionStats: Record<string, Record<string, string>>;
}

type Numbers = ReadonlyMap<Phys, number>;
type Counts = { readonly rows: number; readonly executions: number; readonly scanned: number; readonly latencyMicros: number; readonly waitMicros: number; readonly rowsSquared: number; readonly latencySquared: number };
type Profile = ReadonlyMap<number, Counts>;

export function planNodes(plan: Phys, numbers?: Numbers, profile?: Profile): readonly PlanNode[] {
  const writer = new Writer(numbers, profile);
  const root = writer.relational('Distributed Union', { distribution_table: firstTable(plan) ?? '', execution_method: 'Row', subquery_cluster_node: '1', split_ranges_aligned: 'false' }, '');
  if (firstTable(plan) === undefined) {
    const plain = new Writer(numbers, profile);
    const serialize = plain.relational('Serialize Result', { execution_method: 'Row' }, '');
    plain.child(serialize, plain.write(plan));
    return plain.finish();
  }
  const serialize = writer.relational('Serialize Result', { execution_method: 'Row' }, '');
  writer.child(root, serialize);
  writer.child(serialize, writer.write(plan));
  return writer.finish();
}

function firstTable(p: Phys): string | undefined {
  if (p.kind === 'scan') return p.index?.name ?? p.table.name;
  for (const c of inputs(p)) {
    const found = firstTable(c);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inputs(p: Phys): readonly Phys[] {
  if ('input' in p) return [p.input];
  if ('left' in p) return [p.left, p.right];
  if (p.kind === 'union') return p.inputs;
  return p.kind === 'with' ? [p.definition, p.body] : [];
}

class Writer {
  private readonly nodes: Draft[] = [];
  /** Nodes of subqueries, by the id of the column that reads their value. */
  private readonly subqueries = new Map<number, number>();
  private readonly numbers: Numbers | undefined;
  private readonly profile: Profile | undefined;

  constructor(numbers: Numbers | undefined, profile: Profile | undefined) {
    this.numbers = numbers;
    this.profile = profile;
  }

  finish(): readonly PlanNode[] {
    return this.nodes.map((n, index) => ({ index, ...n }));
  }

  relational(displayName: string, metadata: Record<string, string>, shortRepresentation: string): number {
    return this.nodes.push({ kind: 'relational', displayName, children: [], shortRepresentation, metadata, executionStats: {} }) - 1;
  }

  child(parent: number, index: number, type = '', variable = ''): void {
    this.nodes[parent]?.children.push({ index, type, variable });
  }

  private scalar(parent: number, e: Expr | undefined, type: string, variable = ''): void {
    if (e === undefined) return;
    const displayName = e.kind === 'column' ? 'Reference' : e.kind === 'const' ? 'Constant' : e.kind === 'parameter' ? 'Parameter' : 'Function';
    const index = this.nodes.push({ kind: 'scalar', displayName, children: [], shortRepresentation: describe(e), ...this.namedIn(e), metadata: {}, executionStats: {} }) - 1;
    this.child(parent, index, type, variable);
  }

  /** The subqueries whose values an expression reads; those that it reads are written before it. */
  private namedIn(e: Expr): { readonly subqueries?: Readonly<Record<string, number>> } {
    const found: Record<string, number> = {};
    visitExpr(e, (part) => {
      const index = part.kind === 'deferred' ? this.subqueries.get(part.id) : undefined;
      if (index !== undefined && part.kind === 'deferred') found[`$sv_${part.id}`] = index;
    });
    return Object.keys(found).length === 0 ? {} : { subqueries: found };
  }

  private text(parent: number, text: string, type: string): void {
    if (text === '') return;
    const index = this.nodes.push({ kind: 'scalar', displayName: 'Function', children: [], shortRepresentation: text, metadata: {}, executionStats: {} }) - 1;
    this.child(parent, index, type);
  }

  write(p: Phys): number {
    const node = this.node(p);
    const number = this.numbers?.get(p);
    const counts = number === undefined ? undefined : this.profile?.get(number);
    if (counts !== undefined) this.count(node, p, counts);
    return node;
  }

  private count(node: number, p: Phys, counts: Counts): void {
    const draft = this.nodes[node];
    if (draft === undefined) return;
    draft.executionStats = {
      rows: { total: String(counts.rows), unit: 'rows', ...spread(counts.executions, counts.rows, counts.rowsSquared, String) },
      latency: { total: millis(counts.latencyMicros), unit: 'msecs', ...spread(counts.executions, counts.latencyMicros, counts.latencySquared, millis) },
      cpu_time: { total: millis(Math.max(0, counts.latencyMicros - this.waits(p))), unit: 'msecs' },
      execution_summary: { num_executions: String(counts.executions) },
    };
    if (p.kind !== 'scan') return;
    const scan = this.nodes[draft.displayName === 'Filter Scan' ? node + 1 : node];
    if (scan !== undefined) {
      scan.executionStats = {
        ...draft.executionStats,
        scanned_rows: { total: String(counts.scanned), unit: 'rows' },
        filtered_rows: { total: String(Math.max(0, counts.scanned - counts.rows)), unit: 'rows' },
      };
    }
  }

  /** Time that the scans at and below a node waited for rows. */
  private waits(p: Phys): number {
    const number = this.numbers?.get(p);
    const own = number === undefined ? 0 : (this.profile?.get(number)?.waitMicros ?? 0);
    return childrenOf(p).reduce((sum, child) => sum + this.waits(child), own);
  }

  private one(name: string, input: Phys, metadata: Record<string, string> = {}): number {
    const node = this.relational(name, { execution_method: 'Row', ...metadata }, '');
    this.child(node, this.write(input));
    return node;
  }

  private two(name: string, left: Phys, right: Phys, leftType: string, rightType: string, metadata: Record<string, string> = {}): number {
    const node = this.relational(name, { execution_method: 'Row', ...metadata }, '');
    this.child(node, this.write(left), leftType);
    this.child(node, this.write(right), rightType);
    return node;
  }

  private node(p: Phys): number {
    switch (p.kind) {
      case 'scan':
        return this.scan(p);
      case 'unit':
        return this.relational('Unit Relation', { execution_method: 'Row' }, '');
      case 'virtual':
        return this.relational('Scan', { scan_type: 'SystemTableScan', scan_target: p.name }, '');
      case 'unnest': {
        const node = this.relational('Array Unnest', { execution_method: 'Row' }, '');
        this.scalar(node, p.array, '');
        return node;
      }
      case 'filter': {
        const node = this.one('Filter', p.input);
        this.scalar(node, p.condition, 'Condition');
        return node;
      }
      case 'project': {
        const node = this.one('Compute', p.input);
        for (const i of p.items) if (i.expr.kind !== 'column') this.scalar(node, i.expr, '', i.column.name);
        return node;
      }
      case 'hashJoin': {
        const node = this.two('Hash Join', p.left, p.right, 'Probe', 'Build', { join_type: joinName(p.type) });
        this.scalar(node, p.condition, 'Condition');
        return node;
      }
      case 'loopJoin': {
        const node = this.two(p.type === 'inner' && p.condition === undefined ? 'Cross Join' : 'Loop Join', p.left, p.right, 'Input', 'Map', { join_type: joinName(p.type) });
        this.scalar(node, p.condition, 'Condition');
        return node;
      }
      case 'lookupJoin': {
        const node = this.two(applyName('Distributed', p.type), p.left, p.right, 'Input', 'Map', { join_type: joinName(p.type) });
        this.scalar(node, p.condition, 'Condition');
        return node;
      }
      case 'lateralJoin': {
        const node = this.two(applyName('', p.type), p.left, p.right, 'Input', 'Map', { join_type: joinName(p.type) });
        this.scalar(node, p.condition, 'Condition');
        return node;
      }
      case 'apply': {
        const node = this.one('Cross Apply', p.input);
        for (const s of p.subqueries) {
          const name = { scalar: 'Scalar Subquery', array: 'Array Subquery', exists: 'Scalar Subquery', in: 'Scalar Subquery' }[s.subquery.form];
          const subquery = this.nodes.push({ kind: 'scalar', displayName: name, children: [], shortRepresentation: '', metadata: {}, executionStats: {} }) - 1;
          this.subqueries.set(s.column.id, subquery);
          this.child(node, subquery, 'Scalar', `$sv_${s.column.id}`);
          this.child(subquery, this.write(s.plan));
        }
        return node;
      }
      case 'aggregate': {
        const node = this.one(p.streaming || !p.grouped ? 'Stream Aggregate' : 'Hash Aggregate', p.input, { iterator_type: p.streaming || !p.grouped ? 'Stream' : 'Hash', call_type: 'Global' });
        for (const g of p.groups) this.scalar(node, g.expr, 'Key', g.column.name);
        for (const a of p.aggregates) this.scalar(node, a.aggregate, 'Agg', a.column.name);
        return node;
      }
      case 'union': {
        const node = this.relational('Union All', { execution_method: 'Row' }, '');
        for (const i of p.inputs) this.child(node, this.write(i), 'Input');
        return node;
      }
      case 'set':
        return this.two('Hash Join', p.left, p.right, 'Probe', 'Build', { join_type: p.operator === 'intersect' ? 'SEMI' : 'ANTI_SEMI' });
      case 'sort': {
        const node = this.one(p.limit === undefined ? 'Sort' : 'Sort Limit', p.input, p.limit === undefined ? {} : { call_type: 'Global' });
        for (const k of p.keys) this.scalar(node, k.expr, 'Key');
        this.scalar(node, p.limit, 'Limit');
        this.scalar(node, p.offset, 'Offset');
        return node;
      }
      case 'limit': {
        const node = this.one('Limit', p.input, { call_type: 'Global' });
        this.scalar(node, p.count, 'Limit');
        this.scalar(node, p.offset, 'Offset');
        return node;
      }
      case 'sample':
        return this.one('Sample', p.input, { sampling_method: p.method });
      case 'with':
        return this.two('With', p.definition, p.body, 'Spool Build', 'Main');
      case 'spool':
        return this.relational('Spool Scan', { spool: String(p.id) }, '');
      case 'assert': {
        const node = this.one('Assert', p.input);
        this.scalar(node, p.condition, 'Condition');
        return node;
      }
    }
  }

  /** The columns that a scan gives, as references. */
  private outputs(node: number, p: Phys & { kind: 'scan' }): void {
    for (const [i, c] of p.columns.entries()) {
      const name = p.source[i]?.name ?? c.name;
      const index = this.nodes.push({ kind: 'scalar', displayName: 'Reference', children: [], shortRepresentation: name, metadata: {}, executionStats: {} }) - 1;
      this.child(node, index, '', name);
    }
  }

  private scan(p: Phys & { kind: 'scan' }): number {
    const key = p.index?.key ?? p.table.primaryKey;
    const seekable = isNarrow(p);
    const metadata: Record<string, string> = { scan_type: p.index === undefined ? 'TableScan' : 'IndexScan', scan_target: p.index?.name ?? p.table.name, scan_method: 'Row', execution_method: 'Row' };
    if (!seekable) metadata['Full scan'] = 'true';
    if (p.back) metadata['rows_fetched_from'] = p.table.name;
    if (!seekable && p.residual === undefined) {
      const only = this.relational(p.index === undefined ? 'Table Scan' : 'Index Scan', metadata, '');
      this.outputs(only, p);
      return only;
    }
    const filter = this.relational('Filter Scan', { seekable_key_size: String(Math.min(...p.seeks.map((s) => s.parts.length))), execution_method: 'Row' }, '');
    const scan = this.relational(p.index === undefined ? 'Table Scan' : 'Index Scan', metadata, '');
    this.child(filter, scan);
    this.outputs(scan, p);
    this.text(filter, describeSeeks(p.seeks, key.map((k) => k.column.name)), 'Seek Condition');
    this.scalar(filter, p.residual, 'Residual Condition');
    return filter;
  }
}

/** How executions of one node differ; nothing for a single one, and where they are not counted one by one. */
function spread(executions: number, sum: number, squares: number, show: (value: number) => string): Record<string, string> {
  if (executions < 2 || squares === 0) return {};
  const mean = sum / executions;
  return { mean: show(round(mean)), std_deviation: show(round(Math.sqrt(Math.max(0, squares / executions - mean * mean)))) };
}

const round = (value: number): number => Math.round(value * 100) / 100;
const millis = (micros: number): string => (micros / 1000).toFixed(2);

const joinName = (type: string): string => ({ inner: 'INNER', left: 'LEFT_OUTER', right: 'RIGHT_OUTER', full: 'FULL_OUTER', semi: 'SEMI', anti: 'ANTI_SEMI' })[type] ?? type;

function applyName(prefix: string, type: string): string {
  const name = { inner: 'Cross Apply', left: 'Outer Apply', semi: 'Semi Apply', anti: 'Anti Semi Apply' }[type] ?? 'Cross Apply';
  return prefix === '' ? name : `${prefix} ${name}`;
}

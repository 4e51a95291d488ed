/**
 * A physical plan as the tree of google.spanner.v1.PlanNode that clients show: names of operators as Spanner has them, the
 * root first, children after their parents. Source: Spanner "Query execution operators", query_plan.proto.
 *
 * Where rows come from the nodes that have them there is a Distributed Union; what is below it runs there, once for each
 * split, from a Distributed Union with the call type Local down. Tools put the call type, the iterator type and the type
 * of a scan before the name: Local Distributed Union, Global Stream Aggregate, Table Scan.
 */
import type { Expr } from '../bind/tree.ts';
import { visitExpr } from '../bind/walk.ts';
import { describe, describeSeeks } from './describe.ts';
import { childrenOf, isNarrow, type Phys, type PhysAdaptiveJoin, type PhysAggregate, type PhysLookupJoin, type PhysScan } from './physical.ts';

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
type Counts = { readonly rows: number; readonly executions: number; readonly scanned: number; readonly remoteCalls: number; readonly latencyMicros: number; readonly waitMicros: number; readonly rowsSquared: number; readonly latencySquared: number };
type Profile = ReadonlyMap<number, Counts>;

export function planNodes(plan: Phys, numbers?: Numbers, profile?: Profile): readonly PlanNode[] {
  const writer = new Writer(numbers, profile);
  const scan = onlyScan(plan);
  if (scan === undefined) writer.serialized(plan);
  else writer.distributed(scan, () => writer.local(() => writer.serialized(plan)));
  return writer.finish();
}

/** The scan that is all there is but for what is done row by row: the whole plan is shown where its rows are. */
function onlyScan(p: Phys): PhysScan | undefined {
  if (p.kind === 'scan') return p;
  return p.kind === 'project' || p.kind === 'filter' ? onlyScan(p.input) : undefined;
}

class Writer {
  private readonly nodes: Draft[] = [];
  /** Nodes of subqueries, by the id of the column that reads their value. */
  private readonly subqueries = new Map<number, number>();
  private readonly numbers: Numbers | undefined;
  private readonly profile: Profile | undefined;
  /** Inside a Distributed Union: scans need none of their own. */
  private isInside = false;

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

  serialized(p: Phys): number {
    const node = this.relational('Serialize Result', { execution_method: 'Row' }, '');
    this.child(node, this.write(p));
    return node;
  }

  /** `below` is run at the nodes that have the rows of the scan. */
  distributed(scan: PhysScan, below: () => number): number {
    const metadata = { distribution_table: scan.index?.name ?? scan.table.name, execution_method: 'Row', split_ranges_aligned: 'false', subquery_cluster_node: String(this.nodes.length + 1) };
    const node = this.relational('Distributed Union', metadata, '');
    this.isInside = true;
    this.child(node, below());
    this.isInside = false;
    const key = scan.index?.key ?? scan.table.primaryKey;
    this.text(node, describeSeeks(scan.seeks, key.map((k) => k.column.name)) || 'true', 'Split Range');
    this.count(node, scan);
    return node;
  }

  /** All of `below` is run at one split. */
  local(below: () => number): number {
    const node = this.relational('Distributed Union', { call_type: 'Local', execution_method: 'Row', subquery_cluster_node: String(this.nodes.length + 1) }, '');
    this.child(node, below());
    return node;
  }

  write(p: Phys): number {
    if (p.kind === 'project' && p.isSent === true && p.input.kind === 'scan' && !this.isInside) return this.sent(p, p.input);
    const node = this.node(p);
    if (p.kind !== 'scan') this.count(node, p);
    return node;
  }

  private compute(p: Phys & { kind: 'project' }): number {
    const node = this.one('Compute', p.input);
    for (const i of p.items) if (i.expr.kind !== 'column') this.scalar(node, i.expr, '', i.column.name);
    return node;
  }

  /** A projection that is done where the rows are. */
  private sent(p: Phys & { kind: 'project' }, scan: PhysScan): number {
    return this.distributed(scan, () => this.local(() => {
      const node = this.compute(p);
      this.count(node, p);
      return node;
    }));
  }

  private countsOf(p: Phys): Counts | undefined {
    const number = this.numbers?.get(p);
    return number === undefined ? undefined : this.profile?.get(number);
  }

  private count(node: number, p: Phys, isScan = false): void {
    const draft = this.nodes[node];
    const counts = this.countsOf(p);
    if (draft === undefined || counts === undefined) return;
    draft.executionStats = {
      rows: { total: String(counts.rows), unit: 'rows', ...spread(counts.executions, counts.rows, counts.rowsSquared, String) },
      latency: { total: millis(counts.latencyMicros), unit: 'msecs', ...spread(counts.executions, counts.latencyMicros, counts.latencySquared, millis) },
      cpu_time: { total: millis(Math.max(0, counts.latencyMicros - this.waits(p))), unit: 'msecs' },
      execution_summary: { num_executions: String(counts.executions) },
    };
    if (draft.displayName === 'Distributed Union') draft.executionStats['remote_calls'] = { total: String(counts.remoteCalls), unit: 'calls' };
    if (!isScan) return;
    draft.executionStats['scanned_rows'] = { total: String(counts.scanned), unit: 'rows' };
    draft.executionStats['filtered_rows'] = { total: String(Math.max(0, counts.scanned - counts.rows)), unit: 'rows' };
  }

  /** Time that the scans at and below a node waited for rows. */
  private waits(p: Phys): number {
    const own = this.countsOf(p)?.waitMicros ?? 0;
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
        return this.isInside ? this.scan(p) : this.distributed(p, () => this.firstOf(p, () => this.local(() => this.scan(p))));
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
      case 'project':
        return this.compute(p);
      case 'mergeJoin': {
        const node = this.two('Merge Join', p.left, p.right, 'Left', 'Right', { join_type: joinName(p.type) });
        this.scalar(node, p.condition, 'Condition');
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
      case 'lookupJoin':
        return this.lookup(p);
      case 'adaptiveJoin':
        return this.adaptive(p);
      case 'given':
        return this.relational('Scan', { execution_method: 'Row', scan_method: 'Row', scan_target: '$input', scan_type: 'BatchScan' }, '');
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
      case 'aggregate':
        return this.aggregate(p);
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
      case 'firstRows':
        return this.firstRows(p);
      case 'with':
        return this.two('With', p.definition, p.body, 'Spool Build', 'Main');
      case 'keyed': {
        const node = this.one('Spool Scan', p.direct);
        this.text(node, p.keys.map((key, i) => `${describe(key)} = ${describe(p.values[i] ?? key)}`).join(' AND '), 'Seek Condition');
        return node;
      }
      case 'spool':
        return this.relational('Spool Scan', { spool: String(p.id) }, '');
      case 'assert': {
        const node = this.one('Assert', p.input);
        this.scalar(node, p.condition, 'Condition');
        return node;
      }
    }
  }

  /** The first rows of an order, of those that are at one split. */
  private firstOf({ top }: PhysScan, below: () => number): number {
    if (top === undefined) return below();
    const node = this.relational('Sort Limit', { call_type: 'Local', execution_method: 'Row' }, '');
    this.child(node, below());
    for (const k of top.keys) this.scalar(node, k.expr, 'Key');
    this.scalar(node, top.count, 'Limit');
    this.scalar(node, top.offset, 'Offset');
    return node;
  }

  private firstRows(p: Phys & { kind: 'firstRows' }): number {
    const node = this.one('Window', p.input, { window_function: 'IS_FIRST' });
    this.scalar(node, p.count, 'Count');
    for (const e of p.partition) this.scalar(node, e, 'Partition');
    for (const k of p.keys) this.scalar(node, k.expr, 'Key');
    return node;
  }

  private aggregate(p: PhysAggregate): number {
    const { input } = p;
    if (p.partial && input.kind === 'lookupJoin') return this.aggregation(p, 'Global', () => this.lookup(input, (below) => this.aggregation(p, 'Local', below)));
    if (!p.partial || input.kind !== 'scan') return this.aggregation(p, 'Global', () => this.write(input));
    return this.aggregation(p, 'Global', () => this.distributed(input, () => this.aggregation(p, 'Local', () => this.local(() => this.scan(input)))));
  }

  private aggregation(p: PhysAggregate, callType: 'Local' | 'Global', input: () => number): number {
    const metadata = { call_type: callType, execution_method: 'Row', iterator_type: p.streaming || !p.grouped ? 'Stream' : 'Hash', ...(p.grouped ? {} : { scalar_aggregate: 'true' }) };
    const node = this.relational('Aggregate', metadata, '');
    this.child(node, input());
    for (const g of p.groups) this.scalar(node, g.expr, 'Key', g.column.name);
    for (const a of p.aggregates) this.scalar(node, a.aggregate, 'Agg', a.column.name);
    return node;
  }

  private adaptive(p: PhysAdaptiveJoin): number {
    const node = this.two('Adaptive Join', p.left, p.few, 'Input', 'Few', { join_type: joinName(p.type), most_rows_for_few: String(p.most) });
    this.child(node, this.write(p.many), 'Many');
    return node;
  }

  /** A batch of left rows is sent to where the right rows are, and looked up there. */
  private lookup(p: PhysLookupJoin, around = (below: () => number): number => below()): number {
    const node = this.relational(applyName('Distributed', p.type), { execution_method: 'Row', join_type: joinName(p.type), subquery_cluster_node: String(this.nodes.length + 1) }, '');
    const batch = this.relational('Create Batch', { execution_method: 'Row' }, '');
    this.child(node, batch, 'Input');
    this.child(batch, this.write(p.left));
    const inside = around(() => {
      const apply = this.relational(applyName('', p.type), { execution_method: 'Row', join_type: joinName(p.type) }, '');
      this.child(apply, this.relational('Scan', { execution_method: 'Row', scan_method: 'Row', scan_target: '$batch', scan_type: 'BatchScan' }, ''), 'Input');
      const right = this.local(() => this.scan(p.right));
      this.child(apply, right, 'Map');
      this.count(right, p.right);
      return apply;
    });
    this.child(node, inside, 'Map');
    this.scalar(node, p.condition, 'Condition');
    return node;
  }

  /** The columns that a scan gives, as references. */
  private outputs(node: number, p: PhysScan): void {
    for (const [i, c] of p.columns.entries()) {
      const name = p.source[i]?.name ?? c.name;
      const index = this.nodes.push({ kind: 'scalar', displayName: 'Reference', children: [], shortRepresentation: name, metadata: {}, executionStats: {} }) - 1;
      this.child(node, index, '', name);
    }
  }

  private scan(p: PhysScan): number {
    const key = p.index?.key ?? p.table.primaryKey;
    const seekable = isNarrow(p);
    const metadata: Record<string, string> = { scan_type: p.index === undefined ? 'TableScan' : 'IndexScan', scan_target: p.index?.name ?? p.table.name, scan_method: 'Row', execution_method: 'Row' };
    if (!seekable) metadata['Full scan'] = 'true';
    if (p.back) metadata['rows_fetched_from'] = p.table.name;
    if (!seekable && p.residual === undefined) {
      const only = this.relational('Scan', metadata, '');
      this.outputs(only, p);
      this.count(only, p, true);
      return only;
    }
    const filter = this.relational('Filter Scan', { seekable_key_size: String(Math.min(...p.seeks.map((s) => s.parts.length))), execution_method: 'Row' }, '');
    const scan = this.relational('Scan', metadata, '');
    this.child(filter, scan);
    this.count(filter, p);
    this.count(scan, p, true);
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

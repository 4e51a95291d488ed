/** Physical plan to operators: settles positions of columns and compiles every expression once. */
import type { Expr } from '../bind/tree.ts';
import { isVolatile, visitRel } from '../bind/walk.ts';
import { isOfLeft } from '../plan/partial.ts';
import { drivingScan } from '../plan/partition.ts';
import { childrenOf, type Phys, type PhysAdaptiveJoin, type PhysAggregate, type PhysKeyed, type PhysLookupJoin, type PhysScan } from '../plan/physical.ts';
import type { KeySpace } from '../rows/keyspace.ts';
import type { SqlType } from '../types/types.ts';
import type { Row, Plan, Frame, Operator } from './runtime.ts';
import { collect, countsOf, RowsOperator } from './runtime.ts';
import { compileAggregate, hashAggregatePlan, type CompiledAggregation, rowKey, streamAggregatePlan } from './aggregate.ts';
import { adaptiveJoinPlan, givenRows } from './adaptive-join.ts';
import { applyPlan, type CompiledSubquery } from './apply.ts';
import { computedScanPlan } from './computed-scan.ts';
import { compileExpr, layoutOf, PlanScope, type Evaluate } from './expressions.ts';
import { mergeJoinPlan } from './merge-join.ts';
import { hashJoinPlan, keyer, lateralJoinPlan, loopJoinPlan, type JoinParts } from './joins.ts';
import { keyedRowsPlan } from './keyed-rows.ts';
import { lookupJoinPlan } from './lookup-join.ts';
import { partialAggregatePlan } from './partial-aggregate.ts';
import { partialJoinPlan } from './partial-join.ts';
import { firstRowsPlan } from './first-rows.ts';
import { assertPlan, filterPlan, limitPlan, projectPlan, samplePlan, setPlan, unionPlan, unitPlan, unnestPlan, unnestRows } from './operators.ts';
import { CompiledScan, compileScan, type ScanOptions } from './scan.ts';
import { sortPlan, type CompiledSortKey } from './sort.ts';

/** Numbers of the nodes in order of compilation, for statistics per node. */
export type NodeNumbers = Map<Phys, number>;

/** Compiles a plan over the keys of a database, of which all rows will be read if it `isDrained`. `numbers` is filled in. */
export function compilePlan(phys: Phys, space: KeySpace, numbers: NodeNumbers, isDrained: boolean): Plan {
  return new Compiler(space, numbers, drivingScan(phys), isDrained).plan(phys, new PlanScope(false));
}

/** Compiles a plan over rows that are given when it runs: the plan reads them as the WITH name `id`. */
export function compileOverRows(phys: Phys, id: number, space: KeySpace, numbers: NodeNumbers): (rows: readonly Row[]) => Plan {
  return new Compiler(space, numbers, undefined, true).overRows(phys, id);
}

/** Types of enclosing columns by id, as seen while compiling from the outside in. */
class Compiler {
  private readonly spools = new Map<number, object>();
  private readonly types = new Map<number, SqlType>();
  /** What stands for the left side of an adaptive join in its two ways. */
  private readonly givens = new Map<Phys, Plan>();
  private readonly space: KeySpace;
  private readonly numbers: NodeNumbers;
  private readonly root: Phys | undefined;
  /** All rows of the plan that is being compiled will be read. */
  private isDrained: boolean;

  constructor(space: KeySpace, numbers: NodeNumbers, root: Phys | undefined, isDrained: boolean) {
    this.isDrained = isDrained;
    this.space = space;
    this.numbers = numbers;
    this.root = root;
  }

  plan(p: Phys, scope: PlanScope): Plan {
    const number = this.number(p);
    const compiled = this.node(p, scope);
    for (const c of p.columns) this.types.set(c.id, c.type);
    return counted(compiled, number);
  }

  /** A plan of which all rows will be read, whatever is read of the one around it; or of which that is not known. */
  private drained(p: Phys, scope: PlanScope, isDrained = true): Plan {
    const before = this.isDrained;
    this.isDrained = isDrained;
    const plan = this.plan(p, scope);
    this.isDrained = before;
    return plan;
  }

  private number(p: Phys): number {
    const known = this.numbers.get(p);
    if (known !== undefined) return known;
    const number = this.numbers.size;
    this.numbers.set(p, number);
    return number;
  }

  private scanOptions(p: PhysScan, plan: PlanScope, seekLayout: ReadonlyMap<number, number>): ScanOptions {
    return { space: this.space, plan, seekLayout, isRoot: p === this.root, isDrained: this.isDrained, number: this.numbers.get(p) };
  }

  private node(p: Phys, scope: PlanScope): Plan {
    switch (p.kind) {
      case 'unit':
        return unitPlan;
      case 'scan':
        return compileScan(p, this.scanOptions(p, scope, new Map()));
      case 'virtual':
        return (frame) => virtualRows(frame, p.name, p.source);
      case 'unnest':
        return unnestPlan(this.expr(p.array, [], scope), p.columns.length > 1);
      case 'filter':
        return filterPlan(this.plan(p.input, scope), this.expr(p.condition, [p.input], scope));
      case 'project': {
        if (p.isSent === true && p.input.kind === 'scan' && p.input.limit === undefined && p.input.top === undefined) return this.computedScan(p, p.input, scope);
        const input = this.plan(p.input, scope);
        return projectPlan(input, p.items.map((i) => this.expr(i.expr, [p.input], scope)));
      }
      case 'mergeJoin':
      case 'hashJoin': {
        const parts = this.joinParts(p, scope);
        const left = p.leftKeys.map((k) => this.expr(k, [p.left], scope));
        const before = scope.uses;
        const right = p.rightKeys.map((k) => this.expr(k, [p.right], scope));
        const shared = scope.uses === before ? parts.shared : undefined;
        return (p.kind === 'mergeJoin' ? mergeJoinPlan : hashJoinPlan)({ ...parts, shared }, { left, right, types: p.leftKeys.map((k) => k.type) });
      }
      case 'loopJoin':
        return loopJoinPlan(this.joinParts(p, scope));
      case 'lookupJoin':
        return this.lookup(p, scope);
      case 'adaptiveJoin':
        return this.adaptive(p, scope);
      case 'given':
        return this.given(p);
      case 'lateralJoin':
        return this.lateral(p, scope);
      case 'apply': {
        const input = this.plan(p.input, scope);
        return applyPlan(input, p.subqueries.map((s) => this.subquery(s, p.input, scope)));
      }
      case 'aggregate':
        return this.aggregate(p, scope);
      case 'union':
        return unionPlan(p.inputs.map((i) => this.plan(i, scope)));
      case 'set':
        return setPlan(this.plan(p.left, scope), this.drained(p.right, scope), p.operator, p.all, rowKey(p.columns.map((c) => c.type)));
      case 'sort': {
        const input = this.drained(p.input, scope);
        return sortPlan(input, this.sortKeys(p, scope), this.optional(p.limit, [], scope), this.optional(p.offset, [], scope));
      }
      case 'limit':
        return limitPlan(this.drained(p.input, scope, false), this.optional(p.count, [], scope), this.optional(p.offset, [], scope));
      case 'sample':
        return samplePlan(this.plan(p.input, scope), p.method, this.expr(p.size, [], scope), p.weight !== undefined);
      case 'firstRows':
        return this.firstRows(p, scope);
      case 'with':
        return this.with(p, scope);
      case 'keyed':
        return this.keyed(p, scope);
      case 'spool':
        return spoolPlan(this.spool(p.id));
      case 'assert':
        return assertPlan(this.plan(p.input, scope), this.expr(p.condition, [p.input], scope), p.text, p.payload.map((e) => this.expr(e, [p.input], scope)));
    }
  }

  private sortKeys(p: Phys & { kind: 'sort' | 'firstRows' }, scope: PlanScope): CompiledSortKey[] {
    return p.keys.map((key) => ({ key, value: this.expr(key.expr, [p.input], scope), collation: this.optional(key.collation, [], scope) }));
  }

  private firstRows(p: Phys & { kind: 'firstRows' }, scope: PlanScope): Plan {
    const input = this.plan(p.input, scope);
    const partition = p.partition.map((e) => this.expr(e, [p.input], scope));
    return firstRowsPlan(input, { count: this.expr(p.count, [], scope), partition, keyOf: rowKey(p.partition.map((e) => e.type)), keys: this.sortKeys(p, scope) });
  }

  private aggregate(p: PhysAggregate, scope: PlanScope): Plan {
    if (p.partial && p.input.kind === 'scan') return this.partialAggregate(p, p.input, scope);
    if (p.partial && p.input.kind === 'lookupJoin') return this.partialJoin(p, p.input, scope);
    const input = p.streaming ? this.plan(p.input, scope) : this.drained(p.input, scope);
    const aggregation = compileAggregation(p, scope);
    return p.streaming ? streamAggregatePlan(input, aggregation) : hashAggregatePlan(input, aggregation);
  }

  /** The scan is not a plan of its own here: its rows are grouped where they are, or read through it. */
  private partialAggregate(p: PhysAggregate, scan: PhysScan, scope: PlanScope): Plan {
    const number = this.number(scan);
    const compiled = new CompiledScan(scan, this.scanOptions(scan, scope, new Map()));
    for (const c of scan.columns) this.types.set(c.id, c.type);
    const aggregation = compileAggregation(p, scope);
    const input = counted((frame) => compiled.open(frame), number);
    const local = p.streaming ? streamAggregatePlan(input, aggregation) : hashAggregatePlan(input, aggregation);
    const pushed = compiled.pushAggregation({ groups: p.groups.map((g) => g.expr), aggregates: p.aggregates.map(({ aggregate: { call, args } }) => ({ call, args })) });
    return partialAggregatePlan({ scan: compiled, pushed, aggregation, streaming: p.streaming, local });
  }

  /** Nor is the join. */
  private partialJoin(p: PhysAggregate, join: PhysLookupJoin, scope: PlanScope): Plan {
    const left = this.plan(join.left, scope);
    const number = this.number(join.right);
    const right = new CompiledScan(join.right, this.scanOptions(join.right, scope, layoutOf(join.left.columns)));
    for (const c of join.columns) this.types.set(c.id, c.type);
    const key = {};
    const isLeft = p.groups.map(({ expr }) => isOfLeft(expr, join));
    return partialJoinPlan({
      left, right, key, number, streaming: p.streaming,
      aggregation: compileAggregation(p, scope),
      leftGroups: p.groups.map(({ expr }, i) => (isLeft[i] === true ? this.expr(expr, [join.left], scope) : undefined)),
      pushed: right.pushAggregation({ groups: p.groups.flatMap(({ expr }, i) => (isLeft[i] === true ? [] : [expr])), aggregates: p.aggregates.map(({ aggregate: { call, args } }) => ({ call, args })) }),
      joined: lookupJoinPlan({ type: 'inner', left: (frame) => givenRows(frame, key), right, condition: undefined, number }),
    });
  }

  /** The scan is not a plan of its own here, either. */
  private computedScan(p: Phys & { kind: 'project' }, scan: PhysScan, scope: PlanScope): Plan {
    const number = this.number(scan);
    const compiled = new CompiledScan(scan, this.scanOptions(scan, scope, new Map()));
    for (const c of scan.columns) this.types.set(c.id, c.type);
    const items = p.items.map((i) => i.expr);
    const local = projectPlan(counted((frame) => compiled.open(frame), number), items.map((e) => this.expr(e, [scan], scope)));
    return computedScanPlan({ scan: compiled, pushed: compiled.pushOutputs(items), width: items.length, local });
  }

  private expr(e: Expr, inputs: readonly Phys[], plan: PlanScope): Evaluate {
    return compileExpr(e, { layout: layoutOf(inputs.flatMap((i) => i.columns)), plan });
  }

  private optional(e: Expr | undefined, inputs: readonly Phys[], plan: PlanScope): Evaluate | undefined {
    return e === undefined ? undefined : this.expr(e, inputs, plan);
  }

  private joinParts(p: Phys & { kind: 'hashJoin' | 'mergeJoin' | 'loopJoin' }, scope: PlanScope): JoinParts {
    return {
      type: p.type,
      left: this.plan(p.left, scope),
      ...this.right(p, scope),
      leftWidth: p.left.columns.length,
      rightWidth: p.right.columns.length,
      condition: this.optional(p.condition, [p.left, p.right], scope),
    };
  }

  /** The right side of a join, which may be the same in all runs of a subplan. */
  private right(p: Phys & { kind: 'hashJoin' | 'mergeJoin' | 'loopJoin' }, scope: PlanScope): Pick<JoinParts, 'right' | 'shared'> {
    const before = scope.uses;
    const right = p.kind === 'mergeJoin' ? this.plan(p.right, scope) : this.drained(p.right, scope);
    return { right, shared: scope.nested && scope.uses === before ? { spools: this.spoolsOf(p.right) } : undefined };
  }

  private lookup(p: PhysLookupJoin, scope: PlanScope): Plan {
    const left = this.plan(p.left, scope);
    const number = this.number(p.right);
    const right = new CompiledScan(p.right, this.scanOptions(p.right, scope, layoutOf(p.left.columns)));
    return lookupJoinPlan({ type: p.type, left, right, condition: this.optional(p.condition, [p.left, p.right], scope), number });
  }

  /** In a subplan it is not adapted: what is kept between its runs is made of whole sides. */
  private adaptive(p: PhysAdaptiveJoin, scope: PlanScope): Plan {
    const left = this.plan(p.left, scope);
    if (scope.nested) this.givens.set(p.left, left);
    const key = {};
    if (!scope.nested) this.givens.set(p.left, (frame) => givenRows(frame, key));
    const few = this.plan(p.few, scope);
    const many = this.plan(p.many, scope);
    return scope.nested ? many : adaptiveJoinPlan({ left, few, many, most: p.most, key });
  }

  private given(p: Phys & { kind: 'given' }): Plan {
    const left = this.givens.get(p.left);
    if (left === undefined) throw new TypeError('rows are given outside of an adaptive join');
    return left;
  }

  private keyed(p: PhysKeyed, scope: PlanScope): Plan {
    const direct = this.plan(p.direct, scope);
    // One scan is done in place of the other: in the profile they are the same.
    if (p.direct.kind === 'scan' && p.rows.kind === 'scan') this.numbers.set(p.rows, this.number(p.direct));
    const before = scope.uses;
    const rows = this.drained(p.rows, scope);
    const isShared = scope.uses === before;
    const types = p.keys.map((key) => key.type);
    const keyOf = keyer(p.keys.map((key) => this.expr(key, [p.rows], scope)), types);
    const valueOf = keyer(p.values.map((value) => this.expr(value, [], scope)), types);
    return keyedRowsPlan({ direct, rows: isShared ? rows : undefined, keyOf, valueOf, spools: this.spoolsOf(p.rows) });
  }

  /** The enclosing values that a subplan refers to, as expressions over the enclosing row. */
  private argumentsOf(inner: PlanScope, enclosing: Phys, scope: PlanScope): { readonly args: Evaluate[]; readonly types: SqlType[] } {
    const layout = { layout: layoutOf(enclosing.columns), plan: scope };
    const args: Evaluate[] = [];
    const types: SqlType[] = [];
    for (const id of inner.arguments) {
      const type = this.types.get(id) ?? { kind: 'INT64' as const };
      args.push(compileExpr({ kind: 'column', id, type, name: '', at: -1 }, layout));
      types.push(type);
    }
    return { args, types };
  }

  private lateral(p: Phys & { kind: 'lateralJoin' }, scope: PlanScope): Plan {
    const left = this.plan(p.left, scope);
    const condition = this.optional(p.condition, [p.left, p.right], scope);
    const width = p.right.columns.length;
    if (p.right.kind === 'unnest') {
      const array = this.expr(p.right.array, [p.left], scope);
      this.number(p.right);
      return lateralJoinPlan(p.type, left, width, (row, frame) => unnestRows(array(row, frame), width > 1), condition);
    }
    const inner = new PlanScope(true);
    const right = this.drained(p.right, inner);
    const { args } = this.argumentsOf(inner, p.left, scope);
    const rowsFor = async (row: Row, frame: Frame): Promise<Row[]> => {
      const child = frame.child(args.map((a) => a(row, frame)));
      try {
        return await collect(right(child), child);
      } finally {
        child.memory.releaseAll();
      }
    };
    return lateralJoinPlan(p.type, left, width, rowsFor, condition);
  }

  private subquery(s: (Phys & { kind: 'apply' })['subqueries'][number], input: Phys, scope: PlanScope): CompiledSubquery {
    const inner = new PlanScope(true);
    const plan = this.drained(s.plan, inner, s.subquery.form === 'array' || s.subquery.form === 'in');
    const { args, types } = this.argumentsOf(inner, input, scope);
    let volatile = false;
    visitRel(s.subquery.rel, (e) => void (volatile ||= isVolatile(e)), (r) => void (volatile ||= r.kind === 'sample'));
    const output = Math.max(0, s.plan.columns.findIndex((c) => c.id === s.subquery.output.id));
    this.types.set(s.column.id, s.column.type);
    return { expr: s.subquery, plan, output, operand: this.optional(s.subquery.operand, [input], scope), args, argTypes: types, volatile: volatile && args.length > 0 };
  }

  // ---- WITH

  private spool(id: number): object {
    let key = this.spools.get(id);
    if (key === undefined) {
      key = {};
      this.spools.set(id, key);
    }
    return key;
  }

  /** Of the WITH names that a plan refers to; those that it defines itself are not found in any frame around it. */
  private spoolsOf(p: Phys): readonly object[] {
    return p.kind === 'spool' ? [this.spool(p.id)] : childrenOf(p).flatMap((child) => this.spoolsOf(child));
  }

  overRows(p: Phys, id: number): (rows: readonly Row[]) => Plan {
    const key = this.spool(id);
    const body = this.plan(p, new PlanScope(false));
    return (rows) => (frame) => {
      frame.cells.set(key, { plan: () => new RowsOperator(rows), frame, rows: undefined } satisfies Spool);
      return body(frame);
    };
  }

  private with(p: Phys & { kind: 'with' }, scope: PlanScope): Plan {
    const definition = this.drained(p.definition, scope);
    const key = this.spool(p.id);
    const body = this.plan(p.body, scope);
    return (frame) => {
      frame.cells.set(key, { plan: definition, frame, rows: undefined } satisfies Spool);
      return body(frame);
    };
  }
}

function compileAggregation(p: PhysAggregate, plan: PlanScope): CompiledAggregation {
  const layout = { layout: layoutOf(p.input.columns), plan };
  return {
    grouped: p.grouped,
    groups: p.groups.map((g) => compileExpr(g.expr, layout)),
    groupTypes: p.groups.map((g) => g.expr.type),
    aggregates: p.aggregates.map((a) => compileAggregate(a.aggregate, layout)),
  };
}

interface Spool {
  readonly plan: Plan;
  readonly frame: Frame;
  rows: Promise<Row[]> | undefined;
}

const isSpool = (value: unknown): value is Spool => typeof value === 'object' && value !== null && 'plan' in value;

/** The rows of a WITH name: computed at the first use, in the frame where the name was defined. */
function spoolPlan(key: object): Plan {
  return (frame) => {
    let output: Operator | undefined;
    return {
      async next() {
        if (output === undefined) {
          let owner: Frame | undefined = frame;
          while (owner !== undefined && !owner.cells.has(key)) owner = owner.parent;
          const spool = owner?.cells.get(key);
          if (!isSpool(spool)) throw new TypeError('a WITH name is used outside of its query');
          spool.rows ??= collect(spool.plan(spool.frame), spool.frame);
          output = new RowsOperator(await spool.rows);
        }
        return output.next();
      },
      async close() {
        await output?.close();
      },
    };
  };
}

function virtualRows(frame: Frame, name: string, source: readonly number[]): Operator {
  let output: Operator | undefined;
  return {
    async next() {
      if (output === undefined) {
        const rows = await frame.execution.virtualTables(name);
        frame.execution.statistics.rowsScanned += rows.length;
        output = new RowsOperator(rows.map((row) => source.map((i) => row[i] ?? null)));
      }
      return output.next();
    },
    async close() {
      await output?.close();
    },
  };
}

/** Counts what leaves a node, when the execution asks for it. */
function counted(plan: Plan, number: number): Plan {
  return (frame) => {
    const { profile } = frame.execution;
    if (profile === undefined) return plan(frame);
    const counts = countsOf(profile, number);
    counts.executions++;
    const { monotonicMicros } = frame.execution;
    const operator = plan(frame);
    let rows = 0;
    let latency = 0;
    return {
      async next() {
        const before = monotonicMicros();
        const batch = await operator.next();
        const taken = monotonicMicros() - before;
        const got = batch?.length ?? 0;
        counts.latencyMicros += taken;
        counts.rows += got;
        // The square of this execution's sum, as it grows.
        counts.latencySquared += (2 * latency + taken) * taken;
        counts.rowsSquared += (2 * rows + got) * got;
        latency += taken;
        rows += got;
        return batch;
      },
      close: () => operator.close(),
    };
  };
}

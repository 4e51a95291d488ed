/**
 * From the rewritten relations to the physical plan: access paths, order and method of joins, sorts that the order of keys
 * makes unnecessary, limits that stop scans early, grouping in a stream.
 */
import type { Expr, Hints, JoinType, Rel, SortKey } from '../bind/tree.ts';
import { freeOfRel, substitute } from '../bind/walk.ts';
import { isFloating } from '../types/traits.ts';
import { INT64 } from '../types/types.ts';
import { chooseAccess, satisfies } from './access.ts';
import { computedOrder } from './computed.ts';
import { conjunction, conjuncts, equalSides, isMovable, usesOnly } from './conjuncts.ts';
import { keyedConditions, type KeyedConditions } from './keyed.ts';
import { beginAtScan, isSentWith, topAtScan } from './partial.ts';
import { ANYTHING, costOf, hashCost, limitOf, loopCost, sortedCost, type Built, type Wanted } from './cost.ts';
import { indexUnion } from './index-union.ts';
import { orderJoins, type Chain, type JoinInput } from './join-order.ts';
import { hashJoin, joinColumns, mergeJoin } from './key-joins.ts';
import { adaptiveJoin, lookupJoin, mostLookUps, type Lookup } from './look-up.ts';
import { isNarrow, ordered, type OrderPart, type Phys, type PhysAggregate, type PhysSort } from './physical.ts';
import { NO_STATISTICS, type Statistics } from './statistics.ts';

export interface BuildOptions {
  /** Hints of the whole statement. */
  readonly hints: Hints;
  readonly statistics: Statistics;
  /** Off: tables are scanned, joins are loops, nothing is avoided. The oracle of tests. */
  readonly optimize: boolean;
}

export function buildPlan(rel: Rel, options: BuildOptions): Phys {
  return new Builder(options).exact(rel);
}

class Builder {
  private readonly options: BuildOptions;
  /** How many rows WITH names have. */
  private readonly spools = new Map<number, number>();

  constructor(options: BuildOptions) {
    this.options = options;
  }

  /** The plan with exactly the relation's columns in their order. */
  exact(rel: Rel): Phys {
    return this.exactly(rel).phys;
  }

  private exactly(rel: Rel): Built {
    const built = this.build(rel, ANYTHING);
    return { ...built, phys: ordered(built.phys, rel.columns) };
  }

  /** Rows of a WITH name that are in memory. */
  private spool(id: number): Pick<Built, 'rows' | 'cost' | 'start'> {
    const rows = this.spools.get(id) ?? 100;
    return { rows, cost: rows * SPOOL_COST, start: 0 };
  }

  private build(rel: Rel, wanted: Wanted): Built {
    switch (rel.kind) {
      case 'unit':
        return { phys: { kind: 'unit', columns: [] }, order: [], rows: 1, cost: 1, start: 0 };
      case 'virtual':
        return { phys: rel, order: [], rows: 100, cost: 100, start: 100 };
      case 'withReference':
        return { ...this.spool(rel.id), phys: { kind: 'spool', columns: rel.columns, id: rel.id }, order: [] };
      case 'unnest':
        return { phys: { kind: 'unnest', columns: rel.columns, array: rel.array }, order: [], rows: 10, cost: 10, start: 0 };
      case 'table':
        return this.access(rel, [], wanted);
      case 'filter':
        return this.buildFilter(rel, wanted);
      case 'project':
        return this.buildProject(rel, wanted);
      case 'join':
        return this.buildJoin(rel, wanted);
      case 'apply': {
        const input = this.build(rel.input, wanted);
        const built = rel.subqueries.map(({ column, subquery }) => ({ column, subquery, plan: this.build(subquery.rel, ANYTHING) }));
        const subqueries = built.map((s) => ({ ...s, plan: s.plan.phys }));
        const each = built.reduce((sum, { subquery, plan }) => sum + costOf(plan, subquery.form === 'exists' ? 1 : Infinity), 0);
        return { ...input, cost: input.cost + each * input.rows, phys: { kind: 'apply', columns: [...input.phys.columns, ...subqueries.map((s) => s.column)], input: input.phys, subqueries } };
      }
      case 'aggregate':
        return this.buildAggregate(rel);
      case 'union': {
        const inputs = rel.inputs.map((i) => this.exactly(i));
        const sum = (of: (b: Built) => number): number => inputs.reduce((n, b) => n + of(b), 0);
        return { phys: { kind: 'union', columns: rel.columns, inputs: inputs.map((b) => b.phys) }, order: [], rows: sum((b) => b.rows), cost: sum((b) => b.cost), start: inputs[0]?.start ?? 0 };
      }
      case 'set': {
        const [left, right] = [this.exactly(rel.left), this.exactly(rel.right)];
        return { phys: { kind: 'set', columns: rel.columns, operator: rel.operator, all: rel.all, left: left.phys, right: right.phys }, order: [], rows: left.rows, ...hashCost(left, right) };
      }
      case 'sort':
        return this.buildSort(rel, undefined);
      case 'limit':
        return this.buildLimit(rel);
      case 'sample': {
        const input = this.build(rel.input, ANYTHING);
        return { ...input, phys: { kind: 'sample', columns: rel.weight === undefined ? input.phys.columns : [...input.phys.columns, rel.weight], input: input.phys, method: rel.method, size: rel.size, weight: rel.weight } };
      }
      case 'firstRows': {
        const input = this.build(rel.input, { ...wanted, most: Infinity });
        return { ...input, phys: { ...rel, columns: [...input.phys.columns, rel.column], input: input.phys } };
      }
      case 'with': {
        const definition = this.exactly(rel.definition);
        this.spools.set(rel.id, definition.rows);
        const body = this.build(rel.body, wanted);
        const phys: Phys = { kind: 'with', columns: body.phys.columns, id: rel.id, definition: definition.phys, body: body.phys };
        return { ...body, phys, cost: body.cost + definition.cost, start: body.start + definition.cost };
      }
      case 'assert': {
        const input = this.build(rel.input, wanted);
        return { ...input, phys: { ...rel, columns: input.phys.columns, input: input.phys } };
      }
    }
  }

  // ---- Tables, filters, projections

  private access(rel: Rel & { kind: 'table' }, conditions: readonly Expr[], wanted: Wanted): Built {
    if (!this.options.optimize) {
      const { scan } = chooseAccess(rel, [], ANYTHING, NO_STATISTICS, false);
      return { phys: filterOver({ ...scan, index: undefined, back: false, reverse: false }, conditions), order: [], rows: 1, cost: 1, start: 0 };
    }
    const { scan, order, rows, cost, wantedCost } = chooseAccess(rel, conditions, wanted, this.options.statistics);
    const union = isNarrow(scan) ? undefined : indexUnion(rel, conditions, this.options.statistics);
    if (union !== undefined && (wanted.order.length === 0 ? union : sortedCost(union)).cost < wantedCost) return union;
    return { phys: scan, order, rows, cost, start: 0 };
  }

  private buildFilter(rel: Rel & { kind: 'filter' }, wanted: Wanted): Built {
    let input = rel.input;
    while (input.kind === 'filter') input = input.input;
    const conditions = chain(rel, input);
    const keyed = this.options.optimize ? keyedConditions(input, conditions) : undefined;
    if (input.kind === 'table') return this.keyedAccess(input, conditions, keyed, wanted) ?? this.access(input, conditions, wanted);
    const built = this.build(input, wanted);
    const rows = Math.max(1, built.rows * 0.1 ** conditions.length);
    if (keyed === undefined) return { ...built, phys: filterOver(built.phys, conditions), rows };
    return { ...built, phys: keyedOver(keyed, filterOver(built.phys, conditions), filterOver(built.phys, keyed.own)), rows };
  }

  /** A table in a subplan whose rows for an enclosing row cannot be sought. */
  private keyedAccess(table: Rel & { kind: 'table' }, conditions: readonly Expr[], keyed: KeyedConditions | undefined, wanted: Wanted): Built | undefined {
    if (keyed === undefined) return undefined;
    const [direct, rows] = [conditions, keyed.own].map((each) => chooseAccess(table, each, wanted, this.options.statistics));
    if (direct === undefined || rows === undefined || direct.prefix > rows.prefix || direct.read < rows.read) return undefined;
    const order = satisfies(direct.order, wanted.order, new Set()) && satisfies(rows.order, wanted.order, new Set()) ? wanted.order : [];
    return { phys: keyedOver(keyed, direct.scan, rows.scan), order, rows: direct.rows, cost: direct.cost, start: 0 };
  }

  private buildProject(rel: Rel & { kind: 'project' }, wanted: Wanted): Built {
    const computed = computedOrder(rel.input);
    const sources = new Map(rel.items.flatMap((i): [number, number][] => {
      const id = i.expr.kind === 'column' ? i.expr.id : computed(i.expr);
      return id === undefined ? [] : [[i.column.id, id]];
    }));
    const inner: OrderPart[] = [];
    for (const w of wanted.order) {
      const id = sources.get(w.id);
      if (id === undefined) break;
      inner.push({ id, descending: w.descending });
    }
    const input = this.build(rel.input, { order: inner.length === wanted.order.length ? inner : [], most: wanted.most });
    const outputs = new Map([...sources].map(([to, from]) => [from, to]));
    const order: OrderPart[] = [];
    for (const o of input.order) {
      const id = outputs.get(o.id);
      if (id === undefined) break;
      order.push({ id, descending: o.descending });
    }
    const phys: Phys = { kind: 'project', columns: rel.columns, input: input.phys, items: rel.items };
    return { phys: this.options.optimize && isSentWith(phys) ? { ...phys, isSent: true } : phys, order, rows: input.rows, cost: input.cost, start: input.start };
  }

  private buildAggregate(rel: Rel & { kind: 'aggregate' }): Built {
    const ids = new Set(rel.groups.flatMap((g) => (g.expr.kind === 'column' ? [g.expr.id] : [])));
    const plain = ids.size === rel.groups.length && rel.groups.length > 0 && rel.groups.every((g) => g.expr.kind === 'column');
    const input = this.extreme(rel) ?? this.build(rel.input, ANYTHING);
    const leading = input.order.slice(0, ids.size);
    const method = rel.hints.get('group_method') ?? rel.hints.get('group_type');
    const hash = method === 'hash_group';
    const streaming = this.options.optimize && plain && !hash && leading.length === ids.size && leading.every((o) => ids.has(o.id));
    const order = streaming
      ? leading.map((o): OrderPart => ({ id: rel.groups.find((g) => g.expr.kind === 'column' && g.expr.id === o.id)?.column.id ?? o.id, descending: o.descending }))
      : [];
    // The hint STREAM_GROUP: rows are sorted when they do not come in order.
    const sorts = !streaming && plain && method === 'stream_group' && this.options.optimize;
    const keys = rel.groups.map((g): SortKey => ({ expr: g.expr, descending: false, nullsFirst: true, collation: undefined }));
    const rows: Phys = sorts ? { kind: 'sort', columns: input.phys.columns, input: input.phys, keys, limit: undefined, offset: undefined } : input.phys;
    const phys: PhysAggregate = { kind: 'aggregate', columns: rel.columns, input: rows, grouped: rel.grouped, groups: rel.groups, aggregates: rel.aggregates, streaming: streaming || sorts, partial: false };
    const cost = input.cost + input.rows;
    return { phys: this.options.optimize ? beginAtScan(phys) : phys, order, rows: rel.grouped ? Math.max(1, input.rows / 10) : 1, cost, start: streaming ? input.start : cost };
  }

  /** The one row that a MIN or MAX over the first column of an order needs; undefined when there is no such order. */
  private extreme(rel: Rel & { kind: 'aggregate' }): Built | undefined {
    const [only, second] = rel.aggregates;
    if (!this.options.optimize || rel.grouped || only === undefined || second !== undefined) return undefined;
    const { call, args, distinct, ignoreNulls, having, orderBy, limit } = only.aggregate;
    const [column] = args;
    const { name } = call.definition;
    if ((name !== 'MIN' && name !== 'MAX') || column?.kind !== 'column' || distinct || ignoreNulls || having !== undefined || orderBy.length > 0 || limit !== undefined) return undefined;
    // NaN is the extreme of both; NULL is first in order, and an extreme of none.
    if (isFloating(column.type) || (name === 'MIN' && !isNeverNull(rel.input, column.id))) return undefined;
    const wanted = { order: [{ id: column.id, descending: name === 'MAX' }], most: 1 };
    const input = this.build(rel.input, wanted);
    if (!satisfies(input.order, wanted.order, new Set())) return undefined;
    const count: Expr = { kind: 'const', type: INT64, value: 1, source: 'expression' };
    return { phys: { kind: 'limit', columns: input.phys.columns, input: limitScan(input.phys, count), count, offset: undefined }, order: [], rows: 1, cost: costOf(input, 1), start: input.start };
  }

  // ---- Order and limit

  private buildSort(rel: Rel & { kind: 'sort' }, limit: (Rel & { kind: 'limit' }) | undefined): Built {
    const order = (this.options.optimize ? wantedOrder(rel.keys) : undefined) ?? [];
    // Without an order that can be had for nothing, all rows are needed.
    const input = this.build(rel.input, { order, most: order.length === 0 ? Infinity : limitOf(limit?.count, limit?.offset) });
    if (order.length > 0 && satisfies(input.order, order, new Set())) {
      return limit === undefined ? input : this.limited(input, limit);
    }
    const phys: PhysSort = { kind: 'sort', columns: input.phys.columns, input: input.phys, keys: rel.keys, limit: limit?.count, offset: limit?.offset };
    return { phys: this.options.optimize ? topAtScan(phys) : phys, order, rows: Math.min(input.rows, limitOf(limit?.count, limit?.offset)), ...sortedCost(input) };
  }

  private buildLimit(rel: Rel & { kind: 'limit' }): Built {
    // A projection between LIMIT and ORDER BY changes no rows, so the limit can go below it.
    if (rel.input.kind === 'project' && rel.input.input.kind === 'sort') {
      const sorted = this.buildSort(rel.input.input, rel);
      return { ...sorted, phys: { kind: 'project', columns: rel.input.columns, input: sorted.phys, items: rel.input.items }, order: [] };
    }
    if (rel.input.kind === 'sort') return this.buildSort(rel.input, rel);
    return this.limited(this.build(rel.input, { order: [], most: limitOf(rel.count, rel.offset) }), rel);
  }

  private limited(input: Built, rel: Rel & { kind: 'limit' }): Built {
    const below = rel.offset === undefined && rel.count !== undefined && this.options.optimize ? limitScan(input.phys, rel.count) : input.phys;
    const most = limitOf(rel.count, rel.offset);
    return { ...input, rows: Math.min(input.rows, most), cost: costOf(input, most), phys: { kind: 'limit', columns: input.phys.columns, input: below, count: rel.count, offset: rel.offset } };
  }

  // ---- Joins

  private buildJoin(rel: Rel & { kind: 'join' }, wanted: Wanted): Built {
    if (rel.lateral) {
      const type = rel.type === 'left' || rel.type === 'semi' || rel.type === 'anti' ? rel.type : 'inner';
      const left = this.build(rel.left, wanted);
      const right = this.build(rel.right, ANYTHING);
      return { phys: { kind: 'lateralJoin', columns: joinColumns(type, left.phys, right.phys), type, left: left.phys, right: right.phys, condition: rel.condition }, order: left.order, rows: left.rows * right.rows, cost: left.cost + left.rows * right.cost, start: left.start };
    }
    if (rel.type === 'inner' && this.options.optimize) return this.buildChain(rel, wanted);
    const left = this.build(rel.left, rel.type === 'full' ? ANYTHING : wanted);
    return this.joinWith({ built: left, isOuter: isOuter(rel.left) }, rel.right, rel.type, conjuncts(rel.condition), rel.hints, wanted.most);
  }

  private buildChain(rel: Rel & { kind: 'join' }, wanted: Wanted): Built {
    const inputs: JoinInput[] = [];
    const conditions: Expr[] = [];
    const hints = flatten(rel, inputs, conditions);
    const keepsOrder = isTrue(hints.get('force_join_order')) || isTrue(this.options.hints.get('force_join_order'));
    const { built, pending } = orderJoins(inputs, conditions, wanted, keepsOrder, {
      begin: (input, want, all) => ({ built: this.build(input.rel, want), isOuter: isOuter(input.rel), pending: all }),
      join: (left, input, now) => ({
        built: this.joinWith(left, input.rel, 'inner', now, hints, wanted.most),
        isOuter: left.isOuter || isOuter(input.rel),
        pending: left.pending.filter((c) => !now.includes(c)),
      }),
    });
    return { ...built, phys: filterOver(built.phys, pending) };
  }

  /** The right side as a scan by keys that come from the left, and what the side computes of the scanned columns. */
  private lookup(rel: Rel, conditions: readonly Expr[]): Lookup | undefined {
    if (!this.options.optimize) return undefined;
    let all = [...conditions];
    let own: Expr[] = [];
    let items: ReadonlyMap<number, Expr> | undefined;
    let table = rel;
    for (;;) {
      if (table.kind === 'filter') {
        const more = conjuncts(table.condition);
        all.push(...more);
        own.push(...more);
      } else if (table.kind === 'project' && table.items.every((i) => isMovable(i.expr))) {
        const values = new Map(table.items.map((i): [number, Expr] => [i.column.id, i.expr]));
        all = all.map((c) => substitute(c, values));
        own = own.map((c) => substitute(c, values));
        items = items === undefined ? values : new Map([...items].map(([id, e]) => [id, substitute(e, values)]));
      } else break;
      table = table.input;
    }
    if (table.kind !== 'table') return undefined;
    const access = chooseAccess(table, all, ANYTHING, this.options.statistics);
    const plain = chooseAccess(table, own, ANYTHING, this.options.statistics);
    const useful = access.prefix > plain.prefix || (access.prefix > 0 && access.scan.index !== plain.scan.index);
    return useful ? { access, items, whole: plain, isMeasured: this.options.statistics.table(table.table.id) !== undefined } : undefined;
  }

  private hasEqualSides(left: Built, right: Rel, conditions: readonly Expr[]): boolean {
    const leftIds = new Set(left.phys.columns.map((c) => c.id));
    const rightIds = new Set(right.columns.map((c) => c.id));
    return conditions.some((c) => sidesOf(c, leftIds, rightIds) !== undefined);
  }

  private joinWith({ built: left, isOuter: isLeftOuter }: Pick<Chain, 'built' | 'isOuter'>, rightRel: Rel, type: JoinType, conditions: readonly Expr[], hints: Hints, most: number): Built {
    const hint = (name: string): string | undefined => hints.get(name) ?? this.options.hints.get(name);
    const method = hint('join_method') ?? hint('join_type');
    const isRightOuter = isOuter(rightRel);
    const buildSide = keptSide(type, isLeftOuter, isRightOuter) ?? hint('hash_join_build_side');
    const lookup = type === 'full' || type === 'right' || NO_LOOK_UPS.has(method ?? '') ? undefined : this.lookup(rightRel, conditions);
    if (lookup !== undefined && type !== 'full' && type !== 'right') {
      const few = mostLookUps(left, lookup);
      const isWhole = method !== 'apply_join' && Math.min(left.rows, most) > few && this.hasEqualSides(left, rightRel, conditions);
      const given: Built = isWhole && !isCounted(left.phys) && !isLeftOuter && !isRightOuter ? { ...left, phys: { kind: 'given', columns: left.phys.columns, left: left.phys } } : left;
      const joined = lookupJoin(given, lookup, type, rightRel.columns);
      if (joined !== undefined && !isWhole) return joined;
      if (joined !== undefined && given !== left) return adaptiveJoin(left, few, joined, this.joinWhole(given, rightRel, type, conditions, method, buildSide), type);
    }
    return this.joinWhole(left, rightRel, type, conditions, method, buildSide);
  }

  /** Without look-ups: the right side is read whole. */
  private joinWhole(left: Built, rightRel: Rel, type: JoinType, conditions: readonly Expr[], method: string | undefined, buildSide: string | undefined): Built {
    const right = this.build(rightRel, ANYTHING);
    const leftIds = new Set(left.phys.columns.map((c) => c.id));
    const rightIds = new Set(right.phys.columns.map((c) => c.id));
    const leftKeys: Expr[] = [];
    const rightKeys: Expr[] = [];
    const rest: Expr[] = [];
    for (const c of conditions) {
      const sides = sidesOf(c, leftIds, rightIds);
      if (sides === undefined || !this.options.optimize || LOOPS.has(method ?? '')) rest.push(c);
      else {
        leftKeys.push(sides.left);
        rightKeys.push(sides.right);
        // NaN finds NaN in a table of hashes, yet is not equal to it.
        if (isFloating(sides.left.type)) rest.push(c);
      }
    }
    const condition = conjunction(rest);
    if (leftKeys.length > 0 && method === 'merge_join') return mergeJoin(type, { built: left, keys: leftKeys }, { built: right, keys: rightKeys }, condition);
    if (leftKeys.length > 0) return hashJoin(type, { built: left, keys: leftKeys }, { built: right, keys: rightKeys }, condition, buildSide);
    const columns = joinColumns(type, left.phys, right.phys);
    const order = type === 'full' || type === 'right' ? [] : left.order;
    return { phys: { kind: 'loopJoin', columns, type, left: left.phys, right: right.phys, condition }, order, rows: left.rows * right.rows, ...loopCost(left, right) };
  }
}

/** Whether the statistics say how many rows there are, and not a guess. */
const isCounted = (p: Phys): boolean => (p.kind === 'project' ? isCounted(p.input) : p.kind === 'scan' && p.residual === undefined && !isNarrow(p));

const isOuter = (rel: Rel): boolean => freeOfRel(rel).size > 0;

/** In a subplan, the side of which a table of hashes is built: the one that is the same in each run, so that it is built once. */
function keptSide(type: JoinType, isLeftOuter: boolean, isRightOuter: boolean): string | undefined {
  if (isLeftOuter === isRightOuter) return undefined;
  if (isLeftOuter) return 'build_right';
  return type === 'inner' ? 'build_left' : undefined;
}

/** Reading a row that is in memory. */
const SPOOL_COST = 0.2;

const LOOPS: ReadonlySet<string> = new Set(['loop_join', 'nested_loop_join']);
/** Not by looking up rows one by one. */
const NO_LOOK_UPS: ReadonlySet<string> = new Set(['hash_join', 'push_broadcast_hash_join', 'merge_join', ...LOOPS]);

const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === 'true';

const sidesOf = (c: Expr, left: ReadonlySet<number>, right: ReadonlySet<number>): ReturnType<typeof equalSides> =>
  equalSides(c, (e) => usesOnly(e, right), (e) => usesOnly(e, left) && !usesOnly(e, right));

const keyedOver = ({ keys, values, rest }: KeyedConditions, direct: Phys, rows: Phys): Phys => filterOver({ kind: 'keyed', columns: direct.columns, direct, rows, keys, values }, rest);

function filterOver(input: Phys, conditions: readonly Expr[]): Phys {
  const condition = conjunction(conditions);
  return condition === undefined ? input : { kind: 'filter', columns: input.columns, input, condition };
}

/** Whether a column of a table, seen through filters and projections, is declared NOT NULL. */
function isNeverNull(rel: Rel, id: number): boolean {
  if (rel.kind === 'filter') return isNeverNull(rel.input, id);
  if (rel.kind === 'project') {
    const expr = rel.items.find((i) => i.column.id === id)?.expr;
    return expr?.kind === 'column' && isNeverNull(rel.input, expr.id);
  }
  return rel.kind === 'table' && rel.source[rel.columns.findIndex((c) => c.id === id)]?.nullable === false;
}

/** Conditions of the filters between `from` and `to`. */
function chain(from: Rel, to: Rel): readonly Expr[] {
  const list: Expr[] = [];
  for (let r = from; r !== to && r.kind === 'filter'; r = r.input) list.push(...conjuncts(r.condition));
  return list;
}

function flatten(rel: Rel, inputs: JoinInput[], conditions: Expr[]): Hints {
  if (rel.kind === 'join' && rel.type === 'inner' && !rel.lateral) {
    conditions.push(...conjuncts(rel.condition));
    const left = flatten(rel.left, inputs, conditions);
    const right = flatten(rel.right, inputs, conditions);
    return new Map([...left, ...right, ...rel.hints]);
  }
  inputs.push({ rel, ids: new Set(rel.columns.map((c) => c.id)) });
  return new Map();
}

/** The keys as an order of columns, when that is all they are. */
function wantedOrder(keys: readonly SortKey[]): readonly OrderPart[] | undefined {
  const parts: OrderPart[] = [];
  for (const k of keys) {
    if (k.expr.kind !== 'column' || k.collation !== undefined || k.nullsFirst === k.descending) return undefined;
    if (!parts.some((p) => p.id === (k.expr.kind === 'column' ? k.expr.id : -1))) parts.push({ id: k.expr.id, descending: k.descending });
  }
  return parts;
}

/** Tells a scan below projections that no more than `count` rows are needed. */
function limitScan(phys: Phys, count: Expr): Phys {
  if (phys.kind === 'scan') return { ...phys, limit: count };
  if (phys.kind === 'project') return { ...phys, input: limitScan(phys.input, count) };
  return phys;
}

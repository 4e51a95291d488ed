/**
 * From the rewritten relations to the physical plan: access paths, order and method of joins, sorts that the order of keys
 * makes unnecessary, limits that stop scans early, grouping in a stream.
 */
import type { Assignment, Column, Expr, Hints, JoinType, Rel, SortKey } from '../bind/tree.ts';
import { columnExpr, freeOfRel, substitute } from '../bind/walk.ts';
import { isFloating } from '../types/traits.ts';
import { INT64 } from '../types/types.ts';
import { chooseAccess, satisfies, type Access } from './access.ts';
import { computedOrder } from './computed.ts';
import { conjunction, conjuncts, equalSides, isMovable, usesOnly } from './conjuncts.ts';
import { keyedConditions, type KeyedConditions } from './keyed.ts';
import { beginAtScan } from './partial.ts';
import { hashJoin, joinColumns, mergeJoin, type Built } from './key-joins.ts';
import type { OrderPart, Phys, PhysAggregate, PhysScan } from './physical.ts';
import { NO_STATISTICS, rowsOf, type Statistics } from './statistics.ts';

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

/** One input of a chain of inner joins, with the conditions that are about it alone. */
interface JoinInput {
  readonly rel: Rel;
  readonly ids: ReadonlySet<number>;
}

class Builder {
  private readonly options: BuildOptions;

  constructor(options: BuildOptions) {
    this.options = options;
  }

  /** The plan with exactly the relation's columns in their order. */
  exact(rel: Rel, wanted: readonly OrderPart[] = []): Phys {
    return ordered(this.build(rel, wanted).phys, rel.columns);
  }

  private build(rel: Rel, wanted: readonly OrderPart[]): Built {
    switch (rel.kind) {
      case 'unit':
        return { phys: { kind: 'unit', columns: [] }, order: [], rows: 1 };
      case 'virtual':
        return { phys: rel, order: [], rows: 100 };
      case 'withReference':
        return { phys: { kind: 'spool', columns: rel.columns, id: rel.id }, order: [], rows: 100 };
      case 'unnest':
        return { phys: { kind: 'unnest', columns: rel.columns, array: rel.array }, order: [], rows: 10 };
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
        const subqueries = rel.subqueries.map(({ column, subquery }) => ({ column, subquery, plan: this.build(subquery.rel, []).phys }));
        return { ...input, phys: { kind: 'apply', columns: [...input.phys.columns, ...subqueries.map((s) => s.column)], input: input.phys, subqueries } };
      }
      case 'aggregate':
        return this.buildAggregate(rel);
      case 'union': {
        const inputs = rel.inputs.map((i) => this.exact(i));
        return { phys: { kind: 'union', columns: rel.columns, inputs }, order: [], rows: 100 * inputs.length };
      }
      case 'set':
        return { phys: { kind: 'set', columns: rel.columns, operator: rel.operator, all: rel.all, left: this.exact(rel.left), right: this.exact(rel.right) }, order: [], rows: 100 };
      case 'sort':
        return this.buildSort(rel, undefined);
      case 'limit':
        return this.buildLimit(rel);
      case 'sample': {
        const input = this.build(rel.input, []);
        return { ...input, phys: { kind: 'sample', columns: rel.weight === undefined ? input.phys.columns : [...input.phys.columns, rel.weight], input: input.phys, method: rel.method, size: rel.size, weight: rel.weight } };
      }
      case 'firstRows': {
        const input = this.build(rel.input, wanted);
        return { ...input, phys: { ...rel, columns: [...input.phys.columns, rel.column], input: input.phys } };
      }
      case 'with': {
        const definition = this.exact(rel.definition);
        const body = this.build(rel.body, wanted);
        return { ...body, phys: { kind: 'with', columns: body.phys.columns, id: rel.id, definition, body: body.phys } };
      }
      case 'assert': {
        const input = this.build(rel.input, wanted);
        return { ...input, phys: { ...rel, columns: input.phys.columns, input: input.phys } };
      }
    }
  }

  // ---- Tables, filters, projections

  private access(rel: Rel & { kind: 'table' }, conditions: readonly Expr[], wanted: readonly OrderPart[]): Built {
    if (!this.options.optimize) {
      const { scan } = chooseAccess(rel, [], [], NO_STATISTICS, false);
      return { phys: filterOver({ ...scan, index: undefined, back: false, reverse: false }, conditions), order: [], rows: 1 };
    }
    const access = chooseAccess(rel, conditions, wanted, this.options.statistics);
    return { phys: access.scan, order: access.order, rows: access.rows };
  }

  private buildFilter(rel: Rel & { kind: 'filter' }, wanted: readonly OrderPart[]): Built {
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
  private keyedAccess(table: Rel & { kind: 'table' }, conditions: readonly Expr[], keyed: KeyedConditions | undefined, wanted: readonly OrderPart[]): Built | undefined {
    if (keyed === undefined) return undefined;
    const [direct, rows] = [conditions, keyed.own].map((each) => chooseAccess(table, each, wanted, this.options.statistics));
    if (direct === undefined || rows === undefined || direct.prefix > rows.prefix || direct.read < rows.read) return undefined;
    const order = satisfies(direct.order, wanted, new Set()) && satisfies(rows.order, wanted, new Set()) ? wanted : [];
    return { phys: keyedOver(keyed, direct.scan, rows.scan), order, rows: direct.rows };
  }

  private buildProject(rel: Rel & { kind: 'project' }, wanted: readonly OrderPart[]): Built {
    const computed = computedOrder(rel.input);
    const sources = new Map(rel.items.flatMap((i): [number, number][] => {
      const id = i.expr.kind === 'column' ? i.expr.id : computed(i.expr);
      return id === undefined ? [] : [[i.column.id, id]];
    }));
    const inner: OrderPart[] = [];
    for (const w of wanted) {
      const id = sources.get(w.id);
      if (id === undefined) break;
      inner.push({ id, descending: w.descending });
    }
    const input = this.build(rel.input, inner.length === wanted.length ? inner : []);
    const outputs = new Map([...sources].map(([to, from]) => [from, to]));
    const order: OrderPart[] = [];
    for (const o of input.order) {
      const id = outputs.get(o.id);
      if (id === undefined) break;
      order.push({ id, descending: o.descending });
    }
    return { phys: { kind: 'project', columns: rel.columns, input: input.phys, items: rel.items }, order, rows: input.rows };
  }

  private buildAggregate(rel: Rel & { kind: 'aggregate' }): Built {
    const ids = new Set(rel.groups.flatMap((g) => (g.expr.kind === 'column' ? [g.expr.id] : [])));
    const plain = ids.size === rel.groups.length && rel.groups.length > 0 && rel.groups.every((g) => g.expr.kind === 'column');
    const input = this.extreme(rel) ?? this.build(rel.input, []);
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
    return { phys: this.options.optimize ? beginAtScan(phys) : phys, order, rows: rel.grouped ? Math.max(1, input.rows / 10) : 1 };
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
    const wanted = [{ id: column.id, descending: name === 'MAX' }];
    const input = this.build(rel.input, wanted);
    if (!satisfies(input.order, wanted, new Set())) return undefined;
    const count: Expr = { kind: 'const', type: INT64, value: 1, source: 'expression' };
    return { phys: { kind: 'limit', columns: input.phys.columns, input: limitScan(input.phys, count), count, offset: undefined }, order: [], rows: 1 };
  }

  // ---- Order and limit

  private buildSort(rel: Rel & { kind: 'sort' }, limit: (Rel & { kind: 'limit' }) | undefined): Built {
    const wanted = this.options.optimize ? wantedOrder(rel.keys) : undefined;
    const input = this.build(rel.input, wanted ?? []);
    const order = wanted ?? [];
    if (wanted !== undefined && wanted.length > 0 && satisfies(input.order, wanted, new Set())) {
      return limit === undefined ? input : this.limited(input, limit);
    }
    const phys: Phys = { kind: 'sort', columns: input.phys.columns, input: input.phys, keys: rel.keys, limit: limit?.count, offset: limit?.offset };
    return { phys, order, rows: input.rows };
  }

  private buildLimit(rel: Rel & { kind: 'limit' }): Built {
    // A projection between LIMIT and ORDER BY changes no rows, so the limit can go below it.
    if (rel.input.kind === 'project' && rel.input.input.kind === 'sort') {
      const sorted = this.buildSort(rel.input.input, rel);
      return { phys: { kind: 'project', columns: rel.input.columns, input: sorted.phys, items: rel.input.items }, order: [], rows: sorted.rows };
    }
    if (rel.input.kind === 'sort') return this.buildSort(rel.input, rel);
    return this.limited(this.build(rel.input, []), rel);
  }

  private limited(input: Built, rel: Rel & { kind: 'limit' }): Built {
    const below = rel.offset === undefined && rel.count !== undefined && this.options.optimize ? limitScan(input.phys, rel.count) : input.phys;
    return { ...input, phys: { kind: 'limit', columns: input.phys.columns, input: below, count: rel.count, offset: rel.offset } };
  }

  // ---- Joins

  private buildJoin(rel: Rel & { kind: 'join' }, wanted: readonly OrderPart[]): Built {
    if (rel.lateral) {
      const type = rel.type === 'left' || rel.type === 'semi' || rel.type === 'anti' ? rel.type : 'inner';
      const left = this.build(rel.left, wanted);
      const right = this.build(rel.right, []);
      return { phys: { kind: 'lateralJoin', columns: joinColumns(type, left.phys, right.phys), type, left: left.phys, right: right.phys, condition: rel.condition }, order: left.order, rows: left.rows * right.rows };
    }
    if (rel.type === 'inner' && this.options.optimize) return this.buildChain(rel, wanted);
    const left = this.build(rel.left, rel.type === 'full' ? [] : wanted);
    return this.joinWith({ built: left, isOuter: isOuter(rel.left) }, rel.right, rel.type, conjuncts(rel.condition), rel.hints);
  }

  /** Inner joins in a chain: begins with the input that has the fewest rows, goes on with what can be looked up by key. */
  private buildChain(rel: Rel & { kind: 'join' }, wanted: readonly OrderPart[]): Built {
    const inputs: JoinInput[] = [];
    const conditions: Expr[] = [];
    const hints = flatten(rel, inputs, conditions);
    const keepOrder = isTrue(hints.get('force_join_order')) || isTrue(this.options.hints.get('force_join_order')) || inputs.length > 12;
    const remaining = [...inputs];
    const start = keepOrder ? 0 : this.cheapest(remaining);
    const first = remaining.splice(start, 1)[0];
    if (first === undefined) return { phys: { kind: 'unit', columns: [] }, order: [], rows: 1 };
    let current: LeftSide = { built: this.build(first.rel, wanted), isOuter: isOuter(first.rel) };
    let pending = conditions;
    const have = new Set(first.ids);
    while (remaining.length > 0) {
      const i = keepOrder ? 0 : this.nextInput(remaining, have, pending);
      const next = remaining.splice(i, 1)[0];
      if (next === undefined) break;
      const later = new Set(remaining.flatMap((r) => [...r.ids]));
      const now = pending.filter((c) => usesOnly(c, later));
      pending = pending.filter((c) => !now.includes(c));
      current = { built: this.joinWith(current, next.rel, 'inner', now, hints), isOuter: current.isOuter || isOuter(next.rel) };
      for (const id of next.ids) have.add(id);
    }
    return { ...current.built, phys: filterOver(current.built.phys, pending) };
  }

  private cheapest(inputs: readonly JoinInput[]): number {
    let best = 0;
    let rows = Infinity;
    for (const [i, input] of inputs.entries()) {
      const r = this.build(input.rel, []).rows;
      if (r < rows * 0.5) {
        rows = r;
        best = i;
      }
    }
    return best;
  }

  private nextInput(remaining: readonly JoinInput[], have: ReadonlySet<number>, conditions: readonly Expr[]): number {
    let best = 0;
    let score = -1;
    for (const [i, input] of remaining.entries()) {
      const later = new Set(remaining.flatMap((r, j) => (j === i ? [] : [...r.ids])));
      const usable = conditions.filter((c) => usesOnly(c, later) && !usesOnly(c, input.ids) && !usesOnly(c, have));
      const lookup = this.lookup(input.rel, usable);
      const s = lookup?.access.scan.point === true ? 3 : lookup !== undefined ? 2 : usable.length > 0 ? 1 : 0;
      if (s > score) {
        score = s;
        best = i;
      }
    }
    return best;
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
    const access = chooseAccess(table, all, [], this.options.statistics);
    const plain = chooseAccess(table, own, [], this.options.statistics);
    const useful = access.prefix > plain.prefix || (access.prefix > 0 && access.scan.index !== plain.scan.index);
    return useful ? { access, items, rows: rowsOf(this.options.statistics.table(table.table.id)), isMeasured: this.options.statistics.table(table.table.id) !== undefined } : undefined;
  }

  private hasEqualSides(left: Built, right: Rel, conditions: readonly Expr[]): boolean {
    const leftIds = new Set(left.phys.columns.map((c) => c.id));
    const rightIds = new Set(right.columns.map((c) => c.id));
    return conditions.some((c) => sidesOf(c, leftIds, rightIds) !== undefined);
  }

  private joinWith({ built: left, isOuter: isLeftOuter }: LeftSide, rightRel: Rel, type: JoinType, conditions: readonly Expr[], hints: Hints): Built {
    const hint = (name: string): string | undefined => hints.get(name) ?? this.options.hints.get(name);
    const method = hint('join_method') ?? hint('join_type');
    const wantsHash = method !== undefined && HASH_METHODS.has(method);
    const wantsLoop = method === 'loop_join' || method === 'nested_loop_join';
    if (type !== 'full' && type !== 'right' && !wantsHash && !wantsLoop && this.options.optimize) {
      const lookup = this.lookup(rightRel, conditions);
      const equal = lookup !== undefined && method !== 'apply_join' && prefersHash(left, lookup) && this.hasEqualSides(left, rightRel, conditions);
      if (lookup !== undefined && !equal) {
        const joined = lookupJoin(left, lookup, type, rightRel.columns);
        if (joined !== undefined) return joined;
      }
    }
    const right = this.build(rightRel, []);
    const leftIds = new Set(left.phys.columns.map((c) => c.id));
    const rightIds = new Set(right.phys.columns.map((c) => c.id));
    const leftKeys: Expr[] = [];
    const rightKeys: Expr[] = [];
    const rest: Expr[] = [];
    for (const c of conditions) {
      const sides = sidesOf(c, leftIds, rightIds);
      if (sides === undefined || !this.options.optimize || wantsLoop) rest.push(c);
      else {
        leftKeys.push(sides.left);
        rightKeys.push(sides.right);
        // NaN finds NaN in a table of hashes, yet is not equal to it.
        if (isFloating(sides.left.type)) rest.push(c);
      }
    }
    const condition = conjunction(rest);
    if (leftKeys.length > 0 && method === 'merge_join') return mergeJoin(type, { built: left, keys: leftKeys }, { built: right, keys: rightKeys }, condition);
    if (leftKeys.length > 0) return hashJoin(type, { built: left, keys: leftKeys }, { built: right, keys: rightKeys }, condition, keptSide(type, isLeftOuter, isOuter(rightRel)) ?? hint('hash_join_build_side'));
    const columns = joinColumns(type, left.phys, right.phys);
    const order = type === 'full' || type === 'right' ? [] : left.order;
    return { phys: { kind: 'loopJoin', columns, type, left: left.phys, right: right.phys, condition }, order, rows: left.rows * right.rows };
  }
}

/** The left side of a join in the making. */
interface LeftSide {
  readonly built: Built;
  /** In a subplan: it depends on the enclosing row. */
  readonly isOuter: boolean;
}

const isOuter = (rel: Rel): boolean => freeOfRel(rel).size > 0;

/** In a subplan, the side of which a table of hashes is built: the one that is the same in each run, so that it is built once. */
function keptSide(type: JoinType, isLeftOuter: boolean, isRightOuter: boolean): string | undefined {
  if (isLeftOuter === isRightOuter) return undefined;
  if (isLeftOuter) return 'build_right';
  return type === 'inner' ? 'build_left' : undefined;
}

/** Not by looking up rows one by one. */
const HASH_METHODS: ReadonlySet<string> = new Set(['hash_join', 'push_broadcast_hash_join', 'merge_join']);

const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === 'true';

/** A way to the right rows of a join; `items` are the right side's columns over those of the scan, when they differ. */
interface Lookup {
  readonly access: Access;
  readonly items: ReadonlyMap<number, Expr> | undefined;
  /** Rows of the right table, and whether that is known rather than assumed. */
  readonly rows: number;
  readonly isMeasured: boolean;
}

/** Looking up the rows of one left row, and fetching one row found, against reading a row in order. */
const LOOK_UP_COST = 5;
const HASH_COST = 2;

/** Whether reading and hashing the whole right side is cheaper than looking up its rows for each left row. */
function prefersHash(left: Built, { access, rows, isMeasured }: Lookup): boolean {
  if (!isMeasured) return false;
  const found = access.scan.point ? 1 : access.read;
  return left.rows * (LOOK_UP_COST + found * (access.scan.back ? LOOK_UP_COST : 1)) > HASH_COST * rows + left.rows;
}

/** Undefined when the right side computes what an outer join could not leave NULL. */
function lookupJoin(left: Built, { access, items }: Pick<Lookup, 'access' | 'items'>, type: 'inner' | 'left' | 'semi' | 'anti', rightColumns: readonly Column[]): Built | undefined {
  if (type === 'left' && items !== undefined && [...items.values()].some((e) => e.kind !== 'column')) return undefined;
  const leftIds = new Set(left.phys.columns.map((c) => c.id));
  // The scan may check what is about its own row; what needs both rows is the join's condition.
  const residual = conjuncts(access.scan.residual);
  const own = residual.filter((c) => usesOnly(c, leftIds));
  const both = residual.filter((c) => !usesOnly(c, leftIds));
  const right: PhysScan = { ...access.scan, residual: conjunction(own) };
  const joined: Phys = { kind: 'lookupJoin', columns: joinColumns(type, left.phys, right), type, left: left.phys, right, condition: conjunction(both) };
  const rows = type === 'semi' || type === 'anti' ? left.rows * 0.5 : left.rows * (access.scan.point ? 1 : access.rows);
  if (items === undefined || type === 'semi' || type === 'anti') return { phys: joined, order: left.order, rows };
  const all = [...left.phys.columns.map((column): Assignment => ({ column, expr: columnExpr(column) })), ...rightColumns.map((column): Assignment => ({ column, expr: items.get(column.id) ?? columnExpr(column) }))];
  return { phys: { kind: 'project', columns: all.map((i) => i.column), input: joined, items: all }, order: left.order, rows };
}

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

/** The plan with these columns in this order. */
export function ordered(phys: Phys, columns: readonly Column[]): Phys {
  if (columns.length === phys.columns.length && columns.every((c, i) => c.id === phys.columns[i]?.id)) return phys;
  return { kind: 'project', columns, input: phys, items: columns.map((column) => ({ column, expr: columnExpr(column) })) };
}

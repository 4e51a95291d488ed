/**
 * Grouping: by a table of hashes, or in a stream when rows of a group come together. The modifiers of aggregate calls
 * (DISTINCT, IGNORE NULLS, HAVING MAX/MIN, ORDER BY, LIMIT) are carried out here, before the aggregator sees values.
 */
import { defined } from '../../base/assert.ts';
import { Code, outOfRange, TrestleError } from '../../base/errors.ts';
import type { AggregateExpr } from '../bind/tree.ts';
import type { Aggregator } from '../functions/registry.ts';
import { aggregatorOf } from '../functions/resolve.ts';
import { comparatorOf, groupingKey, joinKeys } from '../values/compare.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import { compileExpr, NO_ROW, type Evaluate, type ExprScope } from './expressions.ts';
import { GroupTable } from './group-table.ts';
import { lazyRows } from './operators.ts';
import { rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';
import { entryComparator, type CompiledSortKey, type SortEntry } from './sort.ts';

/** One aggregate of one group while rows come in. */
interface Accumulation {
  add(row: Row, frame: Frame): void;
  /** Adds what was made of other rows elsewhere, if the aggregate can be begun there. */
  join?(state: SqlValue): void;
  finish(frame: Frame): SqlValue;
}

interface CompiledAggregate {
  readonly aggregator: Aggregator;
  readonly args: readonly Evaluate[];
  readonly start: () => Accumulation;
}

/** What a group takes in memory, and each of its aggregates. */
export const GROUP_BYTES = 128;
/** What a key in a set takes beside its text. */
const KEY_BYTES = 64;
/** Aggregates whose state holds on to all values. */
const GROWING: ReadonlySet<string> = new Set(['ARRAY_AGG', 'ARRAY_CONCAT_AGG', 'STRING_AGG']);

export function compileAggregate(e: AggregateExpr, scope: ExprScope): CompiledAggregate {
  const aggregator = e.safe ? safeAggregator(aggregatorOf(e.call)) : aggregatorOf(e.call);
  const args = e.args.map((a) => compileExpr(a, scope));
  const [only] = args;
  const simple = !e.distinct && !e.ignoreNulls && e.having === undefined && e.orderBy.length === 0 && e.limit === undefined;
  if (simple && GROWING.has(e.call.definition.name)) return { aggregator, args, start: () => new Growing(aggregator, args) };
  if (simple && only !== undefined && args.length === 1) return { aggregator, args, start: () => new OneArgument(aggregator, only) };
  if (simple) return { aggregator, args, start: () => new Simple(aggregator, args) };
  const keys = e.orderBy.map((k): CompiledSortKey => ({ key: k, value: compileExpr(k.expr, scope), collation: k.collation === undefined ? undefined : compileExpr(k.collation, scope) }));
  const having = e.having === undefined ? undefined : { max: e.having.max, value: compileExpr(e.having.value, scope), compare: comparatorOf(e.having.value.type) };
  const limit = e.limit === undefined ? undefined : compileExpr(e.limit, scope);
  const keyOf = e.distinct ? rowKey(e.args.map((a) => a.type)) : undefined;
  const modifiers: Modifiers = { keys, having, limit, keyOf, ignoreNulls: e.ignoreNulls };
  return { aggregator, args, start: () => new Modified(aggregator, args, modifiers) };
}

/** SAFE.: once the aggregation has failed, its result is NULL. */
function safeAggregator(inner: Aggregator): Aggregator {
  const failed = Symbol('failed');
  const guard = <T>(body: () => T, otherwise: T): T => {
    try {
      return body();
    } catch (error) {
      if (error instanceof TrestleError && error.code === Code.OUT_OF_RANGE) return otherwise;
      throw error;
    }
  };
  return {
    init: inner.init,
    accumulate: (state: unknown, ...args: SqlValue[]) => (state === failed ? failed : guard<unknown>(() => inner.accumulate(state, ...args), failed)),
    merge: (a: unknown, b: unknown) => (a === failed || b === failed ? failed : guard<unknown>(() => inner.merge(a, b), failed)),
    finish: (state: unknown) => (state === failed ? null : guard(() => inner.finish(state), null)),
  };
}

const joined = (aggregator: Aggregator, state: unknown, packed: SqlValue): unknown =>
  aggregator.merge(state, defined(aggregator.partial, 'the aggregate is one of parts').unpack(packed));

class OneArgument implements Accumulation {
  private state: unknown;
  private readonly aggregator: Aggregator;
  private readonly arg: Evaluate;
  constructor(aggregator: Aggregator, arg: Evaluate) {
    this.aggregator = aggregator;
    this.arg = arg;
    this.state = aggregator.init();
  }
  add(row: Row, frame: Frame): void {
    this.state = this.aggregator.accumulate(this.state, this.arg(row, frame));
  }
  join(state: SqlValue): void {
    this.state = joined(this.aggregator, this.state, state);
  }
  finish(): SqlValue {
    return this.aggregator.finish(this.state);
  }
}

class Simple implements Accumulation {
  private state: unknown;
  private readonly aggregator: Aggregator;
  private readonly args: readonly Evaluate[];
  constructor(aggregator: Aggregator, args: readonly Evaluate[]) {
    this.aggregator = aggregator;
    this.args = args;
    this.state = aggregator.init();
  }
  add(row: Row, frame: Frame): void {
    this.addValues(this.args.map((a) => a(row, frame)));
  }
  addValues(values: readonly SqlValue[]): void {
    this.state = this.aggregator.accumulate(this.state, ...values);
  }
  join(state: SqlValue): void {
    this.state = joined(this.aggregator, this.state, state);
  }
  finish(): SqlValue {
    return this.aggregator.finish(this.state);
  }
}

/** Keeps account of values that the state holds on to. */
class Growing implements Accumulation {
  private readonly inner: Simple;
  private readonly args: readonly Evaluate[];
  constructor(aggregator: Aggregator, args: readonly Evaluate[]) {
    this.inner = new Simple(aggregator, args);
    this.args = args;
  }
  add(row: Row, frame: Frame): void {
    const values = this.args.map((a) => a(row, frame));
    frame.memory.take(rowBytes(values));
    this.inner.addValues(values);
  }
  finish(): SqlValue {
    return this.inner.finish();
  }
}

interface Modifiers {
  readonly keys: readonly CompiledSortKey[];
  readonly having: { readonly max: boolean; readonly value: Evaluate; readonly compare: (a: SqlValue, b: SqlValue) => number } | undefined;
  readonly limit: Evaluate | undefined;
  readonly keyOf: ((row: Row) => string) | undefined;
  readonly ignoreNulls: boolean;
}

/** Keeps the arguments of the group's rows until its end. */
class Modified implements Accumulation {
  private entries: SortEntry[] = [];
  private extreme: SqlValue = null;
  /** NaN is the extreme of numbers that it is among, and equals none of them. */
  private poisoned = false;
  private readonly seen = new Set<string>();
  private readonly aggregator: Aggregator;
  private readonly args: readonly Evaluate[];
  private readonly modifiers: Modifiers;

  constructor(aggregator: Aggregator, args: readonly Evaluate[], modifiers: Modifiers) {
    this.aggregator = aggregator;
    this.args = args;
    this.modifiers = modifiers;
  }

  add(row: Row, frame: Frame): void {
    const { having, keys, ignoreNulls } = this.modifiers;
    if (having !== undefined && !this.isExtreme(having.value(row, frame), having)) return;
    const values = this.args.map((a) => a(row, frame));
    if (ignoreNulls && values[0] === null) return;
    // Without HAVING a value seen before can be dropped at once; with it, the extreme may still change.
    if (having === undefined && !this.isNew(values, frame)) return;
    frame.memory.take(rowBytes(values));
    this.entries.push({ row: values, keys: keys.map((k) => k.value(row, frame)) });
  }

  private isNew(values: Row, frame: Frame): boolean {
    const { keyOf } = this.modifiers;
    if (keyOf === undefined) return true;
    const key = keyOf(values);
    if (this.seen.has(key)) return false;
    frame.memory.take(key.length + KEY_BYTES);
    this.seen.add(key);
    return true;
  }

  /** Only rows with the greatest (least) value of the HAVING expression count; NULL is never it. */
  private isExtreme(value: SqlValue, having: NonNullable<Modifiers['having']>): boolean {
    if (value === null) return false;
    if (typeof value === 'number' && Number.isNaN(value)) this.poisoned = true;
    if (this.extreme === null) {
      this.extreme = value;
      return true;
    }
    const order = having.compare(value, this.extreme);
    if (order === 0) return true;
    if (order > 0 !== having.max) return false;
    this.extreme = value;
    this.entries = [];
    return true;
  }

  finish(frame: Frame): SqlValue {
    const { keys, limit, having } = this.modifiers;
    let entries = having === undefined ? this.entries : this.poisoned ? [] : this.entries.filter((e) => this.isNew(e.row, frame));
    if (keys.length > 0) entries = entries.slice().sort(entryComparator(keys, frame));
    if (limit !== undefined) {
      const n = limit(NO_ROW, frame);
      if (n === null || Number(n) < 0) throw outOfRange('LIMIT of an aggregate function must be a non-negative integer');
      entries = entries.slice(0, Number(n));
    }
    let state = this.aggregator.init();
    for (const e of entries) state = this.aggregator.accumulate(state, ...e.row);
    return this.aggregator.finish(state);
  }
}

/** A text per row that is equal for rows that group together. */
export function rowKey(types: readonly SqlType[]): (row: Row) => string {
  const keys = types.map((t) => groupingKey(t));
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) return (row) => only(row[0] ?? null);
  return (row) => joinKeys(keys.map((k, i) => k(row[i] ?? null)));
}

export interface Group {
  readonly keys: Row;
  readonly accumulations: readonly Accumulation[];
}

export interface CompiledAggregation {
  readonly grouped: boolean;
  readonly groups: readonly Evaluate[];
  readonly groupTypes: readonly SqlType[];
  readonly aggregates: readonly CompiledAggregate[];
}

export const startGroup = (keys: Row, aggregation: CompiledAggregation): Group => ({ keys, accumulations: aggregation.aggregates.map((a) => a.start()) });

export const finishGroup = (group: Group, frame: Frame): Row => [...group.keys, ...group.accumulations.map((a) => a.finish(frame))];

export function hashAggregatePlan(input: Plan, aggregation: CompiledAggregation): Plan {
  const groupBytes = GROUP_BYTES * (1 + aggregation.aggregates.length);
  return (frame) => {
    const source = input(frame);
    const compute = async (): Promise<readonly Row[]> => {
      const table = new GroupTable<Group>(aggregation.groupTypes);
      const single = aggregation.grouped ? undefined : table.add([], startGroup([], aggregation));
      for (let batch = await source.next(); batch !== undefined; batch = await source.next()) {
        frame.checkCancelled();
        for (const row of batch) {
          if (frame.isPauseDue()) await frame.pause();
          let group = single;
          if (group === undefined) {
            const keys = aggregation.groups.map((g) => g(row, frame));
            group = table.find(keys);
            if (group === undefined) {
              frame.memory.take(groupBytes + 2 * rowBytes(keys));
              group = table.add(keys, startGroup(keys, aggregation));
            }
          }
          const { accumulations } = group;
          for (let i = 0; i < accumulations.length; i++) accumulations[i]?.add(row, frame);
        }
      }
      return table.groups.map((g) => finishGroup(g, frame));
    };
    return lazyRows(compute, () => source.close());
  };
}

export function streamAggregatePlan(input: Plan, aggregation: CompiledAggregation): Plan {
  const keyOf = rowKey(aggregation.groupTypes);
  return (frame): Operator => {
    const source = input(frame);
    let current: { readonly key: string; readonly group: Group } | undefined;
    let ended = false;
    return {
      async next() {
        const done: Row[] = [];
        while (!ended && done.length === 0) {
          frame.checkCancelled();
          const batch = await source.next();
          if (batch === undefined) {
            ended = true;
            if (current !== undefined) done.push(finishGroup(current.group, frame));
            break;
          }
          for (const row of batch) {
            const keys = aggregation.groups.map((g) => g(row, frame));
            const key = keyOf(keys);
            if (current?.key !== key) {
              if (current !== undefined) done.push(finishGroup(current.group, frame));
              current = { key, group: startGroup(keys, aggregation) };
            }
            for (const a of current.group.accumulations) a.add(row, frame);
          }
        }
        return done.length === 0 ? undefined : done;
      },
      close: () => source.close(),
    };
  };
}


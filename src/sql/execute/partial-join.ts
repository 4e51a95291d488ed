/**
 * Aggregation of a join by look-ups, begun where the right rows are: Spanner's distributed cross apply with an aggregation
 * inside. For some left rows at a time, each range of right rows goes with a tag, which stands for the groups of the left
 * rows that it is looked up for; back come, for each tag, groups of right rows with the states of their aggregates.
 *
 *   left rows       (status 'new', key 7)  (status 'old', key 8)  (status 'new', key 9)
 *   ranges, tags    7… 1                   8… 2                   9… 1
 *   answer          1: 12 rows, sum 40; 2: 3 rows, sum 5
 *
 * Left rows are taken in portions that do not depend on answers, so that a statement which is run again gives its rows in
 * the same order. Where most right rows would be groups of their own, or the transaction has written among them, rows are
 * looked up and grouped here.
 */
import type { Key } from '../../base/ids.ts';
import type { PortionCursor, RangePart } from '../../txn/types.ts';
import { readGroup } from '../fragment/groups.ts';
import type { Pushed } from '../fragment/push.ts';
import { GROUP_BYTES, finishGroup, startGroup, type CompiledAggregation, type Group } from './aggregate.ts';
import { LeftRows } from './adaptive-join.ts';
import type { Evaluate } from './expressions.ts';
import { GroupTable } from './group-table.ts';
import { countsOf, rowBytes, RowsOperator, type Frame, type Operator, type Plan, type Row } from './runtime.ts';
import type { CompiledScan } from './scan.ts';

/** Left rows that are looked up together. */
const CHUNK = 1024;
/** Right rows of which it can be told whether grouping them elsewhere is worth it. */
const ENOUGH_ROWS = 1000;

export interface PartialJoin {
  readonly left: Plan;
  readonly right: CompiledScan;
  readonly pushed: Pushed;
  /** Of the joined rows. */
  readonly aggregation: CompiledAggregation;
  /** For each group expression: over the left row, or undefined where it is one of the right rows. */
  readonly leftGroups: readonly (Evaluate | undefined)[];
  /** Rows of a group come together, in the order of the left side, and all that they are grouped by is of it. */
  readonly streaming: boolean;
  /** The join itself, of the left rows that `key` stands for in the frame. */
  readonly joined: Plan;
  readonly key: object;
  /** The right side's number in the profile. */
  readonly number: number;
}

export const partialJoinPlan = (join: PartialJoin): Plan => (frame) => new PartialJoinOperator(join, frame);

/** What a tag stands for: keys of left rows, and how many of these have them. */
type Target = readonly { readonly keys: Row; readonly times: number }[];

class PartialJoinOperator implements Operator {
  private readonly join: PartialJoin;
  private readonly frame: Frame;
  private readonly left: LeftRows;
  private groups: GroupTable<Group>;
  /** Where rows of a group come together: the one that the last left row belongs to. */
  private open: readonly Group[] = [];
  private output: RowsOperator | undefined;
  /** When rows are grouped here. */
  private joined: Operator | undefined;
  private rows = 0;
  private isEnd = false;

  constructor(join: PartialJoin, frame: Frame) {
    this.join = join;
    this.frame = frame;
    this.left = new LeftRows(join.left(frame), frame);
    this.groups = new GroupTable(join.aggregation.groupTypes);
    if (!join.aggregation.grouped) this.groups.add([], startGroup([], join.aggregation));
  }

  async next(): Promise<readonly Row[] | undefined> {
    for (;;) {
      this.frame.checkCancelled();
      const rows = await this.output?.next();
      if (rows !== undefined) return rows;
      if (this.isEnd) return undefined;
      const order = this.joined === undefined ? await this.lookUp() : await this.addJoined(this.joined);
      if (order === undefined) this.isEnd = true;
      this.output = new RowsOperator(this.complete(order).map((group) => finishGroup(group, this.frame)));
    }
  }

  /** Groups that are complete after rows with these keys; undefined: all of them. */
  private complete(order: readonly Row[] | undefined): readonly Group[] {
    if (order === undefined) return this.join.streaming ? this.open : this.groups.groups;
    const last = order.at(-1);
    if (!this.join.streaming || last === undefined) return [];
    const open = this.groups.find(last);
    const done = new Set([...this.open, ...order.flatMap((keys) => this.groups.find(keys) ?? [])]);
    this.groups = new GroupTable(this.join.aggregation.groupTypes);
    this.open = open === undefined ? [] : [this.groups.add(last, open)];
    if (open !== undefined) done.delete(open);
    return [...done];
  }

  private of(keys: Row): Group {
    const known = this.groups.find(keys);
    if (known !== undefined) return known;
    const { aggregation, streaming } = this.join;
    if (!streaming) this.frame.memory.take(GROUP_BYTES * (1 + aggregation.aggregates.length) + 2 * rowBytes(keys));
    return this.groups.add(keys, startGroup(keys, aggregation));
  }

  /** Looks the next left rows up; the keys of their groups, as far as they have them. Undefined: there are none. */
  private async lookUp(): Promise<readonly Row[] | undefined> {
    const { join, frame } = this;
    const rows = await this.left.take(CHUNK);
    if (rows.length === 0) return undefined;
    const keys = rows.map((row) => join.leftGroups.map((group) => group?.(row, frame) ?? null));
    const { parts, targets } = this.tagged(rows, keys);
    const isWorthIt = this.rows < ENOUGH_ROWS || this.groups.groups.length * 2 <= this.rows;
    const cursor = isWorthIt ? join.right.openTagged(join.pushed, parts, frame) : undefined;
    if (cursor === undefined) {
      this.left.putBack(rows);
      frame.cells.set(join.key, this.left);
      this.joined = join.joined(frame);
      return [];
    }
    await this.read(cursor, targets);
    return keys;
  }

  /** The ranges of left rows in order, each once, with tags. They do not overlap, since they fix as many parts of the key. */
  private tagged(rows: readonly Row[], keys: readonly Row[]): { readonly parts: readonly RangePart[]; readonly targets: readonly Target[] } {
    const { right, leftGroups, aggregation } = this.join;
    const groups = new GroupTable<{ readonly keys: Row; readonly number: number }>(aggregation.groupTypes.filter((_, i) => leftGroups[i] !== undefined));
    const wanted = new Map<Key, { readonly to: Key; readonly groups: number[] }>();
    for (const [i, row] of rows.entries()) {
      const own = (keys[i] ?? []).filter((_, at) => leftGroups[at] !== undefined);
      const { number } = groups.find(own) ?? groups.add(own, { keys: keys[i] ?? [], number: groups.groups.length });
      for (const { from, to } of right.parts(row, this.frame)) {
        const known = wanted.get(from);
        if (known === undefined) wanted.set(from, { to, groups: [number] });
        else known.groups.push(number);
      }
    }
    const tags = new Map<string, number>();
    const targets: Target[] = [];
    const parts = [...wanted].map(([from, { to, groups: numbers }]): RangePart => {
      const name = numbers.sort((a, b) => a - b).join(',');
      let tag = tags.get(name);
      if (tag === undefined) {
        const times = new Map<number, number>();
        for (const number of numbers) times.set(number, (times.get(number) ?? 0) + 1);
        tag = targets.push([...times].map(([number, n]) => ({ keys: groups.groups[number]?.keys ?? [], times: n })));
        tags.set(name, tag);
      }
      return { from, to, tag };
    });
    return { parts: parts.sort((a, b) => (a.from < b.from ? -1 : 1)), targets };
  }

  private async read(cursor: PortionCursor, targets: readonly Target[]): Promise<void> {
    const { right, leftGroups, aggregation, number } = this.join;
    const { profile } = this.frame.execution;
    if (profile !== undefined) countsOf(profile, number).executions++;
    const rightKeys = leftGroups.filter((group) => group === undefined).length;
    try {
      for (let portion = await right.waiting(cursor.next(), this.frame); portion !== undefined; portion = await right.waiting(cursor.next(), this.frame)) {
        const groups = portion.rows.map(({ record }) => readGroup(record, rightKeys, aggregation.aggregates.length, true));
        const rows = groups.reduce((sum, group) => sum + group.rows, 0);
        right.looked(portion.scanned, rows, this.frame);
        this.rows += rows;
        if (this.frame.isPauseDue(portion.scanned)) await this.frame.pause();
        for (const { tag, keys, states } of groups) for (const target of targets[tag - 1] ?? []) this.add(target, keys, states);
      }
    } finally {
      await cursor.close();
    }
  }

  private add({ keys, times }: Target[number], rightKeys: Row, states: Row): void {
    let next = 0;
    const { accumulations } = this.of(this.join.leftGroups.map((group, i) => (group === undefined ? (rightKeys[next++] ?? null) : (keys[i] ?? null))));
    for (let n = 0; n < times; n++) for (const [i, accumulation] of accumulations.entries()) accumulation.join?.(states[i] ?? null);
  }

  private async addJoined(joined: Operator): Promise<readonly Row[] | undefined> {
    const { frame } = this;
    const { aggregation } = this.join;
    const rows = await joined.next();
    const order: Row[] = [];
    for (const row of rows ?? []) {
      if (frame.isPauseDue()) await frame.pause();
      const keys = aggregation.groups.map((g) => g(row, frame));
      order.push(keys);
      for (const accumulation of this.of(keys).accumulations) accumulation.add(row, frame);
    }
    return rows === undefined ? undefined : order;
  }

  async close(): Promise<void> {
    await this.joined?.close();
    await this.left.close();
  }
}

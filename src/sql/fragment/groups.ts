/**
 * Partial aggregates where the rows are: the groups of the rows that one answer looked at, each with the states of its
 * aggregates. The gateway puts together what several answers say of one group (execute/partial-aggregate.ts).
 *
 *   group   number of rows, keys, packed states (values.ts); before all, where parts of a range have tags, the tag
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../../base/bytes.ts';
import type { Key } from '../../base/ids.ts';
import type { Expr } from '../bind/tree.ts';
import type { Fragment, FragmentBounds, FragmentResult, PageWork } from '../../txn/types.ts';
import { fillRow, type Batch } from '../columns/batch.ts';
import { valueNode, valueOf, wordsOf, type ValueNode, type Values } from '../columns/values.ts';
import { compileExpr, type Evaluate, type ExprScope } from '../execute/expressions.ts';
import { GroupTable } from '../execute/group-table.ts';
import type { Frame, Row } from '../execute/runtime.ts';
import type { Aggregator, PartialState } from '../functions/registry.ts';
import { aggregatorOf } from '../functions/resolve.ts';
import type { RowReader } from '../rows/decode.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import { Ownership, type RowProgram } from './ownership.ts';
import { PagesOf, type PageLook, type PageRows } from './page-rows.ts';
import type { Aggregation } from './template.ts';
import { readValues, writeValues } from './values.ts';

/** One answer has at most about as many groups; the scan goes on with new ones in the next. */
const MAX_GROUPS = 4096;
const HOLDING: ReadonlySet<string> = new Set(['MIN', 'MAX', 'ANY_VALUE']);
/** Groups that are told apart by the words of their keys: so many combinations of words at most. */
const MAX_COMBINATIONS = 4096;
/** What a group takes in the answer, beside texts. */
const GROUP_BYTES = 16;

interface CompiledPart {
  readonly aggregator: Aggregator;
  readonly partial: PartialState;
  /** Undefined: of COUNT(*), which has none. */
  readonly arg: Evaluate | undefined;
  /** The same over columns. */
  readonly values: ValueNode | undefined;
  /** Its state holds a value that may be long. */
  readonly holds: boolean;
}

export interface GroupProgram {
  readonly keys: readonly Evaluate[];
  /** The same over columns. */
  readonly keyValues: readonly ValueNode[];
  readonly types: readonly SqlType[];
  readonly parts: readonly CompiledPart[];
  /** Reads the columns that the condition has not read. */
  readonly rest: RowReader;
}

export function compileGroups({ groups, aggregates }: Aggregation, scope: ExprScope, rest: RowReader): GroupProgram {
  const compile = (e: Expr): Evaluate => compileExpr(e, scope);
  return {
    rest,
    keys: groups.map(compile),
    keyValues: groups.map((e) => valueNode(e, compile)),
    types: groups.map((e) => e.type),
    parts: aggregates.map(({ call, args }) => {
      const aggregator = aggregatorOf(call);
      if (aggregator.partial === undefined || args.length > 1) throw new CorruptBytes('the aggregate is not for fragments');
      const [arg] = args;
      return { aggregator, partial: aggregator.partial, arg: arg === undefined ? undefined : compile(arg), values: arg === undefined ? undefined : valueNode(arg, compile), holds: HOLDING.has(call.definition.name) };
    }),
  };
}

interface Group {
  readonly tag: number;
  rows: number;
  readonly keys: Row;
  readonly states: unknown[];
}

export class GroupsFragment implements Fragment {
  readonly pages: PageWork | undefined;
  private readonly program: RowProgram;
  private readonly aggregation: GroupProgram;
  private readonly frame: Frame;
  private readonly maxBytes: number;
  private readonly ownership: Ownership;
  private readonly row: SqlValue[];
  /** Of the part of the range that rows come of. */
  private table: GroupTable<Group>;
  private tag = 0;
  private readonly tables = new Map<number, GroupTable<Group>>();
  /** Of all parts, in the order in which they first came. */
  private readonly groups: Group[] = [];
  private bytes = 0;

  constructor(program: RowProgram, aggregation: GroupProgram, frame: Frame, bounds: FragmentBounds) {
    this.program = program;
    this.aggregation = aggregation;
    this.frame = frame;
    this.maxBytes = bounds.bytes;
    this.ownership = new Ownership(program.layout);
    this.row = new Array<SqlValue>(program.width).fill(null);
    this.table = new GroupTable(aggregation.types);
    this.tables.set(0, this.table);
    const { pages } = program;
    this.pages = pages === undefined ? undefined : new PagesOf(pages, frame, (batch) => this.lookAt(batch, pages));
  }

  get given(): number {
    return this.groups.length;
  }

  get isFull(): boolean {
    return this.groups.length >= MAX_GROUPS || this.bytes >= this.maxBytes;
  }

  enter(tag: number): void {
    const table = this.tables.get(tag) ?? new GroupTable(this.aggregation.types);
    this.tables.set(tag, table);
    this.table = table;
    this.tag = tag;
  }

  look(key: Key, record: Uint8Array): void {
    if (!this.ownership.isOwn(key)) return;
    const { row, frame } = this;
    const { condition, reader } = this.program;
    if (condition !== undefined) {
      reader.read(key, record, row);
      if (condition(row, frame) !== true) return;
    }
    this.aggregation.rest.read(key, record, row);
    this.accumulate(row);
  }

  private accumulate(row: Row): void {
    const { frame } = this;
    const group = this.groupOf(row);
    group.rows++;
    const { parts } = this.aggregation;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (part === undefined) continue;
      const { aggregator, arg, holds } = part;
      const state = group.states[i];
      if (arg === undefined) group.states[i] = aggregator.accumulate(state);
      else {
        const value = arg(row, frame);
        if (holds) this.bytes += lengthOf(value);
        group.states[i] = aggregator.accumulate(state, value);
      }
    }
  }

  private groupOf(row: Row): Group {
    const { keys: evaluate } = this.aggregation;
    return this.groupAt(evaluate.length === 0 ? NO_KEYS : evaluate.map((e) => e(row, this.frame)));
  }

  private groupAt(keys: Row): Group {
    const known = this.table.find(keys);
    if (known !== undefined) return known;
    const { parts } = this.aggregation;
    this.bytes += GROUP_BYTES * (1 + parts.length + keys.length);
    for (const key of keys) this.bytes += lengthOf(key);
    const group: Group = { tag: this.tag, rows: 0, keys, states: parts.map(({ aggregator }) => aggregator.init()) };
    this.groups.push(group);
    return this.table.add(keys, group);
  }

  /** Rows in columns. */
  private lookAt(batch: Batch, pages: PageRows): PageLook {
    this.ownership.own += batch.count;
    const { row } = this;
    // Where something does not work out for some row, which one it is, and what comes of it, is seen one by one.
    if (!pages.select(batch)) {
      pages.eachRow(batch, row, () => this.accumulate(row));
      return 'by row';
    }
    if (batch.selected === 0 || this.accumulateColumns(batch)) return 'together';
    for (let k = 0; k < batch.selected; k++) {
      fillRow(batch.vectors, batch.rows[k] ?? 0, row);
      this.accumulate(row);
    }
    return 'by row';
  }

  /** False, with nothing done, when a key or an argument fails for some row. */
  private accumulateColumns(batch: Batch): boolean {
    const { parts, keyValues } = this.aggregation;
    const keys: Values[] = [];
    for (const node of keyValues) {
      const values = node(batch);
      if (values === undefined) return false;
      keys.push(values);
    }
    const args: (Values | undefined)[] = [];
    for (const { values: node } of parts) {
      const values = node?.(batch);
      if (node !== undefined && values === undefined) return false;
      args.push(values);
    }
    const groups = this.groupsOf(batch, keys);
    for (let p = 0; p < parts.length; p++) {
      const part = parts[p];
      if (part !== undefined) this.accumulatePart(part, p, args[p], batch, groups);
    }
    return true;
  }

  /** The group of each row of interest. */
  private groupsOf(batch: Batch, keys: readonly Values[]): readonly Group[] {
    const { rows, selected } = batch;
    const groups = new Array<Group>(selected);
    const words = keys.map((values) => wordsOf(values));
    const sizes = words.map((w) => w?.values.length ?? Infinity);
    const combinations = sizes.reduce((a, b) => a * b, 1);
    const known: (Group | undefined)[] = [];
    for (let k = 0; k < selected; k++) {
      const i = rows[k] ?? 0;
      let group: Group | undefined;
      let at = 0;
      if (combinations <= MAX_COMBINATIONS) {
        for (let w = 0; w < words.length; w++) at = at * (sizes[w] ?? 1) + (words[w]?.ids[i] ?? 0);
        group = known[at];
      }
      if (group === undefined) {
        group = this.groupAt(keys.map((values) => valueOf(values, i)));
        if (combinations <= MAX_COMBINATIONS) known[at] = group;
      }
      group.rows++;
      groups[k] = group;
    }
    return groups;
  }

  private accumulatePart({ aggregator, holds }: CompiledPart, p: number, arg: Values | undefined, { rows, selected }: Batch, groups: readonly Group[]): void {
    for (let k = 0; k < selected; k++) {
      const states = groups[k]?.states ?? [];
      if (arg === undefined) states[p] = aggregator.accumulate(states[p]);
      else {
        const value = valueOf(arg, rows[k] ?? 0);
        if (holds) this.bytes += lengthOf(value);
        states[p] = aggregator.accumulate(states[p], value);
      }
    }
  }

  skipTo(last: Key): Key | undefined {
    return this.ownership.skipTo(last);
  }

  finish(): FragmentResult {
    const { parts } = this.aggregation;
    const rows = this.groups.map((group) => {
      const out = new ByteWriter();
      if (group.tag > 0) out.varint(group.tag);
      writeValues(out.varint(group.rows), [...group.keys, ...parts.map(({ partial }, i) => partial.pack(group.states[i]))]);
      return { key: NO_KEY, record: out.finish() };
    });
    return { rows, scanned: this.ownership.own };
  }
}

const NO_KEY = '' as Key;
const NO_KEYS: Row = [];

/** Of what may be long. */
function lengthOf(value: SqlValue): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return value.length;
  return Array.isArray(value) ? value.reduce((sum: number, item: SqlValue) => sum + GROUP_BYTES + lengthOf(item), 0) : GROUP_BYTES;
}

export interface PartialGroup {
  /** Of the part of the range; 0 where parts have none. */
  readonly tag: number;
  readonly rows: number;
  readonly keys: readonly SqlValue[];
  readonly states: readonly SqlValue[];
}

/** A group as an answer has it, with so many keys and aggregates. */
export function readGroup(record: Uint8Array, keys: number, aggregates: number, isTagged = false): PartialGroup {
  const input = new ByteReader(record);
  const tag = isTagged ? input.varint() : 0;
  const rows = input.varint();
  const values = readValues(input);
  input.end();
  if (values.length !== keys + aggregates) throw new CorruptBytes('a group lacks values');
  return { tag, rows, keys: values.slice(0, keys), states: values.slice(keys) };
}

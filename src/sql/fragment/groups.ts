/**
 * Partial aggregates where the rows are: the groups of the rows that one answer looked at, each with the states of its
 * aggregates. The gateway puts together what several answers say of one group (execute/partial-aggregate.ts).
 *
 *   group   number of rows, keys, packed states (values.ts)
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../../base/bytes.ts';
import type { Key } from '../../base/ids.ts';
import type { Fragment, FragmentBounds, FragmentResult } from '../../txn/types.ts';
import { compileExpr, type Evaluate, type ExprScope } from '../execute/expressions.ts';
import { GroupTable } from '../execute/group-table.ts';
import type { Frame, Row } from '../execute/runtime.ts';
import type { Aggregator, PartialState } from '../functions/registry.ts';
import { aggregatorOf } from '../functions/resolve.ts';
import type { RowReader } from '../rows/decode.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import { Ownership, type RowProgram } from './ownership.ts';
import type { Aggregation } from './template.ts';
import { readValues, writeValues } from './values.ts';

/** One answer has at most about as many groups; the scan goes on with new ones in the next. */
const MAX_GROUPS = 4096;
const HOLDING: ReadonlySet<string> = new Set(['MIN', 'MAX', 'ANY_VALUE']);
/** What a group takes in the answer, beside texts. */
const GROUP_BYTES = 16;

interface CompiledPart {
  readonly aggregator: Aggregator;
  readonly partial: PartialState;
  /** Undefined: of COUNT(*), which has none. */
  readonly arg: Evaluate | undefined;
  /** Its state holds a value that may be long. */
  readonly holds: boolean;
}

export interface GroupProgram {
  readonly keys: readonly Evaluate[];
  readonly types: readonly SqlType[];
  readonly parts: readonly CompiledPart[];
  /** Reads the columns that the condition has not read. */
  readonly rest: RowReader;
}

export function compileGroups({ groups, aggregates }: Aggregation, scope: ExprScope, rest: RowReader): GroupProgram {
  return {
    rest,
    keys: groups.map((e) => compileExpr(e, scope)),
    types: groups.map((e) => e.type),
    parts: aggregates.map(({ call, args }) => {
      const aggregator = aggregatorOf(call);
      if (aggregator.partial === undefined || args.length > 1) throw new CorruptBytes('the aggregate is not for fragments');
      const [arg] = args;
      return { aggregator, partial: aggregator.partial, arg: arg === undefined ? undefined : compileExpr(arg, scope), holds: HOLDING.has(call.definition.name) };
    }),
  };
}

interface Group {
  rows: number;
  readonly keys: Row;
  readonly states: unknown[];
}

export class GroupsFragment implements Fragment {
  private readonly program: RowProgram;
  private readonly aggregation: GroupProgram;
  private readonly frame: Frame;
  private readonly maxBytes: number;
  private readonly ownership: Ownership;
  private readonly row: SqlValue[];
  private readonly table: GroupTable<Group>;
  private bytes = 0;

  constructor(program: RowProgram, aggregation: GroupProgram, frame: Frame, bounds: FragmentBounds) {
    this.program = program;
    this.aggregation = aggregation;
    this.frame = frame;
    this.maxBytes = bounds.bytes;
    this.ownership = new Ownership(program.layout);
    this.row = new Array<SqlValue>(program.width).fill(null);
    this.table = new GroupTable(aggregation.types);
  }

  get isFull(): boolean {
    return this.table.groups.length >= MAX_GROUPS || this.bytes >= this.maxBytes;
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
    const { keys: evaluate, parts } = this.aggregation;
    const keys = evaluate.length === 0 ? NO_KEYS : evaluate.map((e) => e(row, this.frame));
    const known = this.table.find(keys);
    if (known !== undefined) return known;
    this.bytes += GROUP_BYTES * (1 + parts.length + keys.length);
    for (const key of keys) this.bytes += lengthOf(key);
    return this.table.add(keys, { rows: 0, keys, states: parts.map(({ aggregator }) => aggregator.init()) });
  }

  skipTo(last: Key): Key | undefined {
    return this.ownership.skipTo(last);
  }

  finish(): FragmentResult {
    const { parts } = this.aggregation;
    const rows = this.table.groups.map((group) => {
      const out = new ByteWriter();
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
  readonly rows: number;
  readonly keys: readonly SqlValue[];
  readonly states: readonly SqlValue[];
}

/** A group as an answer has it, with so many keys and aggregates. */
export function readGroup(record: Uint8Array, keys: number, aggregates: number): PartialGroup {
  const input = new ByteReader(record);
  const rows = input.varint();
  const values = readValues(input);
  input.end();
  if (values.length !== keys + aggregates) throw new CorruptBytes('a group lacks values');
  return { rows, keys: values.slice(0, keys), states: values.slice(keys) };
}

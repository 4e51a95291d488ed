/**
 * Fragments at the node that serves the rows: what a template says, compiled once, and run over the rows of one answer.
 *
 * Nothing that a template says is trusted: one that cannot be understood is an error of the call, whatever its bytes. An
 * evaluator may throw, as it would at the gateway; that is the error of the statement.
 */
import { ByteReader, CorruptBytes } from '../../base/bytes.ts';
import { TrestleError } from '../../base/errors.ts';
import type { Key } from '../../base/ids.ts';
import { trimRecord } from '../../storage/trim.ts';
import type { Fragment, FragmentBounds, FragmentCompiler, FragmentResult, PageWork, Row as StoredRow } from '../../txn/types.ts';
import { freeColumns } from '../bind/walk.ts';
import { compileExpr, PlanScope, type Evaluate, type ExprScope } from '../execute/expressions.ts';
import { bareFrame, type Frame } from '../execute/runtime.ts';
import type { EvaluationContext } from '../functions/registry.ts';
import { RowReader } from '../rows/decode.ts';
import type { SqlValue } from '../values/value.ts';
import { ValuesFragment } from './blocks.ts';
import { compileGroups, GroupsFragment, type GroupProgram } from './groups.ts';
import { Ownership, type RowProgram } from './ownership.ts';
import { PageRows, PagesOf } from './page-rows.ts';
import { compileTop, TopFragment, type TopProgram } from './top.ts';
import { decodeTemplate, type Template } from './template.ts';
import { readValue, readValues } from './values.ts';

/** Compiled templates that are kept. */
const CACHE_SIZE = 500;

/** A compiler that remembers the templates it was given last. */
export function fragmentCompiler(): FragmentCompiler {
  const known = new Map<string, Program>();
  return (bytes, bounds) => {
    const input = new ByteReader(bytes);
    const template = input.bytes();
    const key = template.toString('latin1');
    const program = known.get(key) ?? compile(template);
    known.delete(key);
    known.set(key, program);
    if (known.size > CACHE_SIZE) known.delete(known.keys().next().value ?? '');
    const frame = readFrame(input, program.slots);
    if (program.groups !== undefined) return new GroupsFragment(program, program.groups, frame, bounds);
    if (program.top !== undefined && program.rest !== undefined) return new TopFragment(program, program.top, program.rest, frame, bounds);
    return program.rest === undefined ? new RowsFragment(program, frame, bounds) : new ValuesFragment(program, program.rest, program.outputs, frame, bounds);
  };
}

/** What is the same for all runs of a template. */
interface Program extends RowProgram {
  readonly groups: GroupProgram | undefined;
  readonly top: TopProgram | undefined;
  readonly outputs: readonly Evaluate[] | undefined;
  /** Of a fragment that gives values: reads the columns that the condition has not read. */
  readonly rest: RowReader | undefined;
}

function compile(bytes: Uint8Array): Program {
  try {
    return programOf(decodeTemplate(bytes));
  } catch (error) {
    if (error instanceof CorruptBytes || error instanceof TrestleError) throw error;
    // Types that do not go together: whatever stumbles over them, it was the bytes.
    throw new CorruptBytes(`fragment makes no sense (${error instanceof Error ? error.message : String(error)})`);
  }
}

function programOf({ layout, columns, condition, keep, aggregation, asValues, top, outputs, slots }: Template): Program {
  const scope: ExprScope = { layout: new Map(columns.map((_, position) => [position, position])), plan: new PlanScope(false) };
  const read = condition === undefined ? new Set<number>() : freeColumns(condition);
  const others = new RowReader(layout, columns.map((column, position) => (read.has(position) ? undefined : column)));
  const given = aggregation === undefined ? [] : [...aggregation.groups, ...aggregation.aggregates.flatMap((a) => a.args)];
  if (outputs !== undefined) given.push(...outputs);
  else if (asValues) for (const [id, { type }] of columns.entries()) given.push({ kind: 'column', id, type, name: '', at: -1 });
  const isPaged = aggregation !== undefined || asValues || condition !== undefined;
  return {
    layout, keep, slots,
    rest: asValues ? others : undefined,
    pages: isPaged ? PageRows.of(layout, columns, condition, given, (e) => compileExpr(e, scope)) : undefined,
    groups: aggregation === undefined ? undefined : compileGroups(aggregation, scope, others),
    top: top === undefined ? undefined : compileTop(top, scope),
    outputs: outputs?.map((e) => compileExpr(e, scope)),
    width: columns.length,
    reader: new RowReader(layout, columns.map((column, position) => (read.has(position) ? column : undefined))),
    condition: condition === undefined ? undefined : compileExpr(condition, scope),
  };
}

/** What follows the template: the surroundings of the statement, and the values of the slots. */
function readFrame(input: ByteReader, slots: number): Frame {
  const now = readValue(input);
  const defaultTimeZone = input.string();
  const parameters = readValues(input);
  input.end();
  if (typeof now !== 'bigint' || parameters.length !== slots) throw new CorruptBytes('fragment lacks values');
  return bareFrame(surroundings(now, defaultTimeZone), parameters);
}

/** Functions that need more are volatile, and not for fragments. */
function surroundings(currentTimestampNanos: bigint, defaultTimeZone: string): EvaluationContext {
  const none = (): never => {
    throw new TypeError('a fragment has no such surroundings');
  };
  return { currentTimestampNanos, defaultTimeZone, random: none, randomBytes: none, pendingCommitTimestamp: none, nextSequenceValue: none, sequenceState: none };
}

/** Rows that meet the condition, with the cells that are wanted. */
class RowsFragment implements Fragment {
  /** Passes by pages of which no row meets the condition. */
  readonly pages: PageWork | undefined;
  private readonly program: RowProgram;
  private readonly frame: Frame;
  private readonly bounds: FragmentBounds;
  private readonly ownership: Ownership;
  private readonly tried: SqlValue[];
  private readonly rows: StoredRow[] = [];
  private bytes = 0;

  constructor(program: RowProgram, frame: Frame, bounds: FragmentBounds) {
    this.program = program;
    this.frame = frame;
    this.bounds = bounds;
    this.ownership = new Ownership(program.layout);
    this.tried = new Array<SqlValue>(program.width).fill(null);
    const { pages } = program;
    this.pages = pages === undefined ? undefined : new PagesOf(pages, frame, (batch) => {
      if (!pages.select(batch) || batch.selected > 0) return 'undone';
      this.ownership.own += batch.count;
      return 'together';
    });
  }

  get given(): number {
    return this.rows.length;
  }

  get isFull(): boolean {
    return this.rows.length >= this.bounds.rows || this.bytes >= this.bounds.bytes;
  }

  look(key: Key, record: Uint8Array): void {
    if (!this.ownership.isOwn(key)) return;
    const { condition, reader, keep } = this.program;
    if (condition !== undefined) {
      reader.read(key, record, this.tried);
      if (condition(this.tried, this.frame) !== true) return;
    }
    const kept = keep === undefined ? record : trimRecord(record, keep);
    this.rows.push({ key, record: kept });
    this.bytes += key.length + kept.length;
  }

  skipTo(last: Key): Key | undefined {
    return this.ownership.skipTo(last);
  }

  finish(): FragmentResult {
    return { rows: this.rows, scanned: this.ownership.own };
  }
}

/**
 * Fragments at the node that serves the rows: what a template says, compiled once, and run over the rows of one answer.
 *
 * Nothing that a template says is trusted: one that cannot be understood is an error of the call, whatever its bytes. An
 * evaluator may throw, as it would at the gateway; that is the error of the statement.
 */
import { ByteReader, CorruptBytes } from '../../base/bytes.ts';
import { TrestleError } from '../../base/errors.ts';
import type { Key } from '../../base/ids.ts';
import { trimRecord } from '../../storage/record.ts';
import type { Fragment, FragmentBounds, FragmentCompiler, FragmentResult, Row as StoredRow } from '../../txn/types.ts';
import type { Expr } from '../bind/tree.ts';
import { freeColumns } from '../bind/walk.ts';
import { compileExpr, PlanScope, type Evaluate, type ExprScope } from '../execute/expressions.ts';
import { bareFrame, type Frame } from '../execute/runtime.ts';
import type { EvaluationContext } from '../functions/registry.ts';
import { RowReader } from '../rows/decode.ts';
import type { KeyLayout } from '../rows/keyspace.ts';
import type { SqlValue } from '../values/value.ts';
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
    return new RowsFragment(program, readFrame(input, program.slots), bounds);
  };
}

/** What is the same for all runs of a template. */
interface Program {
  readonly layout: KeyLayout;
  readonly width: number;
  /** Reads the columns that the condition refers to. */
  readonly reader: RowReader;
  readonly condition: Evaluate | undefined;
  readonly keep: readonly number[] | undefined;
  readonly slots: number;
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

function programOf({ layout, columns, condition, keep, slots }: Template): Program {
  const scope: ExprScope = { layout: new Map(columns.map((_, position) => [position, position])), plan: new PlanScope(false) };
  const read = positionsOf(condition);
  return {
    layout, keep, slots,
    width: columns.length,
    reader: new RowReader(layout, columns.map((column, position) => (read.has(position) ? column : undefined))),
    condition: condition === undefined ? undefined : compileExpr(condition, scope),
  };
}

const positionsOf = (e: Expr | undefined): ReadonlySet<number> => (e === undefined ? new Set() : freeColumns(e));

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
  private readonly program: Program;
  private readonly frame: Frame;
  private readonly bounds: FragmentBounds;
  private readonly ownership: Ownership;
  private readonly tried: SqlValue[];
  private readonly rows: StoredRow[] = [];
  private bytes = 0;

  constructor(program: Program, frame: Frame, bounds: FragmentBounds) {
    this.program = program;
    this.frame = frame;
    this.bounds = bounds;
    this.ownership = new Ownership(program.layout);
    this.tried = new Array<SqlValue>(program.width).fill(null);
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

/** Tells rows of the layout from those of other tables between them. */
class Ownership {
  own = 0;
  private readonly layout: KeyLayout;
  private readonly isShared: boolean;
  private looked = 0;
  private lookedBefore = 0;
  private ownBefore = 0;

  constructor(layout: KeyLayout) {
    this.layout = layout;
    this.isShared = layout.isShared;
  }

  isOwn(key: Key): boolean {
    this.looked++;
    if (this.isShared && !this.layout.owns(key)) return false;
    this.own++;
    return true;
  }

  /** When most of what was looked at since the last call were rows of other tables, the scan goes on behind them. */
  skipTo(last: Key): Key | undefined {
    const isWorthIt = this.isShared && (this.own - this.ownBefore) * 2 <= this.looked - this.lookedBefore && !this.layout.owns(last);
    this.ownBefore = this.own;
    this.lookedBefore = this.looked;
    return isWorthIt ? this.layout.seekPast(last) : undefined;
  }
}

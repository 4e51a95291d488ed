/**
 * What a running statement has: its frame (parameters, arguments of a subplan, variables), its memory account, and the
 * shape of operators.
 *
 * Operators are pulled: `next` answers a batch of rows, or undefined at the end, after which it is not called again.
 * `close` releases what is held, at any time, and may be called twice. Inside a batch everything is synchronous.
 */
import { cancelled, resourceExhausted } from '../../base/errors.ts';
import type { Key } from '../../base/ids.ts';
import type { Signal } from '../../base/signal.ts';
import type { EvaluationContext } from '../functions/registry.ts';
import type { SqlValue } from '../values/value.ts';
import type { KeyRange, ReadView } from '../../txn/types.ts';

/** An error in a subquery whose value may never be needed. */
export class DeferredError {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

/** A row. A cell is an SQL value; only columns of an `apply` may hold a DeferredError, and only `deferred` expressions read those. */
export type Row = readonly SqlValue[];

export interface Operator {
  next(): Promise<readonly Row[] | undefined>;
  close(): Promise<void>;
}

/** A compiled plan: opens as often as needed. */
export type Plan = (frame: Frame) => Operator;

/** A plan of which `open` decides what runs, when the first rows are asked for. */
export function openedAtFirst(open: (frame: Frame) => Promise<Operator>): Plan {
  return (frame) => {
    let operator: Operator | undefined;
    return {
      async next() {
        operator ??= await open(frame);
        return operator.next();
      },
      async close() {
        await operator?.close();
      },
    };
  };
}

export const BATCH_ROWS = 1024;

/** Bytes that one statement may hold in sorts, groups, tables of hashes and results of subqueries. */
export const DEFAULT_MEMORY_LIMIT_BYTES = 256 * 1024 * 1024;

export const KEEP_AFTER_ROWS = 1000;

/** An account of memory. What a subplan takes counts for the statement until the run of the subplan ends. */
export class Memory {
  /** The most that was held at once. */
  peak = 0;
  private used = 0;
  readonly limit: number;
  private readonly parent: Memory | undefined;

  constructor(limit: number, parent?: Memory) {
    this.limit = limit;
    this.parent = parent;
  }

  take(bytes: number): void {
    this.used += bytes;
    this.parent?.take(bytes);
    if (this.used > this.peak) this.peak = this.used;
    if (this.used > this.limit) {
      throw resourceExhausted(`The statement needs more than ${this.limit} bytes of memory. Use fewer or smaller rows in sorts, joins and groups.`);
    }
  }

  child(): Memory {
    return new Memory(this.limit, this);
  }

  releaseAll(): void {
    this.parent?.give(this.used);
    this.used = 0;
  }

  give(bytes: number): void {
    this.used -= bytes;
    this.parent?.give(bytes);
  }
}

const CELL_BYTES = 16;
const ROW_BYTES = 48;

/** A guess of a row's size in memory; bounds matter, exactness does not. */
export function rowBytes(row: Row): number {
  let bytes = ROW_BYTES;
  for (const value of row) bytes += CELL_BYTES + valueBytes(value);
  return bytes;
}

function valueBytes(value: SqlValue): number {
  if (typeof value === 'string') return value.length * 2;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return rowBytes(value);
  return 256;
}

export interface ScanStatistics {
  rowsScanned: number;
  rowsReturned: number;
  /** The last key that the scan which drives the plan has passed on, when it goes forwards over ranges. */
  lastKey: Key | undefined;
}

/** Rows of tables that are computed, by complete name. */
export type VirtualTables = (name: string) => Promise<readonly Row[]>;

/** The same for all frames of one statement. */
export interface Execution {
  readonly view: ReadView;
  readonly context: EvaluationContext;
  readonly parameters: readonly SqlValue[];
  readonly memory: Memory;
  /** Rows that a correlated subquery reads before it keeps the rows of all outer rows by key. */
  readonly keepAfterRows: number;
  readonly signal: Signal | undefined;
  readonly virtualTables: VirtualTables;
  readonly statistics: ScanStatistics;
  /** Limits the scan that drives the plan: one partition of a query or of a partitioned DML statement. */
  readonly partition: KeyRange | undefined;
  /** What each node did, by its number in the compiled plan; only when profiling. */
  readonly profile: Profile | undefined;
  /** A clock for the durations in the profile. */
  readonly monotonicMicros: () => number;
  readonly pacer: Pacer;
}

/** How long a statement may compute before the event loop gets a chance: leases, heartbeats and other clients wait for it. */
const TURN_MICROS = 10_000;
/** Rows, or work like that of a row, between two looks at the clock. */
const STEPS = 1024;

/** Tells a statement when to let others run. */
export class Pacer {
  private readonly monotonicMicros: () => number;
  private readonly yieldTurn: (() => Promise<void>) | undefined;
  private steps = 0;
  private since: number;

  constructor(monotonicMicros: () => number, yieldTurn: (() => Promise<void>) | undefined) {
    this.monotonicMicros = monotonicMicros;
    this.yieldTurn = yieldTurn;
    this.since = monotonicMicros();
  }

  isDue(work: number): boolean {
    this.steps += work;
    if (this.steps < STEPS) return false;
    this.steps = 0;
    return this.monotonicMicros() - this.since > TURN_MICROS;
  }

  async pause(): Promise<void> {
    await this.yieldTurn?.();
    this.since = this.monotonicMicros();
  }
}

/** What one node of a plan did in a run. */
export interface NodeCounts {
  /** Rows that left it. */
  rows: number;
  executions: number;
  /** Of a scan: rows read of its table and index. */
  scanned: number;
  /** Of a scan: calls that another node answered. */
  remoteCalls: number;
  /** Time until its rows were there, that of the nodes below it included. */
  latencyMicros: number;
  /** Of a scan: time that it waited for rows. */
  waitMicros: number;
  /** Sums of the squares of each execution's rows and time: of those that are counted one by one. */
  rowsSquared: number;
  latencySquared: number;
}

export type Profile = Map<number, NodeCounts>;

export function countsOf(profile: Profile, number: number): NodeCounts {
  let counts = profile.get(number);
  if (counts === undefined) {
    counts = { rows: 0, executions: 0, scanned: 0, remoteCalls: 0, latencyMicros: 0, waitMicros: 0, rowsSquared: 0, latencySquared: 0 };
    profile.set(number, counts);
  }
  return counts;
}

export class Frame {
  readonly execution: Execution;
  readonly parameters: readonly SqlValue[];
  readonly context: EvaluationContext;
  /** Values of the enclosing row that a subplan refers to. */
  readonly args: readonly SqlValue[];
  /** Variables of WITH(…) and lambdas while one expression is evaluated. */
  readonly vars: SqlValue[] = [];
  /** Results that are computed once per frame, by node. */
  readonly cells = new Map<object, unknown>();
  readonly parent: Frame | undefined;
  readonly memory: Memory;

  constructor(execution: Execution, args: readonly SqlValue[], parent: Frame | undefined) {
    this.execution = execution;
    this.parameters = execution.parameters;
    this.context = execution.context;
    this.args = args;
    this.parent = parent;
    this.memory = parent === undefined ? execution.memory : parent.memory.child();
  }

  child(args: readonly SqlValue[]): Frame {
    return new Frame(this.execution, args, this);
  }

  /** To be asked before, or after, as many rows are worked on. */
  isPauseDue(work = 1): boolean {
    return this.execution.pacer.isDue(work);
  }

  /** Lets others run; throws when the statement was cancelled meanwhile. */
  async pause(): Promise<void> {
    await this.execution.pacer.pause();
    this.checkCancelled();
  }

  checkCancelled(): void {
    if (this.execution.signal?.aborted === true) throw cancelled('The statement was cancelled.');
  }
}

/** For expressions that stand by themselves and read no rows: those of the schema, and of fragments. */
export function bareFrame(context: EvaluationContext, parameters: readonly SqlValue[], memoryLimitBytes = Infinity): Frame {
  const noReads = (): never => {
    throw new TypeError('an expression without a statement reads no rows');
  };
  const execution: Execution = {
    view: { readTimestamp: undefined, get: noReads, scan: noReads },
    context,
    parameters,
    memory: new Memory(memoryLimitBytes),
    keepAfterRows: KEEP_AFTER_ROWS,
    signal: undefined,
    virtualTables: noReads,
    statistics: { rowsScanned: 0, rowsReturned: 0, lastKey: undefined },
    partition: undefined,
    profile: undefined,
    monotonicMicros: () => 0,
    pacer: new Pacer(() => 0, undefined),
  };
  return new Frame(execution, [], undefined);
}

/** All rows of an operator, which is closed afterwards. The rows count against the statement's memory. */
export async function collect(operator: Operator, frame: Frame): Promise<Row[]> {
  const rows: Row[] = [];
  try {
    for (let batch = await operator.next(); batch !== undefined; batch = await operator.next()) {
      frame.checkCancelled();
      let bytes = 0;
      for (const row of batch) {
        bytes += rowBytes(row);
        rows.push(row);
      }
      frame.memory.take(bytes);
      if (frame.isPauseDue(batch.length)) await frame.pause();
    }
  } finally {
    await operator.close();
  }
  return rows;
}

/** Hands out rows that are already there. */
export class RowsOperator implements Operator {
  private at = 0;
  private readonly rows: readonly Row[];

  constructor(rows: readonly Row[]) {
    this.rows = rows;
  }

  // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous
  async next(): Promise<readonly Row[] | undefined> {
    if (this.at >= this.rows.length) return undefined;
    const batch = this.at === 0 && this.rows.length <= BATCH_ROWS ? this.rows : this.rows.slice(this.at, this.at + BATCH_ROWS);
    this.at += batch.length;
    return batch;
  }

  async close(): Promise<void> {
    this.at = this.rows.length;
    return Promise.resolve();
  }
}

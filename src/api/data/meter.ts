/** Measures what the edge answers, for the statistics: a statement or read from its beginning to its end. */
import { Code, TrestleError } from '../../base/errors.ts';
import type { DatabaseHandle } from '../backend.ts';
import type { Call } from '../call.ts';
import type { Mutation, PreparedStatement, StatementPlan } from '../sql.ts';
import { cleanTag, NO_FOOTPRINT, type ActiveRead, type ActiveStatement, type Ending, type Footprint, type StatementStart } from '../statistics.ts';

/** What goes out to the client. */
export interface AnswerMeter {
  rows: number;
  bytes: number;
  clientWaitMicros: number;
}

export function endingOf(error: unknown, call: Call): Ending {
  const code = error instanceof TrestleError ? error.code : Code.INTERNAL;
  if (code === Code.DEADLINE_EXCEEDED || (call.signal.aborted && call.timeoutMicros() === 0)) return 'timedOut';
  return code === Code.CANCELLED || call.signal.aborted ? 'cancelled' : 'failed';
}

export class StatementMeter implements AnswerMeter {
  rows = 0;
  bytes = 0;
  clientWaitMicros = 0;
  rowsScanned = 0;
  rowsWritten = 0;
  inReadWrite = false;
  private planMicros = 0;
  private footprint: Footprint = NO_FOOTPRINT;
  private active: ActiveStatement | undefined;
  /** Whether the query is to be run with its plan counted, and how to get at the plan then. */
  readonly isSampled: boolean;
  plan: (() => StatementPlan | undefined) | undefined;

  constructor(database: DatabaseHandle, start: Omit<StatementStart, 'tag'>, requestTag: string) {
    this.active = database.statistics.statement({ ...start, tag: cleanTag(requestTag) });
    this.isSampled = this.active.isSampled;
  }

  prepared(statement: PreparedStatement, planMicros: number): void {
    this.planMicros = planMicros;
    this.footprint = statement.footprint;
  }

  /** Only the first end counts. */
  end(ending: Ending): void {
    const { active } = this;
    this.active = undefined;
    const { rows, bytes, rowsScanned, rowsWritten, inReadWrite, planMicros, footprint } = this;
    const plan = ending === 'ok' && this.isSampled ? this.plan?.() : undefined;
    active?.end({ ending, rows, bytes, rowsScanned, rowsWritten, inReadWrite, planMicros, footprint, plan });
  }
}

export interface MeteredRead {
  readonly table: string;
  readonly index: string;
  readonly columns: readonly string[];
  readonly requestTag: string;
  readonly partitionToken: Uint8Array;
}

export class ReadMeter implements AnswerMeter {
  rows = 0;
  bytes = 0;
  clientWaitMicros = 0;
  inReadWrite = false;
  readonly footprint: Footprint;
  private readonly request: MeteredRead;
  private active: ActiveRead | undefined;

  constructor(database: DatabaseHandle, request: MeteredRead) {
    this.request = request;
    const name = request.index === '' ? request.table : request.index;
    this.footprint = { ...NO_FOOTPRINT, readColumns: request.columns.map((column) => `${name}.${column}`) };
    this.active = database.statistics.read();
  }

  /** Only the first end counts. */
  end(): void {
    const { active, request, rows, bytes, inReadWrite, clientWaitMicros } = this;
    this.active = undefined;
    active?.end({ columns: this.footprint.readColumns, tag: cleanTag(request.requestTag), partitioned: request.partitionToken.length > 0, inReadWrite, rows, bytes, clientWaitMicros });
  }
}

const FOOTPRINTS_KEPT = 16;
const footprints: { readonly table: string; readonly columns: readonly string[]; readonly footprint: Footprint }[] = [];

/** What a write of these columns touches: of the shapes of late the same object each time, so that names are made and hashed once. */
function footprintOf(table: string, columns: readonly string[]): Footprint {
  const known = footprints.find((kept) => kept.table === table && kept.columns.length === columns.length && kept.columns.every((column, i) => column === columns[i]));
  if (known !== undefined) return known.footprint;
  const footprint = { ...NO_FOOTPRINT, writeColumns: columns.map((column) => `${table}.${column}`) };
  if (footprints.length >= FOOTPRINTS_KEPT) footprints.shift();
  footprints.push({ table, columns: [...columns], footprint });
  return footprint;
}

/** What the statements and mutations of a transaction touch and write. */
export class TransactionMeter {
  readonly footprints = new Set<Footprint>();
  readonly writes = new Map<string, { rows: number; bytes: number }>();
  private deletions: Map<string, number> | undefined;

  get deletedRows(): ReadonlyMap<string, number> {
    return this.deletions ?? NONE_DELETED;
  }

  touched(footprint: Footprint): void {
    if (this.footprints.size < MAX_FOOTPRINTS) this.footprints.add(footprint);
  }

  /** A DML statement has changed `rows` rows. */
  ran(statement: PreparedStatement, rows: number): void {
    this.touched(statement.footprint);
    const [written] = statement.footprint.writeColumns;
    const [deleted] = statement.footprint.deleteTables;
    if (deleted !== undefined) this.deleted(deleted, rows);
    else if (written !== undefined) this.wrote(written.slice(0, written.lastIndexOf('.')), rows, 0);
  }

  mutated(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      const { table } = mutation;
      if (mutation.kind === 'delete') {
        this.touched({ ...NO_FOOTPRINT, deleteTables: [table] });
        this.deleted(table, mutation.keySet.keys.length + mutation.keySet.ranges.length);
        continue;
      }
      this.touched(footprintOf(table, mutation.columns));
      let bytes = 0;
      for (const row of mutation.rows) for (const value of row) bytes += typeof value === 'string' ? value.length : FIXED_BYTES;
      this.wrote(table, mutation.rows.length, bytes);
    }
  }

  private wrote(table: string, rows: number, bytes: number): void {
    const sums = this.writes.get(table);
    if (sums === undefined) this.writes.set(table, { rows, bytes });
    else {
      sums.rows += rows;
      sums.bytes += bytes;
    }
  }

  private deleted(table: string, rows: number): void {
    this.deletions ??= new Map();
    this.deletions.set(table, (this.deletions.get(table) ?? 0) + rows);
  }
}

const NONE_DELETED: ReadonlyMap<string, number> = new Map();
const MAX_FOOTPRINTS = 50;
/** A value that is no text counts as this much. */
const FIXED_BYTES = 8;

/**
 * The statistics of one database at one node, as the edge and the splits led here report them. What runs now is kept by
 * itself; what has ended is added to the interval that runs. See kinds.ts for what is summed up.
 */
import { TransientMap } from '../../base/transient-map.ts';
import { hash } from 'node:crypto';
import type { StatementPlan } from '../../api/sql.ts';
import type { ActivePartitionedDml, ActiveRead, ActiveStatement, DatabaseStatistics, Footprint, ReadEnd, StatementEnd, StatementStart, TransactionEnd } from '../../api/statistics.ts';
import { addLatency } from './histogram.ts';
import { IntervalStore } from './intervals.ts';
import { addTable, COLUMNS, LOCKS, MAX_LOCK_SAMPLES, QUERIES, READS, SPLITS, TABLES, TRANSACTIONS, type LockSample, type SplitLabels, type TableWrites } from './kinds.ts';
import { PROFILES, sampleOf, Sampler } from './profiles.ts';
import type { ProcessorShare } from './processor.ts';

const MAX_TEXT_CHARS = 4_096;
/** Statements that run, listed; of those beyond it only the number is known. */
const MAX_ACTIVE = 2_000;
const MAX_COLUMNS = 200;

export interface ActiveQuery {
  readonly startMicros: number;
  readonly text: string;
  readonly truncated: boolean;
  readonly session: string;
  readonly id: number;
}

export interface PartitionedDmlProgress {
  readonly text: string;
  readonly session: string;
  readonly startMicros: number;
  updateMicros: number;
  total: number;
  complete: number;
  trivial: number;
  rows: number;
}

export interface RecorderOptions {
  /** Wall time in microseconds since the epoch. */
  readonly now: () => number;
  readonly processor: ProcessorShare;
}

/** What the fingerprint of a statement is of. */
const nameOf = ({ text, tag }: { readonly text: string; readonly tag: string }): string => (tag === '' ? text : tag);

const tableOf = (column: string): string => column.slice(0, column.lastIndexOf('.'));

export class DatabaseRecorder implements DatabaseStatistics {
  readonly queries = new IntervalStore(QUERIES);
  readonly reads = new IntervalStore(READS);
  readonly transactions = new IntervalStore(TRANSACTIONS);
  readonly locks = new IntervalStore(LOCKS);
  readonly tables = new IntervalStore(TABLES);
  readonly columns = new IntervalStore(COLUMNS);
  readonly splits = new IntervalStore(SPLITS);
  readonly profiles = new IntervalStore(PROFILES);
  private readonly sampler = new Sampler();
  readonly active = new TransientMap<number, ActiveQuery>();
  /** All of them, also those that found no room in `active`. */
  activeCount = 0;
  lastUseMicros = 0;
  readonly partitioned = new Set<PartitionedDmlProgress>();
  private readonly now: () => number;
  private readonly processor: ProcessorShare;
  private lastId = 0;

  constructor({ now, processor }: RecorderOptions) {
    this.now = now;
    this.processor = processor;
  }

  statement(start: StatementStart): ActiveStatement {
    const id = ++this.lastId;
    const startMicros = this.now();
    this.lastUseMicros = startMicros;
    const share = this.processor.begin();
    const truncated = start.text.length > MAX_TEXT_CHARS;
    const text = truncated ? start.text.slice(0, MAX_TEXT_CHARS) : start.text;
    this.activeCount++;
    if (this.active.size < MAX_ACTIVE) this.active.set(id, { startMicros, text, truncated, session: start.session, id });
    const isSampled = this.sampler.take(startMicros, nameOf({ ...start, text }));
    return {
      isSampled,
      end: (end) => {
        this.activeCount--;
        this.active.delete(id);
        this.statementEnded({ ...start, text }, truncated ? `${text}${hash('sha1', start.text)}` : text, truncated, end, this.now() - startMicros, this.processor.end(share));
      },
    };
  }

  private statementEnded(start: StatementStart, name: string, truncated: boolean, end: StatementEnd, latency: number, processor: number): void {
    const type = start.partitioned ? 'PARTITIONED_QUERY' : 'QUERY';
    const key = `${start.partitioned ? 'p' : 'q'}${start.tag}\0${name}`;
    const now = this.now();
    const { sums, histogram } = this.queries.entry(now, key, { text: start.text, truncated, tag: start.tag, type, readColumns: end.footprint.readColumns });
    sums.count++;
    sums.processor += processor;
    sums.statements += start.statements;
    if (end.inReadWrite) sums.inReadWrite++;
    if (end.ending === 'ok') {
      sums.latency += latency;
      sums.latencySquares += latency * latency;
      sums.planning += end.planMicros;
      sums.rows += end.rows;
      sums.bytes += end.bytes;
      sums.rowsScanned += end.rowsScanned;
      sums.rowsWritten += end.rowsWritten;
      if (histogram !== undefined) addLatency(histogram, latency);
    } else {
      sums.failed++;
      sums.failedLatency += latency;
      if (end.ending === 'cancelled') sums.cancelled++;
      if (end.ending === 'timedOut') sums.timedOut++;
    }
    this.used(now, end.footprint.readColumns, 'queries');
    if (end.plan !== undefined && end.ending === 'ok') this.sampled(now, nameOf(start), latency, end.plan, end.rows);
  }

  private sampled(now: number, name: string, latency: number, plan: StatementPlan, rows: number): void {
    const sample = sampleOf(plan, latency, rows);
    if (sample === undefined) return;
    const { sums, labels } = this.profiles.entry(now, name, { name, samples: [] });
    sums.count++;
    PROFILES.mergeLabels?.(labels, { name, samples: [sample] });
  }

  read(): ActiveRead {
    const share = this.processor.begin();
    return { end: (end) => this.readEnded(end, this.processor.end(share)) };
  }

  private readEnded(end: ReadEnd, processor: number): void {
    const now = this.now();
    const key = `${end.partitioned ? 'p' : 'r'}${end.tag}\0${end.columns.join(',')}`;
    const { sums } = this.reads.entry(now, key, { columns: end.columns, tag: end.tag, type: end.partitioned ? 'PARTITIONED_READ' : 'READ' });
    sums.count++;
    sums.rows += end.rows;
    sums.bytes += end.bytes;
    sums.processor += processor;
    sums.clientWait += end.clientWaitMicros;
    if (end.inReadWrite) sums.inReadWrite++;
    this.used(now, end.columns, 'reads');
  }

  /** Counts a use of each column, and one of each table. */
  private used(now: number, columns: readonly string[], how: 'queries' | 'reads'): void {
    let last = '';
    for (const name of columns) {
      this.columns.entry(now, name, { name }).sums[how]++;
      const table = tableOf(name);
      if (table === last) continue;
      last = table;
      this.tables.entry(now, table, { name: table }).sums.reads++;
    }
  }

  transaction(end: TransactionEnd): void {
    const now = this.now();
    this.lastUseMicros = now;
    const shape = shapeOf(end.footprints);
    const key = end.tag === '' ? keyOf(shape) : `t${end.tag}`;
    const { sums, histogram, labels } = this.transactions.known(now, key) ?? this.transactions.entry(now, key, { ...shape, tag: end.tag, tables: [] });
    sums.attempts++;
    if (end.repeatableRead) sums.repeatableRead++;
    else sums.serializable++;
    if (end.ending !== 'neverCommitted') {
      sums.commitAttempts++;
      sums.commitLatency += end.commitMicros;
      sums.participants += end.participants;
      sums.latency += end.totalMicros;
      sums.latencySquares += end.totalMicros * end.totalMicros;
      if (histogram !== undefined) addLatency(histogram, end.totalMicros);
      if (end.retries) sums.retries++;
      if (end.ending === 'failedPrecondition') sums.failedPrecondition++;
    }
    if (end.ending === 'aborted') sums.aborts++;
    if (end.ending === 'committed') this.written(now, end, shape, labels.tables, sums);
  }

  private written(now: number, end: TransactionEnd, shape: Footprint, tables: TableWrites[], sums: { bytes: number }): void {
    for (const [table, { rows, bytes }] of end.writes) {
      addTable(tables, table, rows, bytes, 0);
      sums.bytes += bytes;
      this.tables.entry(now, table, { name: table }).sums.writes += rows;
    }
    for (const [table, deleted] of end.deletedRows) this.tables.entry(now, table, { name: table }).sums.deletes += deleted;
    for (const name of shape.writeColumns) this.columns.entry(now, name, { name }).sums.writes++;
  }

  partitionedDml(text: string, session: string): ActivePartitionedDml {
    const now = this.now();
    const progress: PartitionedDmlProgress = { text: text.slice(0, MAX_TEXT_CHARS), session, startMicros: now, updateMicros: now, total: 0, complete: 0, trivial: 0, rows: 0 };
    this.partitioned.add(progress);
    return {
      partitions: (total) => {
        progress.total = total;
      },
      partitionDone: (rows) => {
        progress.updateMicros = this.now();
        progress.complete++;
        progress.rows += rows;
        if (rows === 0) progress.trivial++;
      },
      end: () => this.partitioned.delete(progress),
    };
  }

  /** A lock request of a split led here has been granted, or given up, after waiting. */
  lockWaited(start: string, waitMicros: number, samples: readonly LockSample[]): void {
    const { sums, labels } = this.locks.entry(this.now(), start, { start, samples: [] });
    sums.wait += waitMicros;
    labels.samples.push(...samples.slice(0, MAX_LOCK_SAMPLES - labels.samples.length));
  }

  /** Percent of a processor that a split led here has taken since it was last reported. */
  splitLoad(labels: SplitLabels, score: number): void {
    this.splits.entry(this.now(), `${labels.start}\0${labels.limit}`, labels).sums.score += score;
  }
}

/** By shapes that come again and again. */
const keys = new WeakMap<Footprint, string>();

function keyOf(shape: Footprint): string {
  let key = keys.get(shape);
  if (key === undefined) keys.set(shape, (key = `f${shape.readColumns.join(',')};${shape.writeColumns.join(',')};${shape.deleteTables.join(',')}`));
  return key;
}

/** What all statements and writes of a transaction touch, each once. */
function shapeOf(footprints: ReadonlySet<Footprint>): Footprint {
  const [only] = footprints;
  if (footprints.size === 1 && only !== undefined) return only;
  const all = (part: keyof Footprint): string[] => {
    const names = new Set<string>();
    for (const footprint of footprints) for (const name of footprint[part]) if (names.size < MAX_COLUMNS) names.add(name);
    return [...names].sort();
  };
  return { readColumns: all('readColumns'), writeColumns: all('writeColumns'), deleteTables: all('deleteTables') };
}

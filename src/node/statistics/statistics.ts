/**
 * The statistics of all databases at this node, and what the whole cluster has of one: every node keeps its own, in
 * memory, and a query of SPANNER_SYS asks the others. A node that does not answer is left out.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import type { HeldMode, LockOwner, Span } from '../../txn/locks.ts';
import type { OpenDatabase } from '../catalog.ts';
import type { NodeCore } from '../core.ts';
import { databaseNumberOf } from '../keyspace.ts';
import { printKey } from '../split-points.ts';
import type { EntryKind, Finished, IntervalLength, Sums } from './intervals.ts';
import { mergeFinished } from './intervals.ts';
import { COLUMNS, LOCKS, QUERIES, READS, SPLITS, TABLES, TRANSACTIONS } from './kinds.ts';
import { ProcessorShare } from './processor.ts';
import { PROFILES } from './profiles.ts';
import { SplitLoad } from './split-load.ts';
import { mergeSizes, TableSizes, type SizesOfHour } from './table-sizes.ts';
import { DatabaseRecorder, type ActiveQuery, type PartitionedDmlProgress } from './recorder.ts';

const COLLECT = 'stats.collect';
const COLLECT_TIMEOUT_MICROS = 2_000_000;
/** Databases with statistics at one node; the one that was not used for longest is forgotten. */
const MAX_DATABASES = 32;
/** Active statements that one node tells of. */
const MAX_ACTIVE_TOLD = 500;

export const INTERVAL_KINDS = { queries: QUERIES, reads: READS, transactions: TRANSACTIONS, locks: LOCKS, tables: TABLES, columns: COLUMNS, splits: SPLITS, profiles: PROFILES } as const;
export type IntervalKindName = keyof typeof INTERVAL_KINDS;
type LabelsOf<N extends IntervalKindName> = (typeof INTERVAL_KINDS)[N] extends EntryKind<infer L, Sums> ? L : never;
type SumsOf<N extends IntervalKindName> = (typeof INTERVAL_KINDS)[N] extends EntryKind<infer _, infer S> ? S : never;

export interface ActiveStatements {
  /** Oldest first. */
  readonly oldest: readonly ActiveQuery[];
  readonly count: number;
  readonly olderThan1s: number;
  readonly olderThan10s: number;
  readonly olderThan100s: number;
}

export interface StatisticsOptions {
  readonly core: NodeCore;
  readonly nodes: readonly NodeId[];
  readonly isUp: (node: NodeId) => boolean;
  /** Processor time of the process in microseconds; absent when it is not known. */
  readonly processorMicros?: () => number;
  readonly database: (number: number) => OpenDatabase | undefined;
}

export class Statistics {
  private readonly options: StatisticsOptions;
  private readonly processor: ProcessorShare;
  readonly splitLoad: SplitLoad;
  private readonly recorders = new Map<number, DatabaseRecorder>();
  private readonly sizes = new Map<number, TableSizes>();

  constructor(options: StatisticsOptions) {
    this.options = options;
    this.processor = new ProcessorShare(() => this.now(), options.processorMicros);
    this.splitLoad = new SplitLoad(options, (number) => this.of(number));
    const { rpc } = options.core;
    rpc.handleStream(COLLECT, (_, body) => {
      const input = new ByteReader(body);
      return toChunks(this.local(input.varint(), input.string(), input.string() as IntervalLength));
    });
    options.core.lockObserver = (owner, span, mode) => this.lockWaits(owner, span, mode);
  }

  /** What is kept of a database here. */
  of(number: number): DatabaseRecorder {
    let found = this.recorders.get(number);
    if (found === undefined) {
      found = new DatabaseRecorder({ now: () => this.now(), processor: this.processor });
      if (this.recorders.size >= MAX_DATABASES) this.forgetOne();
      this.recorders.set(number, found);
    }
    return found;
  }

  /** Sizes of its tables; they are kept also of databases that nobody uses. */
  sizesOf(number: number): TableSizes {
    let found = this.sizes.get(number);
    if (found === undefined) this.sizes.set(number, (found = new TableSizes()));
    return found;
  }

  /** Forgets the database that was not used for longest. */
  private forgetOne(): void {
    const [oldest] = [...this.recorders].sort(([, a], [, b]) => a.lastUseMicros - b.lastUseMicros);
    if (oldest !== undefined) this.recorders.delete(oldest[0]);
  }

  /** Intervals of the whole cluster, oldest first. */
  async intervals<N extends IntervalKindName>(database: number, name: N, length: IntervalLength): Promise<Finished<LabelsOf<N>, SumsOf<N>>[]> {
    const lists = (await this.collect(database, name, length)) as (readonly Finished<LabelsOf<N>, SumsOf<N>>[])[];
    return mergeFinished(INTERVAL_KINDS[name] as unknown as EntryKind<LabelsOf<N>, SumsOf<N>>, lists);
  }

  async active(database: number): Promise<ActiveStatements> {
    const all = (await this.collect(database, 'active', 'MINUTE')).flat() as ActiveStatements[];
    const sum = (part: 'count' | 'olderThan1s' | 'olderThan10s' | 'olderThan100s'): number => all.reduce((total, each) => total + each[part], 0);
    return {
      oldest: all.flatMap(({ oldest }) => oldest).sort((a, b) => a.startMicros - b.startMicros),
      count: sum('count'),
      olderThan1s: sum('olderThan1s'),
      olderThan10s: sum('olderThan10s'),
      olderThan100s: sum('olderThan100s'),
    };
  }

  async partitionedDml(database: number): Promise<PartitionedDmlProgress[]> {
    const all = (await this.collect(database, 'partitioned', 'MINUTE')).flat() as PartitionedDmlProgress[];
    return all.sort((a, b) => a.startMicros - b.startMicros);
  }

  async tableSizes(database: number): Promise<SizesOfHour[]> {
    return mergeSizes((await this.collect(database, 'sizes', 'HOUR')).flat() as SizesOfHour[]);
  }

  private now(): number {
    return this.options.core.env.clock.interval().latest;
  }

  /** The answers of all nodes that are up; each is a list. */
  private async collect(database: number, what: string, length: IntervalLength): Promise<unknown[][]> {
    const { core, nodes, isUp } = this.options;
    const body = new ByteWriter().varint(database).string(what).string(length).finish();
    return await Promise.all(
      nodes.map(async (node) => {
        if (node === core.self) return this.local(database, what, length) as unknown[];
        if (!isUp(node)) return [];
        const found: unknown[] = [];
        try {
          for await (const chunk of core.rpc.stream(node, COLLECT, body, { timeoutMicros: COLLECT_TIMEOUT_MICROS })) found.push(JSON.parse(Buffer.from(chunk).toString()));
        } catch (error) {
          core.env.log.debug('stats.peerSilent', { node, error: String(error) });
        }
        return found;
      }),
    );
  }

  private local(database: number, what: string, length: IntervalLength): readonly unknown[] {
    if (what === 'sizes') return this.sizes.get(database)?.finished(this.now()) ?? [];
    const recorder = this.recorders.get(database);
    if (recorder === undefined) return [];
    if (what === 'active') return [this.localActive(recorder)];
    if (what === 'partitioned') return [...recorder.partitioned];
    return isIntervalKind(what) ? recorder[what].finished(this.now(), length) : [];
  }

  private localActive(recorder: DatabaseRecorder): ActiveStatements {
    const now = this.now();
    const all = recorder.active.values();
    const older = (seconds: number): number => all.filter(({ startMicros }) => now - startMicros >= seconds * 1_000_000).length;
    return { oldest: all.slice(0, MAX_ACTIVE_TOLD), count: recorder.activeCount, olderThan1s: older(1), olderThan10s: older(10), olderThan100s: older(100) };
  }

  /** A lock request begins to wait at a leader of this node. */
  private lockWaits(_: LockOwner, span: Span, mode: HeldMode): () => void {
    const startMicros = this.options.core.env.clock.monotonicMicros();
    return () => {
      const number = databaseNumberOf(span.from);
      if (number === 0) return;
      const key = printKey(this.options.database(number), span.from);
      const start = span.to === undefined ? key : rangeStart(key);
      const column = `${/^(?:index )?([^(]*)/.exec(key)?.[1] ?? ''}._exists`;
      const sample = { mode: mode === 'exclusive' ? 'Exclusive' : 'ReaderShared', column, tag: '' };
      this.of(number).lockWaited(start, this.options.core.env.clock.monotonicMicros() - startMicros, [sample]);
    };
  }
}

const isIntervalKind = (name: string): name is IntervalKindName => Object.hasOwn(INTERVAL_KINDS, name);

/** `T(1)` as the beginning of a range: `T(1+)`. */
const rangeStart = (key: string): string => (key.endsWith(')') ? `${key.slice(0, -1)}+)` : `${key}+`);

async function* toChunks(values: readonly unknown[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const value of values) {
    await Promise.resolve();
    yield Buffer.from(JSON.stringify(value));
  }
}

/**
 * The load of splits: what this process takes of a processor, shared out over its splits by the calls that each has
 * served. An estimate: a scan counts as much as a point read.
 */
import type { Key } from '../../base/ids.ts';
import { Participant } from '../../txn/participant.ts';
import { databaseNumberOf } from '../keyspace.ts';
import { printKey } from '../split-points.ts';
import { LENGTHS } from './intervals.ts';
import type { DatabaseRecorder } from './recorder.ts';
import type { StatisticsOptions } from './statistics.ts';

const PERCENT = 100;
/** Splits that took less than this are not recorded. */
const LEAST_SCORE = 1;

export class SplitLoad {
  private readonly options: StatisticsOptions;
  private readonly of: (database: number) => DatabaseRecorder;
  private readonly requests = new Map<number, number>();
  private lastMicros = 0;
  private lastProcessor = 0;

  constructor(options: StatisticsOptions, of: (database: number) => DatabaseRecorder) {
    this.options = options;
    this.of = of;
  }

  /** Looks at what has been served since the last time. */
  sample(): void {
    const { core, processorMicros } = this.options;
    if (processorMicros === undefined) return;
    const now = core.env.clock.monotonicMicros();
    const processor = processorMicros();
    const taken = processor - this.lastProcessor;
    const known = this.lastMicros > 0;
    this.lastMicros = now;
    this.lastProcessor = processor;
    const served = [...core.host.all()].flatMap((hosted) => {
      if (!(hosted.application instanceof Participant)) return [];
      const { requests } = hosted.application;
      const since = requests - (this.requests.get(hosted.split) ?? 0);
      this.requests.set(hosted.split, requests);
      return since > 0 ? [{ hosted, since }] : [];
    });
    const total = served.reduce((sum, { since }) => sum + since, 0);
    if (!known || total === 0) return;
    for (const { hosted, since } of served) {
      // Of a minute, since the scores of a minute are added up.
      const score = (PERCENT * taken * since) / total / LENGTHS.MINUTE;
      if (score >= LEAST_SCORE) this.record(hosted.descriptor(), score);
    }
  }

  private record({ from, to }: { readonly from: Key; readonly to: Key }, score: number): void {
    const number = databaseNumberOf(from);
    const database = this.options.database(number);
    if (number === 0 || database === undefined) return;
    const inside = to.startsWith(database.prefix);
    const [start, limit] = [printKey(database, from), inside ? printKey(database, to) : ''];
    const { tables } = database.schema().data;
    const [first] = start.split('(');
    // A split that begins and ends in one table holds no other.
    const only = start !== '' && limit.split('(')[0] === first ? [first ?? ''] : tables.map(({ name }) => name);
    this.of(number).splitLoad({ start: start === '' ? '<begin>' : start, limit: limit === '' ? '<end>' : limit, tables: only }, score);
  }
}

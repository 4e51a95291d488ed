/** The tables of SPANNER_SYS and where their rows come from. Tables that are not here are empty. */
import { findSystemTable } from '../../sql/bind/system-tables.ts';
import type { VirtualTables } from '../../sql/execute/runtime.ts';
import type { SqlValue } from '../../sql/values/value.ts';
import type { Finished, IntervalLength } from './intervals.ts';
import type { ProfileLabels, ProfileSums } from './profiles.ts';
import { columnRow, lockRow, lockTotal, profileRows, queryRow, queryTotal, readRow, readTotal, splitRow, tableRow, topRows, totalRows, transactionRow, transactionTotal, type Fields } from './rows.ts';
import type { Statistics } from './statistics.ts';
import { fingerprint, timestampOf } from './units.ts';

/** Rows of a table that have nothing to do with what is recorded here, by the table's name without its schema. */
export type OtherTables = Readonly<Record<string, () => Promise<readonly Fields[]>>>;

type Source = (statistics: Statistics, database: number) => Promise<readonly Fields[]>;

const MAX_OLDEST = 100;

/** There is one optimizer, which all versions stand for. Source: Spanner, "Query optimizer versions". */
const OPTIMIZER_VERSIONS: readonly (readonly [number, string])[] = [
  [1, '2019-06-18'], [2, '2020-03-01'], [3, '2021-08-01'], [4, '2022-03-01'], [5, '2022-07-15'], [6, '2023-09-11'], [7, '2024-05-22'], [8, '2024-10-28'],
];
const DAY_MILLIS = 86_400_000;

function intervalTables(length: IntervalLength): Readonly<Record<string, Source>> {
  return {
    [`QUERY_STATS_TOP_${length}`]: async (s, d) => topRows(await s.intervals(d, 'queries', length), queryRow),
    [`QUERY_STATS_TOTAL_${length}`]: async (s, d) => totalRows(await s.intervals(d, 'queries', length), queryTotal),
    [`QUERY_PROFILES_TOP_${length}`]: async (s, d) => profileRows(await s.intervals(d, 'profiles', length)),
    [`READ_STATS_TOP_${length}`]: async (s, d) => topRows(await s.intervals(d, 'reads', length), readRow),
    [`READ_STATS_TOTAL_${length}`]: async (s, d) => totalRows(await s.intervals(d, 'reads', length), readTotal),
    [`TXN_STATS_TOP_${length}`]: async (s, d) => topRows(await s.intervals(d, 'transactions', length), transactionRow),
    [`TXN_STATS_TOTAL_${length}`]: async (s, d) => totalRows(await s.intervals(d, 'transactions', length), transactionTotal),
    [`LOCK_STATS_TOP_${length}`]: async (s, d) => topRows(await s.intervals(d, 'locks', length), lockRow),
    [`LOCK_STATS_TOTAL_${length}`]: async (s, d) => totalRows(await s.intervals(d, 'locks', length), lockTotal),
    [`TABLE_OPERATIONS_STATS_${length}`]: async (s, d) => topRows(await s.intervals(d, 'tables', length), tableRow),
    [`COLUMN_OPERATIONS_STATS_${length}`]: async (s, d) => topRows(await s.intervals(d, 'columns', length), columnRow),
  };
}

/** Splits below this score are not shown. Source: Spanner, "Hot split statistics". */
const WARM_SCORE = 50;

const hotSplits: Source = async (statistics, database) => {
  const finished = await statistics.intervals(database, 'splits', 'MINUTE');
  return topRows(finished.map((each) => ({ ...each, entries: each.entries.filter(({ sums }) => sums.score >= WARM_SCORE) })), splitRow);
};

/** The latest advice on each query that was sampled in these hours. */
const recommendations: Source = async (statistics, database) => {
  const found = new Map<string, Fields>();
  const finished: readonly Finished<ProfileLabels, ProfileSums>[] = await statistics.intervals(database, 'profiles', 'MINUTE');
  for (const { endMicros, entries } of finished) {
    for (const { labels } of entries) {
      const advice = labels.samples[0]?.advice ?? '';
      if (advice === '') found.delete(labels.name);
      else found.set(labels.name, { GENERATION_TIME: timestampOf(endMicros), TEXT_FINGERPRINT: fingerprint(labels.name), QUERY_RECOMMENDATIONS: advice });
    }
  }
  return [...found.values()];
};

/** All data lies in the one locality group that there is, on what counts as the faster kind of storage. */
const tableSizes: Source = async (statistics, database) =>
  (await statistics.tableSizes(database)).flatMap(({ endMicros, bytes }) =>
    bytes.map(([name, size]) => ({ INTERVAL_END: timestampOf(endMicros), TABLE_NAME: name, LOCALITY_GROUP: 'default', USED_BYTES: size, USED_SSD_BYTES: size, USED_HDD_BYTES: 0 })),
  );

const SOURCES: Readonly<Record<string, Source>> = {
  ...intervalTables('MINUTE'),
  ...intervalTables('10MINUTE'),
  ...intervalTables('HOUR'),
  TABLE_SIZES_STATS_1HOUR: tableSizes,
  TABLE_SIZES_STATS_PER_LOCALITY_GROUP_1HOUR: tableSizes,
  QUERY_RECOMMENDATIONS: recommendations,
  SPLIT_STATS_TOP_MINUTE: hotSplits,
  SPLIT_HOTNESS_STATS_TOP_MINUTE: hotSplits,
  OLDEST_ACTIVE_QUERIES: async (s, d) =>
    (await s.active(d)).oldest.slice(0, MAX_OLDEST).map(({ startMicros, text, truncated, session, id }) => ({
      START_TIME: timestampOf(startMicros),
      TEXT_FINGERPRINT: fingerprint(text),
      TEXT: text,
      TEXT_TRUNCATED: truncated,
      SESSION_ID: sessionId(session),
      QUERY_ID: String(id),
    })),
  ACTIVE_QUERIES_SUMMARY: async (s, d) => {
    const { oldest, count, olderThan1s, olderThan10s, olderThan100s } = await s.active(d);
    const first = oldest[0];
    return [{ ACTIVE_COUNT: count, OLDEST_START_TIME: first === undefined ? null : timestampOf(first.startMicros), COUNT_OLDER_THAN_1S: olderThan1s, COUNT_OLDER_THAN_10S: olderThan10s, COUNT_OLDER_THAN_100S: olderThan100s }];
  },
  ACTIVE_PARTITIONED_DMLS: async (s, d) =>
    (await s.partitionedDml(d)).map((run) => ({
      TEXT: run.text,
      TEXT_FINGERPRINT: String(fingerprint(run.text)),
      SESSION_ID: sessionId(run.session),
      NUM_PARTITIONS_TOTAL: run.total,
      NUM_PARTITIONS_COMPLETE: run.complete,
      NUM_TRIVIAL_PARTITIONS_COMPLETE: run.trivial,
      PROGRESS: `${(run.total === 0 ? 0 : (100 * run.complete) / run.total).toFixed(2)}%`,
      ROWS_PROCESSED: run.rows,
      START_TIMESTAMP: timestampOf(run.startMicros),
      LAST_UPDATE_TIMESTAMP: timestampOf(run.updateMicros),
    })),
  SUPPORTED_OPTIMIZER_VERSIONS: () =>
    Promise.resolve(OPTIMIZER_VERSIONS.map(([version, date]) => ({ VERSION: version, RELEASE_DATE: Date.parse(date) / DAY_MILLIS, IS_DEFAULT: version === OPTIMIZER_VERSIONS.length }))),
};

export const LATEST_OPTIMIZER_VERSION = OPTIMIZER_VERSIONS.length;

const sessionId = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Rows of SPANNER_SYS for one database, in the order of the tables' columns. */
export function spannerSys(statistics: Statistics, database: number, others: OtherTables): VirtualTables {
  return async (name) => {
    const table = findSystemTable(name.split('.'));
    const short = name.slice(name.indexOf('.') + 1).toUpperCase();
    if (table === undefined) return [];
    const rows = (await others[short]?.()) ?? (await SOURCES[short]?.(statistics, database)) ?? [];
    return rows.map((fields) => table.columns.map((column): SqlValue => fields[column.name] ?? null));
  };
}

/** Entries as rows of SPANNER_SYS, by the names of their columns. What cannot be known here is NULL. */
import type { SqlValue } from '../../sql/values/value.ts';
import { distribution } from './histogram.ts';
import type { Entry, Finished } from './intervals.ts';
import type {
  ColumnSums, LockLabels, LockSums, NameLabels, QueryLabels, QuerySums, ReadLabels, ReadSums, SplitLabels, SplitSums, TableSums, TransactionLabels, TransactionSums,
} from './kinds.ts';
import type { ProfileLabels, ProfileSums } from './profiles.ts';
import { average, fingerprint, seconds, timestampOf } from './units.ts';

export type Fields = Readonly<Record<string, SqlValue>>;

/** One row for each entry of each interval, latest interval first. */
export const topRows = <L, S extends Record<string, number>>(finished: readonly Finished<L, S>[], row: (entry: Entry<L, S>) => Fields): Fields[] =>
  [...finished].reverse().flatMap(({ endMicros, entries }) => entries.map((entry) => ({ INTERVAL_END: timestampOf(endMicros), ...row(entry) })));

/** One row for each interval, latest first. */
export const totalRows = <L, S extends Record<string, number>>(finished: readonly Finished<L, S>[], row: (total: Entry<L, S>) => Fields): Fields[] =>
  [...finished].reverse().map(({ endMicros, total }) => ({ INTERVAL_END: timestampOf(endMicros), ...row(total) }));

export function queryTotal({ sums, histogram }: Entry<QueryLabels, QuerySums>): Fields {
  const succeeded = sums.count - sums.failed;
  return {
    EXECUTION_COUNT: sums.count,
    AVG_LATENCY_SECONDS: seconds(average(sums.latency, succeeded)),
    AVG_ROWS: average(sums.rows, succeeded),
    AVG_BYTES: average(sums.bytes, succeeded),
    AVG_ROWS_SCANNED: average(sums.rowsScanned, succeeded),
    AVG_CPU_SECONDS: seconds(average(sums.processor, sums.count)),
    CANCELLED_OR_DISCONNECTED_EXECUTION_COUNT: sums.cancelled,
    TIMED_OUT_EXECUTION_COUNT: sums.timedOut,
    ALL_FAILED_EXECUTION_COUNT: sums.failed,
    ALL_FAILED_AVG_LATENCY_SECONDS: seconds(average(sums.failedLatency, sums.failed)),
    AVG_ROWS_WRITTEN: average(sums.rowsWritten, succeeded),
    LATENCY_DISTRIBUTION: distribution(histogram, sums.latency, sums.latencySquares),
    RUN_IN_RW_TRANSACTION_EXECUTION_COUNT: sums.inReadWrite,
    AVG_QUERY_PLAN_CREATION_TIME_SECS: seconds(average(sums.planning, succeeded)),
  };
}

export const queryRow = (entry: Entry<QueryLabels, QuerySums>): Fields => ({
  ...queryTotal(entry),
  TEXT: entry.labels.text,
  TEXT_TRUNCATED: entry.labels.truncated,
  TEXT_FINGERPRINT: fingerprint(entry.labels.tag === '' ? entry.labels.text : entry.labels.tag),
  REQUEST_TAG: entry.labels.tag,
  QUERY_TYPE: entry.labels.type,
  STATEMENT_COUNT: entry.sums.statements,
});

export const readTotal = ({ sums }: Entry<ReadLabels, ReadSums>): Fields => ({
  EXECUTION_COUNT: sums.count,
  AVG_ROWS: average(sums.rows, sums.count),
  AVG_BYTES: average(sums.bytes, sums.count),
  AVG_CPU_SECONDS: seconds(average(sums.processor, sums.count)),
  AVG_CLIENT_WAIT_SECONDS: seconds(average(sums.clientWait, sums.count)),
  RUN_IN_RW_TRANSACTION_EXECUTION_COUNT: sums.inReadWrite,
});

export const readRow = (entry: Entry<ReadLabels, ReadSums>): Fields => ({
  ...readTotal(entry),
  READ_COLUMNS: entry.labels.columns,
  FPRINT: fingerprint(entry.labels.columns.join(',')),
  REQUEST_TAG: entry.labels.tag,
  READ_TYPE: entry.labels.type,
});

export function transactionTotal({ sums, labels, histogram }: Entry<TransactionLabels, TransactionSums>): Fields {
  return {
    COMMIT_ATTEMPT_COUNT: sums.commitAttempts,
    COMMIT_FAILED_PRECONDITION_COUNT: sums.failedPrecondition,
    COMMIT_ABORT_COUNT: sums.aborts,
    AVG_PARTICIPANTS: average(sums.participants, sums.commitAttempts),
    AVG_TOTAL_LATENCY_SECONDS: seconds(average(sums.latency, sums.commitAttempts)),
    AVG_COMMIT_LATENCY_SECONDS: seconds(average(sums.commitLatency, sums.commitAttempts)),
    AVG_BYTES: average(sums.bytes, sums.commitAttempts),
    COMMIT_RETRY_COUNT: sums.retries,
    OPERATIONS_BY_TABLE: labels.tables.map(({ table, rows, bytes }) => [table, rows, bytes]),
    TOTAL_LATENCY_DISTRIBUTION: distribution(histogram, sums.latency, sums.latencySquares),
    ATTEMPT_COUNT: sums.attempts,
    SERIALIZABLE_PESSIMISTIC_TXN_COUNT: sums.serializable,
    REPEATABLE_READ_OPTIMISTIC_TXN_COUNT: sums.repeatableRead,
  };
}

export const transactionRow = (entry: Entry<TransactionLabels, TransactionSums>): Fields => ({
  ...transactionTotal(entry),
  FPRINT: fingerprint(entry.labels.tag === '' ? entry.key : entry.labels.tag),
  READ_COLUMNS: entry.labels.readColumns,
  WRITE_CONSTRUCTIVE_COLUMNS: entry.labels.writeColumns,
  WRITE_DELETE_TABLES: entry.labels.deleteTables,
  TRANSACTION_TAG: entry.labels.tag,
});

export const lockTotal = ({ sums }: Entry<LockLabels, LockSums>): Fields => ({ TOTAL_LOCK_WAIT_SECONDS: seconds(sums.wait) });

export const lockRow = ({ labels, sums }: Entry<LockLabels, LockSums>): Fields => ({
  ROW_RANGE_START_KEY: Buffer.from(labels.start),
  LOCK_WAIT_SECONDS: seconds(sums.wait),
  SAMPLE_LOCK_REQUESTS: labels.samples.map(({ column, mode, tag }) => [column, mode, tag]),
});

export const tableRow = ({ labels, sums }: Entry<NameLabels, TableSums>): Fields => ({
  TABLE_NAME: labels.name,
  READ_QUERY_COUNT: sums.reads,
  WRITE_COUNT: sums.writes,
  DELETE_COUNT: sums.deletes,
});

export function columnRow({ labels, sums }: Entry<NameLabels, ColumnSums>): Fields {
  const dot = labels.name.lastIndexOf('.');
  return {
    TABLE_NAME: labels.name.slice(0, dot),
    COLUMN_NAME: labels.name.slice(dot + 1),
    QUERY_COUNT: sums.queries,
    READ_COUNT: sums.reads,
    WRITE_COUNT: sums.writes,
    IS_QUERY_CACHE_MEMORY_CAPPED: false,
  };
}

export const splitRow = ({ labels, sums }: Entry<SplitLabels, SplitSums>): Fields => ({
  SPLIT_START: labels.start,
  SPLIT_LIMIT: labels.limit,
  AFFECTED_TABLES: labels.tables,
  CPU_USAGE_SCORE: Math.min(100, Math.round(sums.score)),
  HOTNESS: Math.min(100, Math.round(sums.score)),
});

/** A row for each sample, latest interval first. */
export const profileRows = (finished: readonly Finished<ProfileLabels, ProfileSums>[]): Fields[] =>
  [...finished].reverse().flatMap(({ endMicros, entries }) =>
    entries.flatMap(({ labels }) =>
      labels.samples.map(({ latencyMicros, profile }) => ({ INTERVAL_END: timestampOf(endMicros), TEXT_FINGERPRINT: fingerprint(labels.name), LATENCY_SECONDS: seconds(latencyMicros), QUERY_PROFILE: profile })),
    ),
  );

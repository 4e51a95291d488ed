/**
 * Rows out of a stream of PartialResultSets: values cut between two messages are put together, and a stream that breaks
 * because its node died goes on at another from the last resume token. Messages after the latest token are held back until
 * the next, so that no row is seen twice; a server that sends none for long makes the stream not resumable.
 * Source: google.spanner.v1.PartialResultSet (result_set.proto).
 */
import { Patience } from './channel.ts';
import { decodeValue, type SqlValue } from './values.ts';
import type { Fields, WireField, WireMetadata, WirePartialResultSet, WireStats, WireValue } from './wire.ts';

export type Row = readonly SqlValue[];

/** A batch of rows. The first has the columns, the last the statistics. */
export interface Batch {
  readonly columns: readonly WireField[];
  readonly rows: readonly Row[];
  readonly metadata: WireMetadata | undefined;
  readonly stats: WireStats | undefined;
}

/** Messages held back at most, waiting for a token. */
const HELD_MAX = 16;

/** Starts the call, from a token when there is one. */
export type StartStream = (resumeToken: Uint8Array | undefined) => AsyncIterable<Fields>;

/** The messages of the call, each once, whatever happens to nodes. `onMessage` sees each as it arrives. */
export async function* resumed(start: StartStream, signal: AbortSignal | undefined, onMessage: (message: WirePartialResultSet) => void): AsyncGenerator<WirePartialResultSet, void, undefined> {
  let token: Uint8Array | undefined;
  let resumable = true;
  for (let patience = new Patience(); ; ) {
    const held: WirePartialResultSet[] = [];
    try {
      for await (const fields of start(token)) {
        const message = fields as unknown as WirePartialResultSet;
        onMessage(message);
        held.push(message);
        if (message.resumeToken.length > 0) {
          token = message.resumeToken;
          resumable = true;
          patience = new Patience();
        } else if (held.length < HELD_MAX) continue;
        else resumable = false;
        yield* held.splice(0);
      }
      yield* held;
      return;
    } catch (error) {
      if (!resumable) throw error;
      await patience.wait(error, signal);
    }
  }
}

export async function* batches(messages: AsyncIterable<WirePartialResultSet>): AsyncGenerator<Batch, void, undefined> {
  let columns: readonly WireField[] = [];
  /** Values of the row that is not complete yet. */
  let open: SqlValue[] = [];
  /** The first part of a value that goes on in the next message. */
  let chunk: WireValue | undefined;
  for await (const message of messages) {
    columns = message.metadata?.rowType?.fields ?? columns;
    const values = [...message.values];
    if (chunk !== undefined && values.length > 0) values[0] = mergeChunks(chunk, values[0]);
    chunk = message.chunkedValue ? values.pop() : undefined;
    const rows: Row[] = [];
    for (const value of values) {
      const column = columns[open.length];
      open.push(column === undefined ? null : decodeValue(value, column.type));
      if (open.length < columns.length) continue;
      rows.push(open);
      open = [];
    }
    yield { columns, rows, metadata: message.metadata ?? undefined, stats: message.stats ?? undefined };
  }
}

/** Strings are joined; lists too, and their two neighbouring ends merged, when these can be. */
export function mergeChunks(first: WireValue, second: WireValue | undefined): WireValue {
  if (second === undefined) return first;
  if ('stringValue' in first && 'stringValue' in second) return { stringValue: first.stringValue + second.stringValue };
  if (!('listValue' in first && 'listValue' in second)) return second;
  const before = first.listValue.values;
  const after = second.listValue.values;
  const last = before.at(-1);
  const next = after[0];
  if (last === undefined || next === undefined || !isMergeable(last, next)) return { listValue: { values: [...before, ...after] } };
  return { listValue: { values: [...before.slice(0, -1), mergeChunks(last, next), ...after.slice(1)] } };
}

const isMergeable = (a: WireValue, b: WireValue): boolean => ('stringValue' in a && 'stringValue' in b) || ('listValue' in a && 'listValue' in b);

/** A whole answer in memory. */
export class QueryResult {
  readonly columns: readonly WireField[];
  readonly rows: readonly Row[];
  /** Rows that a DML statement changed; undefined for a query. */
  readonly rowCount: bigint | undefined;
  readonly stats: WireStats | undefined;

  constructor(columns: readonly WireField[], rows: readonly Row[], stats: WireStats | undefined) {
    this.columns = columns;
    this.rows = rows;
    this.stats = stats;
    this.rowCount = rowCountOf(stats);
  }

  /** Rows by column name; of columns with the same name the last. */
  objects(): Record<string, SqlValue>[] {
    return this.rows.map((row) => Object.fromEntries(this.columns.map((column, i) => [column.name, row[i] ?? null])));
  }
}

export function rowCountOf(stats: WireStats | undefined): bigint | undefined {
  const count = stats?.rowCount === 'rowCountExact' ? stats.rowCountExact : stats?.rowCount === 'rowCountLowerBound' ? stats.rowCountLowerBound : undefined;
  return count === undefined ? undefined : BigInt(count);
}

export async function collect(stream: AsyncIterable<Batch>): Promise<QueryResult> {
  let columns: readonly WireField[] = [];
  let stats: WireStats | undefined;
  const rows: Row[] = [];
  for await (const batch of stream) {
    columns = batch.columns;
    stats = batch.stats ?? stats;
    for (const row of batch.rows) rows.push(row);
  }
  return new QueryResult(columns, rows, stats);
}

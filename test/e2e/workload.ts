/**
 * Writers that remember what they were told. Every transaction has a key of its own, and half of them count in a counter
 * as well, so that afterwards the database can be compared with the writers' memory:
 *
 * 1. what was acknowledged is there;
 * 2. what is there was acknowledged, or its outcome was not told (the call failed);
 * 3. a writer's counter equals the number of its rows: nothing happened by halves, and nothing twice;
 * 4. no fresh key was ever refused as a duplicate, which is how a commit that was applied twice shows.
 */
import type { Database } from '@google-cloud/spanner';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './clients.ts';

export const WORKLOAD_SCHEMA = [
  'CREATE TABLE Events (Writer INT64 NOT NULL, N INT64 NOT NULL, Note STRING(MAX)) PRIMARY KEY (Writer, N)',
  'CREATE INDEX EventsByN ON Events (N)',
  'CREATE TABLE Counters (Writer INT64 NOT NULL, Value INT64 NOT NULL) PRIMARY KEY (Writer)',
];

const ALREADY_EXISTS = 6;
const PAUSE_AFTER_ERROR_MILLIS = 20;
/** Writers with an even number insert by mutations; the others also count, in a transaction that reads. */
const counts = (writer: number): boolean => writer % 2 === 1;

export interface CommitGap {
  readonly millis: number;
  /** When it began, milliseconds after the start of the writers. */
  readonly atMillis: number;
}

export class Workload {
  readonly #database: Database;
  readonly #acknowledged: Set<number>[];
  readonly #unknown: Set<number>[];
  readonly #commitMillis: number[] = [];
  readonly errors = new Map<string, number>();
  readonly duplicates: string[] = [];
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();
  #startedAt = 0;

  constructor(database: Database, writers: number) {
    this.#database = database;
    this.#acknowledged = Array.from({ length: writers }, () => new Set());
    this.#unknown = Array.from({ length: writers }, () => new Set());
  }

  async start(): Promise<void> {
    await this.#database.table('Counters').insert(this.#acknowledged.map((_, writer) => ({ Writer: writer, Value: 0 })));
    this.#startedAt = performance.now();
    this.#running = Promise.all(this.#acknowledged.map((_, writer) => this.#write(writer)));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** Acknowledged commits so far. */
  get commits(): number {
    return this.#commitMillis.length;
  }

  /** The longest time without an acknowledged commit, from the start until now. */
  longestGap(): CommitGap {
    let longest: CommitGap = { millis: 0, atMillis: 0 };
    let previous = 0;
    for (const at of [...this.#commitMillis, performance.now() - this.#startedAt]) {
      if (at - previous > longest.millis) longest = { millis: at - previous, atMillis: previous };
      previous = at;
    }
    return longest;
  }

  async #write(writer: number): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      try {
        await (counts(writer) ? this.#insertAndCount(writer, n) : this.#database.table('Events').insert({ Writer: writer, N: n, Note: `${String(writer)}-${String(n)}` }));
        this.#acknowledged[writer]?.add(n);
        this.#commitMillis.push(performance.now() - this.#startedAt);
      } catch (error) {
        this.#unknown[writer]?.add(n);
        const text = `${String(codeOf(error))} ${error instanceof Error ? error.message.slice(0, 160) : String(error)}`;
        this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
        if (codeOf(error) === ALREADY_EXISTS) this.duplicates.push(`${String(writer)}-${String(n)}: ${text}`);
        await sleep(PAUSE_AFTER_ERROR_MILLIS);
      }
    }
  }

  async #insertAndCount(writer: number, n: number): Promise<void> {
    await this.#database.runTransactionAsync(async (transaction) => {
      const [rows] = await transaction.run({ sql: 'SELECT Value FROM Counters WHERE Writer = @writer', params: { writer }, json: true });
      const { Value: value } = rows[0] as { Value: number };
      await transaction.runUpdate({ sql: 'UPDATE Counters SET Value = @value WHERE Writer = @writer', params: { value: value + 1, writer } });
      transaction.insert('Events', { Writer: writer, N: n, Note: null });
      await transaction.commit();
    });
  }

  /** Compares the database with what the writers remember; the violations found, empty when all is well. */
  async violations(): Promise<readonly string[]> {
    const [events] = await this.#database.run({ sql: 'SELECT Writer, N FROM Events', json: true });
    const [indexed] = await this.#database.run({ sql: 'SELECT Writer, N FROM Events@{FORCE_INDEX=EventsByN}', json: true });
    const [counters] = await this.#database.run({ sql: 'SELECT Writer, Value FROM Counters ORDER BY Writer', json: true });
    const stored = this.#acknowledged.map(() => new Set<number>());
    for (const { Writer, N } of events as { Writer: number; N: number }[]) stored[Writer]?.add(N);
    const found: string[] = this.duplicates.map((text) => `a fresh key was refused as a duplicate: ${text}`);
    if (events.length !== stored.reduce((sum, each) => sum + each.size, 0)) found.push('a key occurs twice in the table');
    if (indexed.length !== events.length) found.push(`the index has ${String(indexed.length)} entries for ${String(events.length)} rows`);
    this.#acknowledged.forEach((acknowledged, writer) => {
      const have = stored[writer] ?? new Set();
      for (const n of acknowledged) if (!have.has(n)) found.push(`acknowledged and lost: writer ${String(writer)}, ${String(n)}`);
      for (const n of have) if (!acknowledged.has(n) && this.#unknown[writer]?.has(n) !== true) found.push(`there and never written: writer ${String(writer)}, ${String(n)}`);
      const { Value: value = Number.NaN } = (counters[writer] ?? {}) as { Value?: number };
      const expected = counts(writer) ? have.size : 0;
      if (value !== expected) found.push(`writer ${String(writer)} counted ${String(value)} and has ${String(expected)} rows`);
    });
    return found;
  }
}

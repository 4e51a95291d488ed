/**
 * Clients of the official library that write down what they did and were told: lists that are appended to, and money that
 * moves between accounts. Afterwards the checkers of test/check, which know nothing of Trestle, judge the histories.
 *
 * Every attempt of a transaction is a transaction of its own in the history: one that was answered ABORTED has failed, one
 * whose Commit was not answered may have happened.
 */
import type { Database, Transaction } from '@google-cloud/spanner';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAppend, type AppendOp, type AppendTxn } from '../check/append.ts';
import { checkBank, type BankRead } from '../check/sums.ts';
import { describe, type Verdict } from '../check/verdict.ts';
import { codeOf } from './clients.ts';

export const HISTORY_SCHEMA = [
  'CREATE TABLE Lists (Id INT64 NOT NULL, Items ARRAY<INT64>) PRIMARY KEY (Id)',
  'CREATE TABLE Accounts (Id INT64 NOT NULL, Balance INT64 NOT NULL) PRIMARY KEY (Id)',
  'CREATE INDEX AccountsByBalance ON Accounts (Balance)',
];

/** Where the tables are cut, so that most transactions touch several splits. */
export const HISTORY_SPLITS: readonly (readonly [table: string, key: string])[] = [
  ['Lists', '100'],
  ['Lists', '200'],
  ['Accounts', '8'],
];

const ACCOUNTS = 16;
const BALANCE = 100;
/** Lists that are in use at a time, and their ids: far enough apart to lie in all splits. */
const LISTS = 8;
const LIST_STEP = 37;
const LIST_IDS = 300;
/** After so many transactions the oldest list is left alone, so that lists stay short. */
const MOVE_ON_AFTER = 40;
const ABORTED = 10;
const PAUSE_AFTER_ERROR_MILLIS = 20;
const STALENESS_MILLIS = 2_000;

const microsNow = (): number => Math.round(performance.now() * 1_000);

const microsOf = (time: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined): number | undefined =>
  time?.seconds === undefined || time.seconds === null ? undefined : Number(time.seconds) * 1_000_000 + Math.floor((time.nanos ?? 0) / 1_000);

/** What the history needs to know of an attempt that went wrong. */
interface Progress {
  committing: boolean;
}

export class Histories {
  readonly errors = new Map<string, number>();
  readonly counts = { ok: 0, fail: 0, unknown: 0, reads: 0 };
  readonly #database: Database;
  readonly #append: AppendTxn[] = [];
  readonly #bank: BankRead[] = [];
  #nextId = 1;
  #nextValue = 1;
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(database: Database) {
    this.#database = database;
  }

  async start(clients: number): Promise<void> {
    await this.#database.table('Accounts').insert(Array.from({ length: ACCOUNTS }, (_, i) => ({ Id: i, Balance: BALANCE })));
    // Reads in the past find the tables there: what fails from here on is no fault of the workload.
    await sleep(STALENESS_MILLIS);
    const loops = [() => this.#appendOnce(), () => this.#transfer(), () => this.#readLists(), () => this.#audit()];
    // Twice as many writers as readers.
    const order = [0, 1, 0, 1, 2, 3];
    this.#running = Promise.all(Array.from({ length: clients }, (_, i) => this.#loop(loops[order[i % order.length] ?? 0] as () => Promise<void>)));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** What the checkers say; empty when all is well. */
  violations(): readonly string[] {
    const verdicts: readonly (readonly [string, Verdict])[] = [
      ['append', checkAppend(this.#append)],
      ['bank', checkBank(this.#bank, ACCOUNTS, ACCOUNTS * BALANCE)],
    ];
    return verdicts.flatMap(([name, verdict]) => {
      const problem = describe(verdict);
      return problem === undefined ? [] : [`${name}: ${problem}`];
    });
  }

  /** Everything once more, when nothing disturbs any longer. */
  async readAll(): Promise<void> {
    await this.#snapshotOfLists(Array.from({ length: LIST_IDS }, (_, i) => i), { strong: true });
    await this.#audit();
  }

  async #loop(once: () => Promise<void>): Promise<void> {
    while (!this.#stopping) {
      try {
        await once();
      } catch (error) {
        const text = `${String(codeOf(error))} ${error instanceof Error ? error.message.slice(0, 120) : String(error)}`;
        this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
        await sleep(PAUSE_AFTER_ERROR_MILLIS);
      }
    }
  }

  #drawLists(count: number): number[] {
    const base = Math.floor(this.#nextId / MOVE_ON_AFTER);
    return [...new Set(Array.from({ length: count }, () => ((base + Math.floor(Math.random() * LISTS)) * LIST_STEP) % LIST_IDS))];
  }

  /** Reads some lists and appends to most of them, in one or two rounds. */
  async #appendOnce(): Promise<void> {
    const rounds = [this.#drawLists(1 + Math.floor(Math.random() * 3)), ...(Math.random() < 0.3 ? [this.#drawLists(1)] : [])];
    await this.#update((ops) => async (transaction) => {
      for (const lists of rounds) {
        const known = await readItems(transaction, lists);
        for (const [list, values] of known) ops.push({ kind: 'read', key: String(list), values });
        const rows = [...known].filter(() => Math.random() < 0.8).map(([list, values]) => {
          const value = this.#nextValue++;
          ops.push({ kind: 'append', key: String(list), value });
          return { list, items: [...values, value] };
        });
        if (rows.length === 0) continue;
        await transaction.batchUpdate(rows.map(({ list, items }) => ({ sql: 'INSERT OR UPDATE INTO Lists (Id, Items) VALUES (@list, @items)', params: { list, items }, types: { list: 'int64', items: { type: 'array', child: 'int64' } } })));
      }
    });
  }

  /** Runs a transaction with the library's own repetitions; each attempt goes into the history. */
  async #update(body: (ops: AppendOp[]) => (transaction: Transaction) => Promise<void>): Promise<void> {
    let current: { readonly ops: AppendOp[]; readonly start: number; readonly progress: Progress } | undefined;
    const ended = (outcome: 'ok' | 'fail' | 'unknown', timestamp?: number): void => {
      if (current === undefined) return;
      const { ops, start } = current;
      current = undefined;
      this.counts[outcome]++;
      this.#append.push({ id: this.#nextId++, kind: 'update', outcome, start, end: outcome === 'unknown' ? Infinity : microsNow(), timestamp, ops });
    };
    try {
      await this.#database.runTransactionAsync(async (transaction) => {
        ended('fail'); // The attempt before was answered ABORTED.
        const attempt = { ops: [] as AppendOp[], start: microsNow(), progress: { committing: false } };
        current = attempt;
        await body(attempt.ops)(transaction);
        attempt.progress.committing = true;
        const [response] = await transaction.commit();
        ended('ok', microsOf(response.commitTimestamp));
      });
    } catch (error) {
      ended(codeOf(error) === ABORTED || current?.progress.committing !== true ? 'fail' : 'unknown');
      throw error;
    }
  }

  async #readLists(): Promise<void> {
    const lists = this.#drawLists(4);
    const stale = Math.random() < 0.5;
    await this.#snapshotOfLists(lists, stale ? { exactStaleness: Math.floor(1 + Math.random() * STALENESS_MILLIS) } : { strong: true });
  }

  async #snapshotOfLists(lists: readonly number[], bounds: { readonly strong: true } | { readonly exactStaleness: number }): Promise<void> {
    const start = microsNow();
    const [snapshot] = await this.#database.getSnapshot({ ...bounds, returnReadTimestamp: true });
    try {
      // Two reads of one snapshot: they must agree.
      const half = Math.ceil(lists.length / 2);
      const known = [...(await readItems(snapshot, lists.slice(0, half))), ...(await readItems(snapshot, lists))];
      const ops = known.map(([list, values]): AppendOp => ({ kind: 'read', key: String(list), values }));
      const timestamp = microsOf(snapshot.readTimestampProto);
      this.counts.reads++;
      this.#append.push({ id: this.#nextId++, kind: 'strong' in bounds ? 'strong' : 'stale', outcome: 'ok', start, end: microsNow(), timestamp, ops });
    } finally {
      snapshot.end();
    }
  }

  async #transfer(): Promise<void> {
    const from = Math.floor(Math.random() * ACCOUNTS);
    const to = (from + 1 + Math.floor(Math.random() * (ACCOUNTS - 1))) % ACCOUNTS;
    const amount = 1 + Math.floor(Math.random() * 10);
    await this.#database.runTransactionAsync(async (transaction) => {
      await transaction.batchUpdate([
        { sql: 'UPDATE Accounts SET Balance = Balance - @amount WHERE Id = @from', params: { amount, from } },
        { sql: 'UPDATE Accounts SET Balance = Balance + @amount WHERE Id = @to', params: { amount, to } },
      ]);
      await transaction.commit();
    });
    this.counts.ok++;
  }

  /** All balances, of the table or of its index, now or a little in the past. */
  async #audit(): Promise<void> {
    const bounds = Math.random() < 0.5 ? { strong: true } : { exactStaleness: Math.floor(1 + Math.random() * 1_000) };
    const table = Math.random() < 0.5 ? 'Accounts' : 'Accounts@{FORCE_INDEX=AccountsByBalance}';
    const [rows] = await this.#database.run({ sql: `SELECT Id, Balance FROM ${table}`, json: true }, bounds);
    const byId = new Map((rows as { Id: number; Balance: number }[]).map(({ Id, Balance }) => [Id, Balance]));
    // A read in the past may see the time before the accounts were there.
    if (byId.size === 0 && 'exactStaleness' in bounds) return;
    this.counts.reads++;
    this.#bank.push({ id: this.#nextId++, balances: Array.from({ length: ACCOUNTS }, (_, i) => byId.get(i)) });
  }
}

async function readItems(reader: Pick<Transaction, 'run'>, lists: readonly number[]): Promise<Map<number, number[]>> {
  const [rows] = await reader.run({ sql: 'SELECT Id, Items FROM Lists WHERE Id IN UNNEST(@lists)', params: { lists }, types: { lists: { type: 'array', child: 'int64' } }, json: true });
  const found = new Map((rows as { Id: number; Items: number[] }[]).map(({ Id, Items }) => [Id, Items]));
  return new Map(lists.map((list) => [list, found.get(list) ?? []]));
}

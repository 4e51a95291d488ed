/**
 * The transfer workload: clients move money between accounts drawn at random, each transfer two reads and two updates in
 * one transaction, while readers add everything up. How throughput grows with the clients, whether anybody starves, and
 * whether a total is ever wrong.
 */
import type { Database } from '@google-cloud/spanner';
import { codeOf } from './clients.ts';

export const TRANSFER_SCHEMA = ['CREATE TABLE Purses (Id INT64 NOT NULL, Amount INT64 NOT NULL) PRIMARY KEY (Id)'];

const AMOUNT = 1_000;
const ROWS_PER_INSERT = 5_000;
const AUDIT_PAUSE_MILLIS = 50;

export interface TransferResult {
  readonly clients: number;
  readonly perSecond: number;
  /** Transfers of the slowest client, as a share of the median client's. */
  readonly slowestShare: number;
  /** Calls that failed for good. */
  readonly failures: readonly string[];
  readonly snapshots: number;
  /** Totals that were not the one total. */
  readonly wrongTotals: readonly number[];
}

export async function fillPurses(database: Database, purses: number): Promise<void> {
  for (let from = 0; from < purses; from += ROWS_PER_INSERT) {
    await database.table('Purses').insert(Array.from({ length: Math.min(ROWS_PER_INSERT, purses - from) }, (_, i) => ({ Id: from + i, Amount: AMOUNT })));
  }
}

async function transfer(database: Database, purses: number): Promise<void> {
  const from = Math.floor(Math.random() * purses);
  const to = (from + 1 + Math.floor(Math.random() * (purses - 1))) % purses;
  await database.runTransactionAsync(async (transaction) => {
    const amounts = new Map<number, number>();
    for (const id of [from, to]) {
      const [rows] = await transaction.run({ sql: 'SELECT Amount FROM Purses WHERE Id = @id', params: { id }, json: true });
      amounts.set(id, (rows[0] as { Amount: number }).Amount);
    }
    const update = (id: number, by: number): Promise<unknown> => transaction.runUpdate({ sql: 'UPDATE Purses SET Amount = @amount WHERE Id = @id', params: { id, amount: (amounts.get(id) ?? 0) + by } });
    await update(from, -1);
    await update(to, 1);
    await transaction.commit();
  });
}

/** Runs `clients` of them for a while, against `purses` rows that are there. */
export async function runTransfers(database: Database, purses: number, clients: number, millis: number): Promise<TransferResult> {
  const done = Array.from({ length: clients }, () => 0);
  const failures: string[] = [];
  const wrongTotals: number[] = [];
  let snapshots = 0;
  const begun = performance.now();
  const running = (): boolean => performance.now() - begun < millis;
  const client = async (i: number): Promise<void> => {
    while (running()) {
      try {
        await transfer(database, purses);
        done[i] = (done[i] ?? 0) + 1;
      } catch (error) {
        failures.push(`${String(codeOf(error))} ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  const audit = async (): Promise<void> => {
    do {
      const [rows] = await database.run({ sql: 'SELECT SUM(Amount) AS Total FROM Purses', json: true });
      const { Total: total } = rows[0] as { Total: number };
      snapshots++;
      if (total !== purses * AMOUNT) wrongTotals.push(total);
      await new Promise((resolve) => setTimeout(resolve, AUDIT_PAUSE_MILLIS));
    } while (running());
  };
  await Promise.all([audit(), ...done.map((_, i) => client(i))]);
  const seconds = (performance.now() - begun) / 1_000;
  const sorted = [...done].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return { clients, perSecond: done.reduce((sum, n) => sum + n, 0) / seconds, slowestShare: median === 0 ? 0 : (sorted[0] ?? 0) / median, failures, snapshots, wrongTotals };
}

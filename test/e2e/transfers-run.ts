/** The transfer workload at several numbers of clients. */
import { parseArgs } from 'node:util';
import { readOptions } from '../usage.ts';
import { CLIENT_9, createDatabase } from './clients.ts';
import { Cluster } from './support.ts';
import { fillPurses, runTransfers, TRANSFER_SCHEMA, type TransferResult } from './transfers.ts';

const say = (text: string): void => {
  process.stdout.write(text);
};

const USAGE = `Usage: npm run transfers -- [options]

Transfers (two reads, two updates, random pairs of rows) by Google's client against three processes. Exit code 1 when a call
failed for good, a total was wrong, a client starved, or the second number of clients got no more done than the first.

  --seconds N      for each number of clients (default: 10)
  --rows N         accounts (default: 20000)
  --clients A,B    numbers of clients (default: 1,16,64)
  --help           this text
`;

/** A whole number from 1 on. */
function count(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`${text} is not a whole number from 1 on`);
  return n;
}

/** A client that gets less than this share of the median's transfers starves. */
const SLOWEST_SHARE_MIN = 0.1;

function complaints(results: readonly TransferResult[]): string[] {
  const found = results.flatMap(({ clients, failures, wrongTotals, slowestShare }) => [
    ...(failures.length > 0 ? [`${clients} clients: ${failures.length} calls failed for good, such as: ${failures[0] ?? ''}`] : []),
    ...(wrongTotals.length > 0 ? [`${clients} clients: ${wrongTotals.length} wrong totals, such as ${String(wrongTotals[0])}`] : []),
    ...(slowestShare < SLOWEST_SHARE_MIN ? [`${clients} clients: the slowest got ${slowestShare.toFixed(2)} of the median's share`] : []),
  ]);
  const [first, second] = results;
  if (first !== undefined && second !== undefined && second.perSecond <= first.perSecond) found.push(`${second.clients} clients get no more done than ${first.clients}`);
  return found;
}

async function main(): Promise<number> {
  const { seconds, rows, numbers } = readOptions(USAGE, () => {
    const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' }, rows: { type: 'string', default: '20000' }, clients: { type: 'string', default: '1,16,64' } } });
    return { seconds: count(values.seconds), rows: count(values.rows), numbers: values.clients.split(',').map(count) };
  });
  await using cluster = await Cluster.start();
  const spanner = CLIENT_9.connect(cluster.grpcAddress);
  const database = await createDatabase(spanner, 'transfers', 'bank', TRANSFER_SCHEMA);
  await fillPurses(database, rows);
  // Code that runs for the first time is slow: not measured.
  await runTransfers(database, rows, 16, 3_000);
  const results: TransferResult[] = [];
  say('clients   transfers/s   slowest/median   failed   snapshots   wrong totals\n');
  for (const clients of numbers) {
    const result = await runTransfers(database, rows, clients, seconds * 1_000);
    results.push(result);
    say(`${String(clients).padStart(7)}   ${result.perSecond.toFixed(0).padStart(11)}   ${result.slowestShare.toFixed(2).padStart(14)}   ${String(result.failures.length).padStart(6)}   ${String(result.snapshots).padStart(9)}   ${String(result.wrongTotals.length).padStart(12)}\n`);
  }
  await database.close();
  await CLIENT_9.disconnect(spanner);
  const found = complaints(results);
  for (const text of found) say(`${text}\n`);
  return found.length === 0 ? 0 : 1;
}

process.exitCode = await main();

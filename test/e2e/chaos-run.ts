/** The long form of histories.test.ts. */
import { parseArgs } from 'node:util';
import { readOptions } from '../usage.ts';
import { runDisturbed } from './disturbed.ts';
import { Cluster } from './support.ts';

const say = (text: string): void => {
  process.stdout.write(text);
};

const USAGE = `Usage: npm run chaos -- [options]

List-append and bank by Google's client against three processes, while random nodes are killed, paused and restarted; then
the checkers judge what the clients saw. Exit code 1 when they found something.

  --minutes N   how long (default: 5)
  --clients N   clients at once (default: 16)
  --help        this text
`;

const BAR_WIDTH = 30;
const SAY_EVERY_MILLIS = 30_000;

const list = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, n]) => `${n.toLocaleString('en')} ${name}`).join(', ');

function whole(name: string, text: string, max: number): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > max) throw new RangeError(`--${name} must be a whole number from 1 to ${max}`);
  return n;
}

async function main(): Promise<number> {
  const { minutes, clients } = readOptions(USAGE, () => {
    const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, clients: { type: 'string', default: '16' } } });
    return { minutes: whole('minutes', values.minutes, 10_000), clients: whole('clients', values.clients, 1_000) };
  });
  const millis = minutes * 60_000;
  await using cluster = await Cluster.start();
  let saidAt = 0;
  const { violations, faults, counts, errors } = await runDisturbed(cluster, {
    millis,
    clients,
    progress: (elapsed, histories, disturber) => {
      const text = `${(elapsed / 1_000).toFixed(0)}/${(millis / 1_000).toFixed(0)} s, ${list(histories.counts)}; ${list(disturber.counts)}`;
      const full = Math.min(BAR_WIDTH, Math.round((elapsed / millis) * BAR_WIDTH));
      if (process.stderr.isTTY) process.stderr.write(`\r[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}] ${text}   `);
      else if (elapsed - saidAt >= SAY_EVERY_MILLIS) {
        saidAt = elapsed;
        process.stderr.write(`${text}\n`);
      }
    },
  });
  say(`\n${clients} clients of @google-cloud/spanner for ${minutes} minutes against three processes\n`);
  say(`  transactions  ${list(counts)}\n  faults        ${list(faults)}\n`);
  for (const [text, count] of errors) say(`  failed        ${count} × ${text}\n`);
  for (const violation of violations) say(`VIOLATION ${violation}\n`);
  say(violations.length === 0 ? '  checkers      found nothing\n' : '');
  return violations.length === 0 ? 0 : 1;
}

process.exitCode = await main();

/**
 * The long form of histories.test.ts: node test/e2e/chaos-run.ts [--minutes 5] [--clients 16]. Needs the built command.
 * Exit code 1 when a checker found something.
 */
import { parseArgs } from 'node:util';
import { runDisturbed } from './disturbed.ts';
import { Cluster } from './support.ts';

const say = (text: string): void => {
  process.stdout.write(text);
};

const BAR_WIDTH = 30;
const SAY_EVERY_MILLIS = 30_000;

const list = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, n]) => `${n.toLocaleString('en')} ${name}`).join(', ');

function whole(name: string, text: string, max: number): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > max) throw new RangeError(`--${name} must be a whole number from 1 to ${max}`);
  return n;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, clients: { type: 'string', default: '16' } } });
  const millis = whole('minutes', values.minutes, 10_000) * 60_000;
  const clients = whole('clients', values.clients, 1_000);
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
  say(`\n${clients} clients of @google-cloud/spanner for ${values.minutes} minutes against three processes\n`);
  say(`  transactions  ${list(counts)}\n  faults        ${list(faults)}\n`);
  for (const [text, count] of errors) say(`  failed        ${count} × ${text}\n`);
  for (const violation of violations) say(`VIOLATION ${violation}\n`);
  say(violations.length === 0 ? '  checkers      found nothing\n' : '');
  return violations.length === 0 ? 0 : 1;
}

process.exitCode = await main();

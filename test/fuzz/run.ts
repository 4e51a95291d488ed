/** `npm run fuzz:sql -- --count 200000 --seed 1`: prints how the statements ended, and what did not end properly. */
import { parseArgs } from 'node:util';
import { readOptions } from '../usage.ts';
import { fuzz } from './campaign.ts';

const USAGE = `Usage: npm run fuzz:sql -- [options]

Mutated statements through parse, analyse and execute: each must end in a result or a proper error.

  --count N   statements (default: 20000)
  --seed N    (default: 1)
  --help      this text
`;

const { count, seed } = readOptions(USAGE, () => {
  const { values } = parseArgs({ options: { count: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } } });
  if (!/^\d+$/.test(values.count) || !/^\d+$/.test(values.seed)) throw new RangeError('--count and --seed are whole numbers');
  return { count: Number(values.count), seed: Number(values.seed) };
});
const start = performance.now();
const outcome = await fuzz(count, seed, (done) => {
  process.stdout.write(`${done} statements, ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
});
for (const { sql, why } of outcome.failures.slice(0, 50)) process.stdout.write(`${JSON.stringify(sql.slice(0, 2_000))}\n  ${why.split('\n').slice(0, 6).join('\n  ')}\n`);
process.stdout.write(`${[...outcome.endings].map(([name, n]) => `${name} ${n}`).join(', ')}\nslowest ${outcome.slowestMillis.toFixed(0)} ms, failures ${outcome.failures.length}\n`);
process.exitCode = outcome.failures.length === 0 ? 0 : 1;

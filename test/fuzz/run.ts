/** `npm run fuzz:sql -- --count 200000 --seed 1`: prints how the statements ended, and what did not end properly. */
import { parseArgs } from 'node:util';
import { fuzz } from './campaign.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } } });
const start = performance.now();
const outcome = await fuzz(Number(values.count), Number(values.seed), (done) => {
  process.stdout.write(`${done} statements, ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
});
for (const { sql, why } of outcome.failures.slice(0, 50)) process.stdout.write(`${JSON.stringify(sql.slice(0, 2_000))}\n  ${why.split('\n').slice(0, 6).join('\n  ')}\n`);
process.stdout.write(`${[...outcome.endings].map(([name, n]) => `${name} ${n}`).join(', ')}\nslowest ${outcome.slowestMillis.toFixed(0)} ms, failures ${outcome.failures.length}\n`);
process.exitCode = outcome.failures.length === 0 ? 0 : 1;

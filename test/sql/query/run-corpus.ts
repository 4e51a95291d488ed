/** Prints what differs: `node test/sql/query/run-corpus.ts [tier] [regexp]`. */
import { SqlEngine } from '../../../src/sql/engine.ts';
import { KEY_PREFIX } from './database.ts';
import { Corpus } from './corpus.ts';

const [tier = 'core', only = ''] = process.argv.slice(2);
const corpus = new Corpus(new SqlEngine({ keyPrefix: KEY_PREFIX, optimize: process.env['OPTIMIZE'] !== 'off' }));
const counts = { pass: 0, fail: 0, skip: 0 };
for (const test of corpus.cases(tier)) {
  if (!new RegExp(only).test(test.id)) continue;
  const result = await corpus.run(test);
  counts[result.verdict]++;
  if (result.verdict === 'fail') process.stdout.write(`FAIL ${result.id}\n  ${test.sql.slice(0, 300).replaceAll('\n', ' ')}\n  ${result.why.slice(0, 500).replaceAll('\n', '\n  ')}\n`);
}
process.stdout.write(`passed ${counts.pass} failed ${counts.fail} skipped ${counts.skip}\n`);

/** Compares Trestle in process with Google's emulator on generated expressions and prints what differs. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readOptions } from '../usage.ts';
import { compareGenerated } from './campaign.ts';
import { compareQueries } from './query-campaign.ts';
import { findEmulator, NO_EMULATOR } from './emulator.ts';

const USAGE = `Usage: npm run oracle -- [options]

Generated expressions, queries and DML, run by Trestle in process and by Google's emulator; prints what differs.

  --count N        expressions (default: 2000)
  --queries N      whole queries over small tables (default: 0)
  --dml N          DML statements over them (default: 0)
  --seed N         (default: 1)
  --only REGEXP    only of functions and families (families.ts) whose name matches
  --show N         examples of each kind of difference (default: 3)
  --messages       compares texts of errors too
  --file FILE      statements of your own in place of generated expressions, one a line; SELECT may be left out
  --answers FILE   keeps the emulator's answers, which are slow to get, for the next run
  --help           this text
`;

const { values } = readOptions(USAGE, () => parseArgs({
  options: { count: { type: 'string', default: '2000' }, queries: { type: 'string', default: '0' }, dml: { type: 'string', default: '0' }, seed: { type: 'string', default: '1' }, only: { type: 'string', default: '.' }, show: { type: 'string', default: '3' }, answers: { type: 'string' }, messages: { type: 'boolean', default: false }, file: { type: 'string' } },
}));

const binary = findEmulator();
if (binary === undefined) process.stdout.write(`${NO_EMULATOR}\n`);
else {
  const seed = Number(values.seed);
  const statements = values.file === undefined ? undefined : readFileSync(values.file, 'utf8').split('\n').filter((line) => line.trim() !== '');
  const expressions = await compareGenerated({ binary, count: Number(values.count), seed, only: new RegExp(values.only), answers: values.answers, messages: values.messages, statements });
  const queries = await compareQueries({ binary, queries: Number(values.queries), dml: Number(values.dml), seed });
  const compared = expressions.compared + queries.compared;
  const differences = [...expressions.differences, ...queries.differences];
  const found = Map.groupBy(differences, (d) => d.about);
  for (const [about, list] of [...found].sort((a, b) => b[1].length - a[1].length)) {
    process.stdout.write(`${about}: ${list.length}\n${list.slice(0, Number(values.show)).map((d) => `  ${d.sql}\n  ${d.difference}`).join('\n')}\n`);
  }
  process.stdout.write(`compared ${compared}, different ${differences.length}\n`);
}

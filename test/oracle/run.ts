/**
 * Compares Trestle in process with Google's emulator on generated expressions and prints what differs:
 * `npm run oracle -- --count 5000 --seed 1 --only REGEXP --show 3`. `--answers FILE` keeps the emulator's answers, which are
 * slow to get, for the next run.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../src/base/random.ts';
import { SqlEngine } from '../../src/sql/engine.ts';
import { Schema } from '../../src/sql/schema/schema.ts';
import { MemoryStore } from '../sql/query/store.ts';
import { ALL_FUNCTIONS } from '../../src/sql/functions/catalogue.ts';
import { disagreement, isOlder, ours } from './compare.ts';
import { Emulator, findEmulator, NO_EMULATOR, type Answer, type OracleSession } from './emulator.ts';
import { Generator } from './generate.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' }, only: { type: 'string', default: '.' }, show: { type: 'string', default: '3' }, answers: { type: 'string' } },
});

/** The emulator's answers, kept in a file when one is given. */
class Answers {
  readonly #known = new Map<string, Answer>();
  readonly #session: OracleSession;
  readonly #file: string | undefined;

  constructor(session: OracleSession, file: string | undefined) {
    this.#session = session;
    this.#file = file;
    if (file === undefined || !existsSync(file)) return;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '') continue;
      const [sql, answer] = JSON.parse(line) as [string, Answer];
      this.#known.set(sql, answer);
    }
  }

  async of(sql: string): Promise<Answer> {
    const known = this.#known.get(sql);
    if (known !== undefined) return known;
    const answer = await this.#session.run(sql);
    this.#known.set(sql, answer);
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify([sql, answer])}\n`);
    return answer;
  }
}

/** Functions and types that this emulator does not have. */
async function unknownTo(answers: Answers): Promise<Set<string>> {
  const unknown = new Set<string>();
  for (const { name, kind } of ALL_FUNCTIONS) {
    if (kind !== 'operator' && isOlder(await answers.of(`SELECT ${name}()`))) unknown.add(name);
  }
  for (const type of ['UUID', 'INTERVAL', 'FLOAT32']) if (isOlder(await answers.of(`SELECT CAST(NULL AS ${type})`))) unknown.add(type);
  return unknown;
}

async function main(): Promise<void> {
  const binary = findEmulator();
  if (binary === undefined) {
    process.stdout.write(`${NO_EMULATOR}\n`);
    return;
  }
  const emulator = await Emulator.start(binary);
  const found = new Map<string, string[]>();
  let compared = 0;
  try {
    const answers = new Answers(await emulator.database([]), values.answers);
    const generator = new Generator(new SeededRandom(Number(values.seed)), new RegExp(values.only), await unknownTo(answers));
    const engine = new SqlEngine({ cacheSize: 1 });
    const store = new MemoryStore();
    for (; compared < Number(values.count); compared++) {
      const { about, sql } = generator.next();
      const answer = await answers.of(sql);
      if (isOlder(answer)) continue;
      const difference = disagreement(answer, await ours(engine, Schema.EMPTY, store, sql));
      if (difference !== undefined) found.set(about, [...(found.get(about) ?? []), `  ${sql}\n  ${difference}`]);
    }
  } finally {
    await emulator.stop();
  }
  let differences = 0;
  for (const [about, list] of [...found].sort((a, b) => b[1].length - a[1].length)) {
    differences += list.length;
    process.stdout.write(`${about}: ${list.length}\n${list.slice(0, Number(values.show)).join('\n')}\n`);
  }
  process.stdout.write(`compared ${compared}, different ${differences}\n`);
}

await main();

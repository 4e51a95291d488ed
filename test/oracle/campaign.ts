/** A number of generated statements, each answered by the emulator and by Trestle in process. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { SeededRandom } from '../../src/base/random.ts';
import { SqlEngine } from '../../src/sql/engine.ts';
import { ALL_FUNCTIONS } from '../../src/sql/functions/catalogue.ts';
import { Schema } from '../../src/sql/schema/schema.ts';
import { KEY_PREFIX } from '../sql/query/database.ts';
import { MemoryStore } from '../sql/query/store.ts';
import { disagreement, isOlder, otherWords, ours } from './compare.ts';
import { Emulator, type Answer, type OracleSession } from './emulator.ts';
import { Generator } from './generate.ts';

export interface Campaign {
  readonly binary: string;
  readonly count: number;
  readonly seed: number;
  /** Names of the functions that statements are about. */
  readonly only: RegExp;
  /** A file that keeps the emulator's answers, which are slow to get. */
  readonly answers: string | undefined;
  /** Whether texts of errors are compared too. */
  readonly messages: boolean;
  /** Statements of one's own in place of generated ones: one a line, the word SELECT may be missing. */
  readonly statements: readonly string[] | undefined;
}

export interface Difference {
  readonly about: string;
  readonly sql: string;
  readonly difference: string;
}

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

export async function compareGenerated(campaign: Campaign): Promise<{ readonly compared: number; readonly differences: readonly Difference[] }> {
  const emulator = await Emulator.start(campaign.binary);
  const differences: Difference[] = [];
  let compared = 0;
  try {
    const answers = new Answers(await emulator.database([]), campaign.answers);
    const generator = new Generator(new SeededRandom(campaign.seed), campaign.only, await unknownTo(answers));
    const engine = new SqlEngine({ cacheSize: 1, keyPrefix: KEY_PREFIX });
    const store = new MemoryStore();
    const { statements } = campaign;
    for (let i = 0; i < (statements?.length ?? campaign.count); i++) {
      const own = statements?.[i];
      const { about, sql } = own === undefined ? generator.next() : { about: own, sql: /^(?:SELECT|WITH|FROM)\b/i.test(own) ? own : `SELECT ${own}` };
      const answer = await answers.of(sql);
      if (isOlder(answer)) continue;
      compared++;
      const trestle = await ours(engine, Schema.EMPTY, store, sql);
      const difference = disagreement(answer, trestle) ?? (campaign.messages ? otherWords(answer, trestle) : undefined);
      if (difference !== undefined) differences.push({ about, sql, difference });
    }
  } finally {
    await emulator.stop();
  }
  return { compared, differences };
}

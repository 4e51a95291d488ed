/** The SQL scripts of test/sql on three processes, over HTTP with JSON: the same files, the same answers. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Code, TrestleError } from '../../src/base/errors.ts';
import type { SqlType } from '../../src/sql/types/types.ts';
import { typeFromWire, typeToWire } from '../../src/sql/types/wire.ts';
import { checkScript, SCRIPTS, type SltTarget } from '../sql/query/slt.ts';
import { Cluster } from './support.ts';

const INSTANCE = 'projects/trestle/instances/scripts';
const TEST_MILLIS = 120_000;

interface Answer {
  readonly name?: string;
  readonly id?: string;
  readonly done?: boolean;
  readonly error?: { readonly code: Code; readonly message: string; readonly status?: string };
  readonly rows?: readonly (readonly unknown[])[];
  readonly metadata?: { readonly rowType?: { readonly fields?: readonly { readonly name?: string; readonly type: unknown }[] } };
  readonly stats?: { readonly rowCountExact?: string };
}

const CODES: ReadonlyMap<string, Code> = new Map(Object.entries(Code));

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
  await finished(await ask('POST', 'projects/trestle/instances', { instanceId: 'scripts', instance: { config: 'projects/trestle/instanceConfigs/trestle-local', displayName: 'scripts', nodeCount: 1 } }));
}, TEST_MILLIS);

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
}, TEST_MILLIS);

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${cluster.httpAddress}/v1/${path}`, { method, ...init });
  const answer = (await response.json()) as Answer;
  if (!response.ok && answer.error !== undefined) throw new TrestleError(CODES.get(answer.error.status ?? '') ?? answer.error.code, answer.error.message);
  return answer;
}

/** Waits for the end of an operation; throws its error. */
async function finished(operation: Answer): Promise<void> {
  let current = operation;
  while (current.done !== true) current = await ask('GET', String(current.name));
  if (current.error !== undefined) throw new TrestleError(current.error.code, current.error.message);
}

async function processTarget(database: string): Promise<SltTarget> {
  const name = `${INSTANCE}/databases/${database}`;
  await finished(await ask('POST', `${INSTANCE}/databases`, { createStatement: `CREATE DATABASE \`${database}\`` }));
  const session = (await ask('POST', `${name}/sessions`, { session: { multiplexed: true } })).name ?? '';
  const statement = (sql: string, params: ReadonlyMap<string, unknown>, types: ReadonlyMap<string, SqlType>) => ({
    sql, params: Object.fromEntries(params), paramTypes: Object.fromEntries([...types].map(([k, type]) => [k, typeToWire(type)])),
  });
  return {
    ddl: async (statements) => finished(await ask('PATCH', `${name}/ddl`, { statements })),
    dml: async (sql, params, types) => {
      const { id } = await ask('POST', `${session}:beginTransaction`, { options: { readWrite: {} } });
      const transaction = { id };
      try {
        const answer = await ask('POST', `${session}:executeSql`, { ...statement(sql, params, types), transaction, seqno: '1' });
        await ask('POST', `${session}:commit`, { transactionId: id });
        return { rowCount: Number(answer.stats?.rowCountExact ?? 0), rows: answer.rows ?? [] };
      } catch (error) {
        await ask('POST', `${session}:rollback`, { transactionId: id }).catch(() => undefined);
        throw error;
      }
    },
    query: async (sql, params, types) => {
      const answer = await ask('POST', `${session}:executeSql`, statement(sql, params, types));
      const fields = (answer.metadata?.rowType?.fields ?? []).map((f) => ({ name: f.name ?? '', type: typeFromWire(f.type) }));
      return { fields, rows: answer.rows ?? [] };
    },
  };
}

describe('SQL scripts on three processes', () => {
  for (const [i, [name, url]] of SCRIPTS.entries()) {
    it(name, async () => {
      await checkScript(url, await processTarget(`scripts-${String(i)}`));
    }, TEST_MILLIS);
  }
});

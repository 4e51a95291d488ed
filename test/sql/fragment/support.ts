/** A table whose rows are looked at by fragments, a few at a time, or at the gateway. */
import { ByteReader } from '../../../src/base/bytes.ts';
import { TrestleError } from '../../../src/base/errors.ts';
import { SqlEngine } from '../../../src/sql/engine.ts';
import { decodeTemplate, type Template } from '../../../src/sql/fragment/template.ts';
import { KEY_PREFIX, runQuery, schemaOf, TableLoader } from '../query/database.ts';
import { MemoryStore } from '../query/store.ts';

export const ROWS = 60;
export const schema = schemaOf([
  'CREATE TABLE t (k INT64 NOT NULL, n INT64, f FLOAT64, d NUMERIC, s STRING(MAX), b BYTES(MAX), day DATE, ts TIMESTAMP, j JSON, list ARRAY<INT64>, flag BOOL, wide STRING(MAX)) PRIMARY KEY (k)',
  'CREATE TABLE child (k INT64 NOT NULL, c INT64 NOT NULL, x INT64) PRIMARY KEY (k, c), INTERLEAVE IN PARENT t',
  'CREATE INDEX by_n ON t(n) STORING (s)',
]);
export const store = new MemoryStore();
export const engine = new SqlEngine({ keyPrefix: KEY_PREFIX });

const loader = new TableLoader(schema, store);
for (let k = 0; k < ROWS; k++) {
  loader.put('t', [
    k, k % 7 === 0 ? null : k % 11, k / 4, BigInt(k) * 500_000_000n, k % 5 === 0 ? null : `text ${k}`, Buffer.from([k]), 19_000 + k, BigInt(k) * 86_400_000_000_000n, null, k % 3 === 0 ? null : [k, k + 1], k % 2 === 0, 'x'.repeat(100),
  ]);
  for (let c = 0; c < (k === 5 ? 300 : k % 3); c++) loader.put('child', [k, c, k * c]);
}

export interface Both {
  /** Rows, or code and message of the error, with fragments and without. */
  readonly there: unknown;
  readonly here: unknown;
  /** What was sent. */
  readonly sent: readonly Buffer[];
}

export async function both(sql: string, lookRows = 7): Promise<Both> {
  engine.prepare(schema, sql, new Map());
  const run = (takesFragments: boolean): Promise<unknown> => {
    store.takesFragments = takesFragments;
    store.lookRows = lookRows;
    return runQuery(engine, schema, store, sql).then(({ rows }) => rows, (error: unknown) => (error instanceof TrestleError ? [error.code, error.message] : Promise.reject(error)));
  };
  store.fragments.clear();
  const there = await run(true);
  const sent = [...store.fragments].map((text) => Buffer.from(text, 'latin1'));
  const here = await run(false);
  store.takesFragments = true;
  return { there, here, sent };
}

export const templateBytes = (fragment: Uint8Array): Buffer => new ByteReader(fragment).bytes();
export const templateOf = (fragment: Uint8Array): Template => decodeTemplate(templateBytes(fragment));

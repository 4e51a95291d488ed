/** The SQL scripts of test/sql on a simulated cluster of three nodes: each statement at another node. */
import { describe, it } from 'vitest';
import { Code, TrestleError } from '../../src/base/errors.ts';
import type { StructField } from '../../src/sql/types/types.ts';
import { toWire } from '../../src/sql/values/wire.ts';
import { checkScript, SCRIPTS, type SltTarget } from '../sql/query/slt.ts';
import { DATABASE, drain, startNodes } from './nodes.ts';

const NODES = 3;

async function clusterTarget(seed: number): Promise<SltTarget> {
  const nodes = await startNodes({ seed, statements: [] });
  let turn = 0;
  const next = (): ReturnType<typeof nodes.database> => nodes.database(1 + (turn++ % NODES));
  const wireRows = (rows: readonly (readonly unknown[])[], columns: readonly StructField[]) => rows.map((row) => row.map((v, i) => toWire(v as never, columns[i]?.type ?? { kind: 'INT64' })));
  return {
    ddl: async (statements) => {
      let operation = await nodes.test.run(nodes.databases(1).updateDdl(DATABASE, { statements: [...statements], operationId: undefined }), 120);
      while (!operation.done) operation = await nodes.test.run(nodes.backend(1).operations.get(operation.name));
      if (operation.error !== undefined) throw new TrestleError(operation.error.code, operation.error.message);
    },
    dml: async (sql, params, types) => {
      const { sql: engine, transactions } = next();
      const statement = await nodes.test.run(engine.prepare(sql, types));
      const transaction = transactions.beginReadWrite();
      try {
        const { rowCount, rows } = await nodes.test.run(engine.dml(transaction, statement, Object.fromEntries(params), {}));
        await nodes.test.run(transaction.commit());
        return { rowCount, rows: wireRows(rows, statement.columns) };
      } catch (error) {
        if (transaction.state === 'active') await nodes.test.run(transaction.rollback());
        throw error;
      }
    },
    query: async (sql, params, types) => {
      const { sql: engine, transactions } = next();
      const view = await nodes.test.run(transactions.snapshot({ kind: 'strong' }));
      const statement = await nodes.test.run(engine.prepare(sql, types, view.readTimestamp));
      if (statement.kind !== 'query') throw new TrestleError(Code.INVALID_ARGUMENT, 'A DML statement cannot run as a query.');
      const rows = await nodes.test.run(engine.query(view, statement, Object.fromEntries(params), {}).then(drain));
      return { fields: statement.columns, rows: wireRows(rows, statement.columns) };
    },
  };
}

describe('SQL scripts on a cluster', () => {
  for (const [i, [name, url]] of SCRIPTS.entries()) {
    it(name, async () => {
      await checkScript(url, await clusterTarget(i + 1));
    });
  }
});

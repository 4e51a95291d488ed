/** Trestle as clients see it: processes with their disks, over gRPC through the typed client. Needs a build. */
import { databaseName } from '../../src/client/admin.ts';
import { Client, type Database } from '../../src/client/database.ts';
import { insert, type Mutation } from '../../src/client/mutations.ts';
import { typed } from '../../src/client/values.ts';
import { Cluster } from '../../test/e2e/support.ts';
import { dateText, generate, TABLES, type Cell, type TableName } from './data.ts';
import type { Peer } from './peers.ts';
import { ddl } from './trestle.ts';

const NAME = { project: 'bench', instance: 'bench', database: 'bench' };
const ROWS_PER_COMMIT = 1000;
const COMMITS_AT_ONCE = 4;

export async function overGrpc(lines: number, version: string, nodes = 1): Promise<Peer> {
  const cluster = await Cluster.start({ args: ['--nodes', String(nodes)] });
  const client = new Client({ address: cluster.grpcAddress });
  await client.admin.ensureInstance(NAME.project, NAME.instance);
  await client.admin.createDatabase(NAME);
  const database = client.database(databaseName(NAME));
  await database.updateDdl(ddl());
  await fill(database, lines);
  return {
    name: 'over gRPC',
    version,
    run: async (query, run) => {
      const parameters = Object.fromEntries(query.parameters(run).map((v, i) => [`p${i + 1}`, BigInt(v)]));
      return (await database.run(query.trestle, parameters)).rows.length;
    },
    close: async () => {
      client.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

async function fill(database: Database, lines: number): Promise<void> {
  const commits: { readonly table: TableName; readonly rows: (readonly Cell[])[] }[] = [];
  const open = new Map<TableName, (readonly Cell[])[]>();
  generate(lines, (table, row) => {
    let rows = open.get(table);
    if (rows === undefined || rows.length >= ROWS_PER_COMMIT) {
      rows = [];
      open.set(table, rows);
      commits.push({ table, rows });
    }
    rows.push(row);
  });
  const next = commits.values();
  const work = async (): Promise<void> => {
    for (const { table, rows } of next) await database.commit([mutationOf(table, rows)]);
  };
  await Promise.all(Array.from({ length: COMMITS_AT_ONCE }, work));
}

function mutationOf(table: TableName, rows: readonly (readonly Cell[])[]): Mutation {
  const { columns } = TABLES[table];
  const values = rows.map((row) => row.map((cell, i) => {
    const type = columns[i]?.type;
    return type === 'DATE' ? dateText(Number(cell)) : type === 'INT64' ? BigInt(cell) : type === 'FLOAT64' ? typed('FLOAT64', cell) : cell;
  }));
  return insert(table, columns.map((c) => c.name), values);
}

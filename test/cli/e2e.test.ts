/** The command itself over real server processes: what a user does first, and what happens when processes are killed. */
import { execFile, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClusterStatus } from '../../src/cli/control.ts';
import { isAlive, readLock } from '../../src/cli/supervisor/lock.ts';
import { layoutOf } from '../../src/cli/supervisor/layout.ts';
import { Client } from '../../src/client/database.ts';
import { insert } from '../../src/client/mutations.ts';
import { tempDir, until } from './support.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const START = fileURLToPath(new URL('../../src/cli/start.ts', import.meta.url));
const run = promisify(execFile);

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `trestle …` to its end. */
async function trestle(dataDir: string, ...args: string[]): Promise<Outcome> {
  const [command = '', ...rest] = args;
  try {
    const { stdout, stderr } = await run(process.execPath, [MAIN, command, '--data-dir', dataDir, ...rest], { timeout: 90_000 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: unknown; stderr?: unknown };
    return { code: typeof code === 'number' ? code : -1, out: String(stdout), err: String(stderr) };
  }
}

async function ok(dataDir: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await trestle(dataDir, ...args);
  expect(code, err).toBe(0);
  return out;
}

const up = (dataDir: string, ...more: string[]): Promise<string> => ok(dataDir, 'up', '--detach', '--port', '0', '--http-port', '0', ...more);
const statusOf = async (dataDir: string): Promise<ClusterStatus> => JSON.parse(await ok(dataDir, 'status', '--json')) as ClusterStatus;
const rowsOf = async (dataDir: string, sql: string): Promise<unknown> => JSON.parse(await ok(dataDir, 'sql', '--format', 'json', '-e', sql));

const folders: string[] = [];
function folder(): string {
  const dataDir = tempDir();
  folders.push(dataDir);
  return dataDir;
}

afterEach(async () => {
  for (const dataDir of folders.splice(0)) {
    await trestle(dataDir, 'stop');
    rmSync(dataDir, { recursive: true, force: true });
  }
});

describe('a cluster of three processes', { timeout: 180_000 }, () => {
  it('answers, loses nodes, gets them back, and keeps its data over restarts and kill -9 of everything', async () => {
    const dataDir = folder();
    expect(await up(dataDir)).toMatch(/^Trestle is ready: grpc 127\.0\.0\.1:\d+, http http:\/\/127\.0\.0\.1:\d+$/m);
    const second = await trestle(dataDir, 'up', '--port', '0', '--http-port', '0');
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/A cluster runs on .* already \(pid \d+/);

    await ok(dataDir, 'sql', '-e', 'CREATE TABLE Singers (SingerId INT64 NOT NULL, Name STRING(MAX)) PRIMARY KEY (SingerId)');
    expect(await ok(dataDir, 'sql', '-e', "INSERT INTO Singers (SingerId, Name) VALUES (1, 'Ada'), (2, 'Bo')")).toContain('2 rows changed');
    await ok(dataDir, 'split', 'Singers', '2');
    // The right half's first leader is elected some 100 ms after the cut.
    await until('two splits of the database, and a leader of each split', async () => {
      const { splits } = await statusOf(dataDir);
      const halves = splits.filter((each) => each.database?.endsWith('/test-db') === true);
      return (halves.length >= 2 && splits.every((each) => each.leader !== null)) || undefined;
    });

    for (const node of ['1', '2', '3']) {
      await ok(dataDir, 'kill', node);
      expect((await statusOf(dataDir)).nodes.find((each) => String(each.nodeId) === node)?.state).toBe('killed');
      expect(await rowsOf(dataDir, 'SELECT * FROM Singers ORDER BY SingerId')).toEqual([{ SingerId: 1, Name: 'Ada' }, { SingerId: 2, Name: 'Bo' }]);
      await ok(dataDir, 'start', node);
    }

    const lock = readLock(layoutOf(dataDir).lockFile);
    process.kill(lock?.pid ?? 0, 'SIGKILL');
    for (const pid of lock?.children ?? []) process.kill(pid, 'SIGKILL');
    await until('nothing of it alive', () => ([lock?.pid ?? 0, ...(lock?.children ?? [])].some(isAlive) ? undefined : true));
    await up(dataDir);
    expect(await rowsOf(dataDir, 'SELECT COUNT(*) AS n FROM Singers')).toEqual([{ n: 2 }]);
    expect(await ok(dataDir, 'stop')).toContain('The cluster has stopped.');
    expect((await trestle(dataDir, 'status')).code).toBe(1);
  });

  it('keeps an exact sum while a client increments and nodes are killed', async () => {
    const dataDir = folder();
    await up(dataDir, '--database', 'counters');
    const address = (await statusOf(dataDir)).grpcAddress;
    await using client = new Client({ address });
    const database = client.database('projects/test-project/instances/test-instance/databases/counters');
    await database.updateDdl(['CREATE TABLE C (Id INT64 NOT NULL, N INT64 NOT NULL) PRIMARY KEY (Id)', 'CREATE TABLE Log (W STRING(20) NOT NULL) PRIMARY KEY (W)']);
    await database.commit([insert('C', ['Id', 'N'], [[1, 0]])]);
    const WORKERS = 4;
    const EACH = 15;
    const work = Promise.all(
      Array.from({ length: WORKERS }, async (_, worker) => {
        for (let i = 0; i < EACH; i++) {
          await database.runTransaction(async (transaction) => {
            const { rows } = await transaction.run('SELECT N FROM C WHERE Id = 1');
            await transaction.run('UPDATE C SET N = @n WHERE Id = 1', { n: BigInt(String(rows[0]?.[0])) + 1n });
            transaction.buffer(insert('Log', ['W'], [[`${String(worker)}-${String(i)}`]]));
          });
        }
      }),
    );
    // One node after the other, while the increments run; an outcome that a kill leaves unknown may fail a worker.
    const leader = (await statusOf(dataDir)).splits.find((each) => each.database?.endsWith('/counters') === true)?.leader ?? 1;
    await ok(dataDir, 'kill', String(leader));
    await ok(dataDir, 'start', String(leader));
    await work;
    const { rows } = await database.run('SELECT N, (SELECT COUNT(*) FROM Log) FROM C WHERE Id = 1');
    expect(rows).toEqual([[BigInt(WORKERS * EACH), BigInt(WORKERS * EACH)]]);
  });
});

describe('--init', { timeout: 120_000 }, () => {
  it('makes schema and rows on the first start, and not again', async () => {
    const dataDir = folder();
    const script = join(folder(), 'music.sql');
    writeFileSync(script, 'CREATE TABLE T (K INT64 NOT NULL) PRIMARY KEY (K);\nCREATE INDEX I ON T (K DESC);\nINSERT INTO T (K) VALUES (1);\nINSERT INTO T (K) VALUES (2), (3);\n');
    expect(await up(dataDir, '--nodes', '1', '--init', script)).toMatch(/4 statements run, 3 rows written[\s\S]*Trestle is ready/);
    expect(await rowsOf(dataDir, 'SELECT K FROM T ORDER BY K')).toEqual([{ K: 1 }, { K: 2 }, { K: 3 }]);
    await ok(dataDir, 'stop');
    expect(await up(dataDir, '--init', script)).toContain('is there already');
    expect(await rowsOf(dataDir, 'SELECT COUNT(*) AS n FROM T')).toEqual([{ n: 3 }]);
  });

  it('fails with statement and line, and begins anew when the file is mended', async () => {
    const dataDir = folder();
    const script = join(folder(), 'bad.sql');
    writeFileSync(script, 'CREATE TABLE T (K INT64 NOT NULL) PRIMARY KEY (K);\n\nINSERT INTO T (K)\nVALUES (1);\nINSERT INTO T (K) VALUES (1);');
    const failed = await trestle(dataDir, 'up', '--detach', '--in-memory', '--nodes', '1', '--port', '0', '--http-port', '0', '--init', script);
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(/bad\.sql, line 5: ALREADY_EXISTS: [\s\S]*in: INSERT INTO T \(K\) VALUES \(1\)/);
    writeFileSync(script, 'CREATE TABLE T (K INT64 NOT NULL) PRIMARY KEY (K);');
    expect(await up(dataDir, '--nodes', '1', '--init', script)).toContain('1 statements run');
  });
});

describe('npm start', { timeout: 180_000 }, () => {
  it('loads the sample once and shows rows', async () => {
    const dataDir = folder();
    const startOnce = async (): Promise<string> => {
      const child = spawn(process.execPath, [START, '--data-dir', dataDir, '--port', '0', '--http-port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const chunks: string[] = [];
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
      await until('the sample shown', () => (chunks.join('').includes('The sample is in database') ? true : undefined), 90_000);
      child.kill('SIGINT');
      expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
      return chunks.join('');
    };
    const first = await startOnce();
    expect(first).toMatch(/14,963 rows loaded[\s\S]*Trestle is ready[\s\S]*OrderLines │ +10340/);
    expect(first).toContain('Ada Berg');
    const again = await startOnce();
    expect(again).not.toContain('rows loaded');
    expect(again).toMatch(/OrderLines │ +10340/);
  });
});

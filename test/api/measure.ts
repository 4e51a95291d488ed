/**
 * CPU of the server per call, with the fake cluster behind it: what the edge itself costs. Two processes, so that the
 * client's CPU is not counted. Usage: node test/api/measure.ts
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { createApiServer } from '../../src/api/server.ts';
import { FakeCluster } from './fake-backend.ts';

const INSTANCE = 'projects/p/instances/test-instance';
const DATABASE = `${INSTANCE}/databases/db`;
const CALLS = 20_000;
const CONCURRENCY = 32;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function serve(): Promise<void> {
  const cluster = new FakeCluster();
  cluster.addDatabase(DATABASE);
  const quiet = (): void => undefined;
  const server = createApiServer(cluster.node(1), { log: { debug: quiet, info: quiet, warn: quiet, error: quiet } });
  const port = await server.listen('127.0.0.1', 0);
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: user + system, rss: process.memoryUsage().rss });
  });
  process.send?.({ port, rss: process.memoryUsage().rss });
}

interface FromServer {
  readonly port?: number;
  readonly cpu?: number;
  readonly rss: number;
}

const hear = (child: ChildProcess): Promise<FromServer> =>
  new Promise((resolve) => {
    child.once('message', (message) => resolve(message as FromServer));
  });

async function drive(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['serve']);
  const ask = (): Promise<FromServer> => {
    const answer = hear(child);
    child.send('cpu');
    return answer;
  };
  const { port, rss } = await hear(child);
  say(`server at rest: ${(rss / 1048576).toFixed(0)} MB`);
  // Loaded here only, so that the server's memory is that of a server.
  const { apiRoot } = await import('../../src/api/descriptor.ts');
  const client = new grpc.Client(`127.0.0.1:${String(port)}`, grpc.credentials.createInsecure());
  const methods = apiRoot().lookupService('google.spanner.v1.Spanner').methods;
  const resolved = (name: string): (typeof methods)[string] | undefined => {
    methods[name]?.resolve();
    return methods[name];
  };
  const encode = (name: string, message: Record<string, unknown>): Buffer => {
    const type = resolved(name)?.resolvedRequestType;
    if (type === null || type === undefined) throw new Error(`no ${name}`);
    return Buffer.from(type.encode(type.fromObject(message)).finish());
  };
  const identity = (b: Buffer): Buffer => b;
  const unary = (name: string, bytes: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(`/google.spanner.v1.Spanner/${name}`, identity, identity, bytes, (error, answer) => (error === null ? resolve(answer ?? Buffer.alloc(0)) : reject(error)));
    });
  const streaming = (name: string, bytes: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const call = client.makeServerStreamRequest(`/google.spanner.v1.Spanner/${name}`, identity, identity, bytes);
      call.on('data', () => undefined);
      call.on('end', resolve);
      call.on('error', reject);
    });
  const made = resolved('CreateSession')?.resolvedResponseType?.decode(await unary('CreateSession', encode('CreateSession', { database: DATABASE, session: { multiplexed: true } })));
  const session = String(made?.toJSON()['name']);
  const mutation = (k: string): Record<string, unknown> => ({ replace: { table: 'T', columns: ['k', 'v'], values: [{ values: [{ stringValue: k }, { stringValue: 'value' }] }] } });
  const commits = Array.from({ length: 64 }, (_, i) => encode('Commit', { session, singleUseTransaction: { readWrite: {} }, mutations: [mutation(`k${String(i)}`)] }));
  const select = encode('ExecuteStreamingSql', { session, sql: 'SELECT @p', params: { fields: { p: { stringValue: 'x' } } }, paramTypes: { p: { code: 'STRING' } }, seqno: 1 });
  const rows = encode('ExecuteStreamingSql', { session, sql: 'SELECT GENERATE(1000, 30)' });
  const missing = encode('GetSession', { name: `${DATABASE}/sessions/none` });
  const measure = async (name: string, calls: number, run: (i: number) => Promise<unknown>): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < calls) await run(next++);
    };
    const before = await ask();
    const start = performance.now();
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    const ms = performance.now() - start;
    const after = await ask();
    const cpu = ((after.cpu ?? 0) - (before.cpu ?? 0)) / calls;
    say(`${name}: ${cpu.toFixed(1)} us of server CPU per call, ${((calls / ms) * 1000).toFixed(0)}/s, ${(after.rss / 1048576).toFixed(0)} MB`);
  };
  const health = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', identity, identity, Buffer.alloc(0), (error) => (error === null ? resolve(undefined) : reject(error)));
    });
  await measure('warm up', CALLS / 4, (i) => unary('Commit', commits[i % 64] ?? select));
  await measure('warm up', CALLS / 4, () => streaming('ExecuteStreamingSql', select));
  await measure('Health.Check, the floor of gRPC', CALLS, health);
  await measure('Commit of one mutation', CALLS, (i) => unary('Commit', commits[i % 64] ?? select));
  await measure('ExecuteStreamingSql of one row', CALLS, () => streaming('ExecuteStreamingSql', select));
  await measure('ExecuteStreamingSql of 1,000 rows', CALLS / 40, () => streaming('ExecuteStreamingSql', rows));
  await measure('GetSession that fails', CALLS / 2, () => unary('GetSession', missing).catch(() => undefined));
  client.close();
  child.kill();
}

await (process.argv[2] === 'serve' ? serve() : drive());

/**
 * What comes from outside never takes a node down: hostile messages to every method, requests of 100 MB, random bytes and
 * broken frames at every port, between the nodes too. Each is answered with an error or a closed connection; after each
 * kind the processes are the same as in the beginning, and the rows are there.
 *
 * The budget is fixed. TRESTLE_FUZZ_SEED chooses another seed than the default; the seed is printed.
 */
import type { Database, Spanner } from '@google-cloud/spanner';
import { Client, credentials, status as Code } from '@grpc/grpc-js';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { nodeId } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { readClusterFile } from '../../src/cli/supervisor/cluster-file.ts';
import { layoutOf } from '../../src/cli/supervisor/layout.ts';
import { encodeFrame, encodeRawFrame } from '../../src/net/frame.ts';
import { encodeHello } from '../../src/net/hello.ts';
import { CLIENT_9, createDatabase } from './clients.ts';
import { hostileBytes, hostileMessage, hostileMethods, pick, randomBytes } from './hostile-requests.ts';
import { Cluster, until } from './support.ts';

const SEED = Number(process.env['TRESTLE_FUZZ_SEED'] ?? 1);
const TEST_MILLIS = 240_000;
const MIB = 1024 * 1024;

/** Calls of every method, and how long one may take. */
const CALLS_PER_METHOD = 15;
/** More for the methods that have much behind them. */
const DATA_CALLS_FACTOR = 6;
const CALL_MILLIS = 3_000;
const CALLS_AT_ONCE = 8;
const RAW_CONNECTIONS = 60;
const HTTP_REQUESTS = 150;
const PEER_CONNECTIONS_PER_NODE = 40;

/** Statuses that say that the server did not expect what happened. */
const MEANINGLESS: ReadonlySet<number> = new Set([Code.UNKNOWN, Code.INTERNAL]);

const random = new SeededRandom(SEED);
let cluster: Cluster;
let spanner: Spanner;
let witness: Database;
let target: string;
let pidsBefore: readonly (number | null)[];

beforeAll(async () => {
  process.stdout.write(`fuzz: seed ${String(SEED)} (again with TRESTLE_FUZZ_SEED=${String(SEED)})\n`);
  cluster = await Cluster.start();
  spanner = CLIENT_9.connect(cluster.grpcAddress);
  // The hostile requests know names of the one database, and nothing of the other.
  witness = await createDatabase(spanner, 'witness', 'witness', ['CREATE TABLE Kept (Id INT64 NOT NULL) PRIMARY KEY (Id)']);
  await witness.table('Kept').insert(Array.from({ length: 100 }, (_, i) => ({ Id: i })));
  const database = await createDatabase(spanner, 'target', 'target', ['CREATE TABLE Items (Id INT64 NOT NULL, Text STRING(MAX)) PRIMARY KEY (Id)', 'CREATE INDEX ItemsByText ON Items (Text)']);
  const [session] = await database.createSession({});
  target = session.formattedName_ ?? '';
  await database.close();
  pidsBefore = (await cluster.status()).nodes.map((node) => node.pid);
}, TEST_MILLIS);

afterEach(async () => {
  const { nodes } = await cluster.status();
  expect(nodes.map((node) => [node.state, node.restarts, node.pid])).toEqual(pidsBefore.map((pid) => ['ready', 0, pid]));
  const [rows] = await until('an answer after the attack', 30_000, () => witness.run({ sql: 'SELECT COUNT(*) AS n FROM Kept', json: true }).catch(() => undefined));
  expect(rows).toEqual([{ n: 100 }]);
}, TEST_MILLIS);

afterAll(async () => {
  await witness.close();
  await spanner.close();
  await cluster[Symbol.asyncDispose]();
}, TEST_MILLIS);

const portOf = (address: string): number => Number(address.split(':').at(-1));

/** Writes the chunks and waits until the other side closes, or for a moment. Resolves with what it answered. */
function throwAt(port: number, chunks: readonly Uint8Array[], millis = 250): Promise<Buffer> {
  return new Promise((resolve) => {
    const answer: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => {
      for (const chunk of chunks) socket.write(chunk);
    });
    const end = (): void => {
      socket.destroy();
      resolve(Buffer.concat(answer));
    };
    socket.on('data', (chunk: Buffer) => answer.push(chunk));
    socket.on('error', end);
    socket.on('close', end);
    setTimeout(end, millis).unref();
  });
}

/** Runs the tasks, some at a time. */
async function inTurns(tasks: readonly (() => Promise<unknown>)[], atOnce = CALLS_AT_ONCE): Promise<void> {
  const queue = tasks.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const task of queue) await task();
    }),
  );
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** A call with raw bytes as its message; resolves with the status code. Every method is called as a server stream. */
function call(client: Client, path: string, request: Buffer): Promise<{ readonly code: number; readonly details: string }> {
  return new Promise((resolve) => {
    const stream = client.makeServerStreamRequest(path, asIs, asIs, request, { deadline: Date.now() + CALL_MILLIS });
    stream.on('data', () => undefined);
    // The status says the same as the error.
    stream.on('error', () => undefined);
    stream.on('status', ({ code, details }) => {
      resolve({ code, details });
    });
  });
}

const newClient = (): Client =>
  new Client(cluster.grpcAddress, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });

it('answers hostile messages to every method with a status that means something', { timeout: TEST_MILLIS }, async () => {
  const clients = Array.from({ length: 6 }, newClient);
  const database = target.slice(0, target.indexOf('/sessions/'));
  const options = { random, names: [target, database, database.slice(0, database.indexOf('/databases/')), 'projects/trestle'] };
  const counts = new Map<number, number>();
  const bad: string[] = [];
  // What removes the session or the database of the others comes last.
  const methods = hostileMethods().toSorted((a, b) => Number(/Delete|Drop/.test(a.path)) - Number(/Delete|Drop/.test(b.path)));
  const tasks = methods.flatMap(({ path, requestType }) =>
    Array.from({ length: CALLS_PER_METHOD * (path.startsWith('/google.spanner.v1.') ? DATA_CALLS_FACTOR : 1) }, () => async () => {
      const bytes = hostileBytes(requestType, { ...options, density: 1 + random.int(8) });
      const { code, details } = await call(clients[random.int(clients.length)] ?? newClient(), path, bytes);
      counts.set(code, (counts.get(code) ?? 0) + 1);
      if (MEANINGLESS.has(code)) bad.push(`${path} ${String(code)} ${details.slice(0, 200)} ← ${bytes.toString('base64').slice(0, 600)}`);
    }),
  );
  await inTurns(tasks);
  for (const client of clients) client.close();
  process.stdout.write(`fuzz: ${String(tasks.length)} calls of ${String(methods.length)} methods: ${[...counts].toSorted(([a], [b]) => a - b).map(([code, count]) => `${Code[code] ?? ''} ${String(count)}`).join(', ')}\n`);
  expect(bad).toEqual([]);
});

it('refuses requests of 100 MB, over gRPC and over HTTP', { timeout: TEST_MILLIS }, async () => {
  const client = newClient();
  const large = hostileMethods().find(({ path }) => path.endsWith('/ExecuteSql'))?.requestType;
  const encode = (chars: number): Buffer => Buffer.from(large?.encode({ session: target, sql: `SELECT '${'x'.repeat(chars)}'` }).finish() ?? []);
  for (const size of [100 * MIB + 1_000, 99 * MIB, 8 * MIB]) {
    const { code } = await call(client, '/google.spanner.v1.Spanner/ExecuteSql', encode(size));
    expect([Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE, Code.CANCELLED]).toContain(code);
  }
  client.close();
  const answer = await fetch(`${cluster.httpAddress}/v1/${target}:executeSql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql: 'x'.repeat(100 * MIB) }) }).then(
    (response) => response.status,
    () => 0,
  );
  expect([0, 400, 413]).toContain(answer);
});

it('survives random bytes at the gRPC port, with and without the preface of HTTP/2', { timeout: TEST_MILLIS }, async () => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const frame = (): Buffer => {
    const body = randomBytes(random, random.int(300));
    const header = Buffer.alloc(9);
    header.writeUIntBE(random.int(4) === 0 ? random.int(1 << 24) : body.length, 0, 3);
    header[3] = random.int(12);
    header[4] = random.int(256);
    header.writeUInt32BE(random.int(4) === 0 ? random.int(2 ** 31) : random.int(8), 5);
    return Buffer.concat([header, body]);
  };
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  await inTurns(
    Array.from({ length: RAW_CONNECTIONS }, (_, i) => async () => {
      const frames = Array.from({ length: 1 + random.int(20) }, frame);
      await throwAt(portOf(cluster.grpcAddress), i % 3 === 0 ? [randomBytes(random, 1 + random.int(4_000))] : i % 3 === 1 ? [preface, ...frames] : [preface, settings, ...frames]);
    }),
  );
});

it('survives random bytes and hostile requests at the HTTP port', { timeout: TEST_MILLIS }, async () => {
  const port = portOf(cluster.httpAddress);
  const methods = hostileMethods();
  const codes = new Map<number, number>();
  await inTurns(
    Array.from({ length: RAW_CONNECTIONS }, (_, i) => async () => {
      const lines = ['GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`, 'POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', `GET / HTTP/1.1\r\n${'h: v\r\n'.repeat(5_000)}\r\n`] as const;
      await throwAt(port, [i % 2 === 0 ? randomBytes(random, 1 + random.int(4_000)) : Buffer.from(pick(random, lines))]);
    }),
  );
  await inTurns(
    Array.from({ length: HTTP_REQUESTS }, () => async () => {
      const { path, requestType } = methods[random.int(methods.length)] ?? { path: '/none', requestType: undefined };
      const name = path.split('/').at(-1) ?? '';
      const url = `${cluster.httpAddress}/v1/${pick(random, [target, 'projects/x/instances/y', '%00', '..%2f..', 'projects/%ff'])}${pick(random, ['', `:${name.slice(0, 1).toLowerCase()}${name.slice(1)}`])}`;
      const json = requestType === undefined ? '{' : JSON.stringify(hostileMessage(requestType, { random, names: [target], density: 1 + random.int(8) }));
      const body = random.int(4) === 0 ? json.slice(0, random.int(json.length)) : random.int(8) === 0 ? '['.repeat(50_000) : json;
      const status = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(CALL_MILLIS) }).then((response) => response.status, () => 0);
      codes.set(status, (codes.get(status) ?? 0) + 1);
    }),
  );
  process.stdout.write(`fuzz: HTTP answers ${[...codes].toSorted(([a], [b]) => a - b).map(([code, count]) => `${String(code)} × ${String(count)}`).join(', ')}\n`);
  expect([...codes.keys()].filter((code) => code === 500)).toEqual([]);
});

it('survives strangers, impostors and torn frames at the ports between the nodes', { timeout: TEST_MILLIS }, async () => {
  const file = readClusterFile(layoutOf(cluster.dataDir).clusterFile);
  const clusterId = file?.clusterId ?? '';
  const nodes = file?.nodes ?? [];
  const hello = (to: number, from: number, id = clusterId): Buffer => Buffer.concat(encodeRawFrame(encodeHello({ clusterId: id, from: nodeId(from), to: nodeId(to), incarnation: random.int(2 ** 32) })));
  /** A whole frame with a right checksum, whose messages are noise on the channels that nodes use. */
  const noise = (): Buffer => Buffer.concat(encodeFrame(Array.from({ length: 1 + random.int(5) }, () => ({ channel: random.int(6), payload: randomBytes(random, random.int(200)) }))));
  const attacks: readonly ((to: number) => Buffer[])[] = [
    () => [randomBytes(random, 1 + random.int(2_000))],
    () => [Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), randomBytes(random, 600)],
    (to) => [hello(to, to === 1 ? 2 : 1, '0'.repeat(32))],
    (to) => [hello(to, 900), noise()],
    (to) => [hello(to, to), noise()],
    (to) => [hello(to, to === 1 ? 2 : 1), noise(), noise()],
    (to) => [hello(to, to === 3 ? 2 : 3), noise().subarray(0, 5 + random.int(20))],
    (to) => [hello(to, to === 1 ? 3 : 1), randomBytes(random, 500)],
    (to) => {
      const damaged = noise();
      damaged[random.int(damaged.length)] = random.int(256);
      return [hello(to, to === 1 ? 2 : 1), damaged];
    },
    (to) => [hello(to, 1).subarray(0, 12)],
  ];
  await inTurns(nodes.flatMap(({ id, peerPort }) => Array.from({ length: PEER_CONNECTIONS_PER_NODE }, (_, i) => () => throwAt(peerPort, attacks[i % attacks.length]?.(id) ?? [], 100))), 4);
  await until('every replica in touch again', 20_000, async () => {
    const { splits } = await cluster.status();
    return splits.every((split) => split.leader !== null && split.replicas.every(({ state }) => state === 'leading' || state === 'following')) ? true : undefined;
  });
  await witness.table('Kept').upsert({ Id: 0 });
});

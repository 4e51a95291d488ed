/**
 * What the building blocks can do: the edge, batched messages between three processes, one synced batch of LevelDB a
 * turn, and nothing else: no consensus, no transactions, no rows. The upper bound for commits of one row.
 * `npm run bench:limit -- --help`.
 *
 * A process that is asked passes the commit to the first; that one writes what came in a turn as one batch, sends it to
 * the others in one message each, and answers what is on its own disk and on one more.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { GrpcServer, type GrpcHandler } from '../src/api/grpc/grpc-server.ts';
import { decodeCommit } from '../src/api/wire/requests.ts';
import { encodeCommitResponse } from '../src/api/wire/results.ts';
import { ByteReader, ByteWriter } from '../src/base/bytes.ts';
import type { Key } from '../src/base/ids.ts';
import { nodeId } from '../src/base/ids.ts';
import { systemEnvironment } from '../src/node/environment.ts';
import { Channel } from '../src/net/transport.ts';
import { TcpTransport } from '../src/net/tcp.ts';
import type { Disk } from '../src/storage/disk.ts';
import { openLevelDisk } from '../src/storage/level-disk.ts';
import { plainTable } from '../src/cli/commands/status.ts';
import { ROWS } from './harness/driver.ts';
import { measure } from './harness/load.ts';
import { freePorts } from './harness/peer.ts';
import { RESULTS, writeResults } from './harness/results.ts';

const HELP = `Usage: npm run bench:limit -- [options]

  --clients N,M   default: 1,16,64
  --seconds S     default: 5, after --warm-up S (default: 3)
  --out FILE      default: bench/results/limit.json
  --help          this text

Commits of one 256-byte row through the building blocks alone; compare with bench:cluster's insert.
`;

const COMMIT = '/google.spanner.v1.Spanner/Commit';
const CREATE_SESSION = '/google.spanner.v1.Spanner/CreateSession';
const NODES = 3;
const Kind = { commit: 1, committed: 2, append: 3, appended: 4 } as const;

interface Order {
  readonly self: number;
  readonly peers: readonly number[];
  readonly folder: string;
}

/** A commit that waits: for whoever asked here, or for a peer. */
type Done = () => void;

const quiet = (): void => undefined;
const LOG = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const fatal = (reason: string): never => {
  throw new Error(reason);
};

/** The first process: numbers the turns' batches, writes each, has it copied, answers. */
class Writer {
  private readonly disk: Disk;
  private readonly send: (to: number, out: ByteWriter) => void;
  private lastSlot = 0;
  private turn: { value: Buffer; done: Done }[] = [];
  private writing = false;
  private readonly pending = new Map<number, { copies: number; done: Done[] }>();

  constructor(disk: Disk, send: (to: number, out: ByteWriter) => void) {
    this.disk = disk;
    this.send = send;
  }

  take(value: Buffer, done: Done): void {
    if (this.turn.length === 0) setImmediate(() => this.flush());
    this.turn.push({ value, done });
  }

  /** One batch at a time; what comes meanwhile goes into the next. */
  private flush(): void {
    if (this.writing || this.turn.length === 0) return;
    const batch = this.turn;
    this.turn = [];
    const slot = ++this.lastSlot;
    this.pending.set(slot, { copies: 0, done: batch.map(({ done }) => done) });
    const out = new ByteWriter().u8(Kind.append).varint(slot);
    for (const { value } of batch) out.bytes(value);
    const message = out.finish();
    for (let to = 2; to <= NODES; to++) this.send(to, new ByteWriter(message.length).raw(message));
    this.writing = true;
    this.disk.batch(batch.map(({ value }, i) => ({ key: keyOf(slot, i), value })), (error) => {
      if (error !== undefined) fatal(error.message);
      this.writing = false;
      this.copied(slot);
      this.flush();
    });
  }

  copied(slot: number): void {
    const entry = this.pending.get(slot);
    if (entry === undefined || ++entry.copies < 2) return;
    this.pending.delete(slot);
    for (const done of entry.done) done();
  }
}

const keyOf = (slot: number, i: number): Key => `${String(slot)}/${String(i)}` as Key;

async function serve({ self, peers, folder }: Order): Promise<void> {
  const env = systemEnvironment({ uncertaintyMicros: 250, log: LOG, fatal });
  const disk = await openLevelDisk(folder);
  const transport = new TcpTransport({ self: nodeId(self), clusterId: 'limit', env });
  await transport.listen('127.0.0.1', peers[self - 1] ?? 0);
  const others = peers.map((_, i) => i + 1).filter((id) => id !== self);
  for (const id of others) transport.setPeer(nodeId(id), { host: '127.0.0.1', port: peers[id - 1] ?? 0 });
  const send = (to: number, out: ByteWriter): void => {
    transport.send(nodeId(to), Channel.paxos, out.finish());
  };
  const writer = new Writer(disk, send);
  const waiting = new Map<number, Done>();
  let lastId = 0;
  transport.onMessage(Channel.paxos, (from, payload) => {
    const input = new ByteReader(payload);
    const kind = input.u8();
    const number = input.varint();
    if (kind === Kind.commit) writer.take(Buffer.from(input.bytes()), () => send(from, new ByteWriter().u8(Kind.committed).varint(number)));
    else if (kind === Kind.committed) {
      waiting.get(number)?.();
      waiting.delete(number);
    } else if (kind === Kind.appended) writer.copied(number);
    else {
      const ops: { key: Key; value: Buffer }[] = [];
      while (input.remaining > 0) ops.push({ key: keyOf(number, ops.length), value: Buffer.from(input.bytes()) });
      disk.batch(ops, (error) => {
        if (error !== undefined) fatal(error.message);
        send(from, new ByteWriter().u8(Kind.appended).varint(number));
      });
    }
  });
  const commit = async (request: Buffer): Promise<Buffer> => {
    decodeCommit(request);
    await new Promise<void>((resolve) => {
      if (self === 1) writer.take(request, resolve);
      else {
        waiting.set(++lastId, resolve);
        send(1, new ByteWriter().u8(Kind.commit).varint(lastId).bytes(request));
      }
    });
    return encodeCommitResponse(env.clock.interval().latest, undefined);
  };
  const methods = new Map<string, GrpcHandler>([
    [COMMIT, { kind: 'unary', run: commit }],
    [CREATE_SESSION, { kind: 'unary', run: async () => Buffer.from([0x0a, 1, 0x73]) }],
  ]);
  const port = await new GrpcServer(methods, LOG).listen('127.0.0.1', 0);
  while (others.some((id) => !transport.isUp(nodeId(id)))) await sleep(20);
  process.send?.(port);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { clients: { type: 'string', default: '1,16,64' }, seconds: { type: 'string', default: '5' }, 'warm-up': { type: 'string', default: '3' }, out: { type: 'string', default: join(RESULTS, 'limit.json') }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'trestle-limit-'));
  const peers = await freePorts(NODES);
  const children: ChildProcess[] = [];
  try {
    const ports = await Promise.all(Array.from({ length: NODES }, (_, i) => new Promise<number>((resolve, reject) => {
      const order: Order = { self: i + 1, peers, folder: join(folder, String(i)) };
      const child = fork(import.meta.filename, ['serve', JSON.stringify(order)]);
      children.push(child);
      child.once('message', (port) => resolve(Number(port)));
      child.once('exit', (code) => reject(new Error(`a process ended with exit code ${String(code)}`)));
    })));
    const target = { driver: 'spanner', addresses: ports.map((port) => `127.0.0.1:${String(port)}`) };
    const processes = children.map((child, i) => ({ name: `process ${String(i + 1)}`, pid: child.pid ?? 0 }));
    const measured = [];
    for (const clients of values.clients.split(',').map(Number)) {
      const run = await measure({ target, workload: 'insert', clients, rows: ROWS, warmUpSeconds: Number(values['warm-up']), seconds: Number(values.seconds) }, processes);
      if (run !== undefined) measured.push({ clients, ...run });
    }
    const rows = measured.map((run) => [String(run.clients), String(run.perSecond), (run.latencyMicros.p50 / 1e3).toFixed(2), (run.latencyMicros.p99 / 1e3).toFixed(2), run.serverCpuMicros.toFixed(0), run.clientCpuMicros.toFixed(0)]);
    process.stdout.write(`${plainTable(['CLIENTS', 'PER SECOND', 'P50 MS', 'P99 MS', 'SERVER µs/OP', 'LOAD µs/OP'], rows)}\n`);
    writeResults(values.out, { measured });
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === 'serve') await serve(JSON.parse(process.argv[3] ?? '{}') as Order);
else await main();

/**
 * What the building blocks can do: the edge, batched messages between three processes, one synced batch of LevelDB a
 * turn, and nothing else: no consensus, no transactions, no rows. The upper bound for commits of one row, as a peer of
 * bench:cluster (bench/peers/limit.ts), which starts this file three times with its orders as an argument.
 *
 * The edge is Trestle's own, or the library's that Trestle began with: the first shows what is left to be gained behind
 * the edge, the second what ready-made parts do.
 *
 * A process that is asked passes the commit to the first; that one writes what came in a turn as one batch, sends it to
 * the others in one message each, and answers what is on its own disk and on one more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, type handleUnaryCall, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { GrpcServer, type GrpcHandler } from '../../src/api/grpc/grpc-server.ts';
import { decodeCommit } from '../../src/api/wire/requests.ts';
import { encodeCommitResponse } from '../../src/api/wire/results.ts';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import type { Key } from '../../src/base/ids.ts';
import { nodeId } from '../../src/base/ids.ts';
import { systemEnvironment } from '../../src/node/environment.ts';
import { Channel } from '../../src/net/transport.ts';
import { TcpTransport } from '../../src/net/tcp.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';

const COMMIT = '/google.spanner.v1.Spanner/Commit';
const CREATE_SESSION = '/google.spanner.v1.Spanner/CreateSession';
const Kind = { commit: 1, committed: 2, append: 3, appended: 4 } as const;

export interface LimitOrder {
  /** From 1. */
  readonly self: number;
  /** Ports of all processes, for each other. */
  readonly peers: readonly number[];
  /** Where it serves clients. */
  readonly port: number;
  readonly folder: string;
  readonly edge: 'own' | 'grpc-js';
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
  private readonly others: readonly number[];
  private readonly send: (to: number, out: ByteWriter) => void;
  private lastSlot = 0;
  private turn: { value: Buffer; done: Done }[] = [];
  private writing = false;
  private readonly pending = new Map<number, { copies: number; done: Done[] }>();

  constructor(disk: Disk, others: readonly number[], send: (to: number, out: ByteWriter) => void) {
    this.disk = disk;
    this.others = others;
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
    for (const to of this.others) this.send(to, new ByteWriter(message.length).raw(message));
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

async function serve({ self, peers, port, folder, edge }: LimitOrder): Promise<void> {
  const env = systemEnvironment({ uncertaintyMicros: 250, log: LOG, fatal });
  const disk = await openLevelDisk(folder);
  const transport = new TcpTransport({ self: nodeId(self), clusterId: 'limit', env });
  await transport.listen('127.0.0.1', peers[self - 1] ?? 0);
  const others = peers.map((_, i) => i + 1).filter((id) => id !== self);
  for (const id of others) transport.setPeer(nodeId(id), { host: '127.0.0.1', port: peers[id - 1] ?? 0 });
  const send = (to: number, out: ByteWriter): void => {
    transport.send(nodeId(to), Channel.paxos, out.finish());
  };
  const writer = new Writer(disk, others, send);
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
  const methods: Methods = [[COMMIT, commit], [CREATE_SESSION, async () => Buffer.from([0x0a, 1, 0x73])]];
  while (others.some((id) => !transport.isUp(nodeId(id)))) await sleep(20);
  await LISTEN[edge](methods, port);
}

/** Paths of methods, and what they do with the bytes of a request. */
type Methods = readonly (readonly [path: string, run: (request: Buffer) => Promise<Buffer>])[];

const LISTEN: Readonly<Record<LimitOrder['edge'], (methods: Methods, port: number) => Promise<unknown>>> = {
  own: (methods, port) => new GrpcServer(new Map(methods.map(([path, run]): [string, GrpcHandler] => [path, { kind: 'unary', run }])), LOG).listen('127.0.0.1', port),
  'grpc-js': (methods, port) => {
    const server = new Server();
    const asTheyAre = { requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
    const handlers: UntypedServiceImplementation = {};
    for (const [path, run] of methods) {
      const answer: handleUnaryCall<Buffer, Buffer> = ({ request }, done) => void run(request).then((bytes) => done(null, bytes), fatal);
      handlers[path] = answer;
    }
    server.addService(Object.fromEntries(methods.map(([path]) => [path, { path, ...asTheyAre }])), handlers);
    return new Promise((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${String(port)}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve(undefined) : reject(error)));
    });
  },
};

const same = (bytes: Buffer): Buffer => bytes;

await serve(JSON.parse(process.argv[2] ?? '{}') as LimitOrder);

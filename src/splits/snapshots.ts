/**
 * Bringing a replica up to date with the state of another one, when the log no longer reaches back far enough, or the
 * node never had the split.
 *
 * The leader (event snapshotWanted) tells the follower where to fetch; the follower pulls a stream of chunks at its own
 * pace. The rows are replaced in place, so the replica is marked as installing, also on disk, until all of it is there:
 * a node that stops half-way fetches again.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { slot as slotOf, type Key, type NodeId, type SplitId } from '../base/ids.ts';
import type { Rpc } from '../net/rpc.ts';
import { readMembership, writeMembership } from '../storage/groupstore.ts';
import { clearRange, exportRange, importChunk } from '../storage/transfer.ts';
import type { Membership } from '../paxos/types.ts';
import type { Engine, Entry, WriteOp } from '../storage/types.ts';
import { readDescriptor, writeDescriptor } from './answer.ts';
import type { SplitHost } from './host.ts';
import { intersect } from './ranges.ts';
import { readSplitId, readSplitIds } from './read-ids.ts';
import type { SplitDescriptor, StateRange } from './types.ts';

const FETCH = 'splits.fetch';
const OFFER = 'splits.offer';
const STATE_BATCH = 512;
const LARGE_STATE_BATCH = 2;
const STATE_CHUNK_BYTES = 1024 * 1024;
/** An unknown split is asked about at most this often: usually the cut that makes it is on its way. */
const UNKNOWN_GRACE_MICROS = 3_000_000;

interface Header {
  readonly descriptor: SplitDescriptor;
  readonly ancestors: readonly SplitId[];
  readonly appliedSlot: number;
  readonly membership: Membership;
}

export class Snapshots {
  private readonly host: SplitHost;
  private readonly rpc: Rpc;
  private readonly mayVote: () => boolean;
  private readonly fetching = new Set<SplitId>();
  private readonly unknownSince = new Map<SplitId, number>();

  /** `mayVote` false: this node lost its data, and takes only splits in which it has no vote (node/rejoin.ts). */
  constructor(host: SplitHost, rpc: Rpc, mayVote: () => boolean) {
    this.host = host;
    this.rpc = rpc;
    this.mayVote = mayVote;
    rpc.handle(OFFER, (from, body) => {
      this.fetch(readSplitId(new ByteReader(body)), from);
      return Buffer.alloc(0);
    });
    rpc.handleStream(FETCH, (_, body) => this.serve(readSplitId(new ByteReader(body))));
  }

  /** The leader's side: `to` has fallen behind the log. */
  offer(split: SplitId, to: NodeId): void {
    this.rpc.call(to, OFFER, new ByteWriter(8).varint(split).finish(), { timeoutMicros: 5_000_000 }).catch((error: unknown) => {
      this.host.env.log.debug('splits.offerFailed', { split, to, error: String(error) });
    });
  }

  /** A peer spoke of a split that this node does not have. After a while without a cut that makes it, fetch it. */
  unknown(split: SplitId, from: NodeId): void {
    const now = this.host.env.clock.monotonicMicros();
    const since = this.unknownSince.get(split);
    if (since === undefined) this.unknownSince.set(split, now);
    else if (now - since > UNKNOWN_GRACE_MICROS) {
      this.unknownSince.set(split, now);
      this.fetch(split, from);
    }
  }

  /** Replicas that were interrupted while installing ask their peers again. */
  resume(peers: readonly NodeId[]): void {
    for (const hosted of this.host.all()) {
      if (!hosted.installing || this.fetching.has(hosted.split)) continue;
      const peer = peers[this.host.env.random.int(peers.length)];
      if (peer !== undefined) this.fetch(hosted.split, peer);
    }
  }

  /** Copies the split from a peer, unless that is under way, or what is on disk is still being read: then it would seem to be missing. */
  fetch(split: SplitId, from: NodeId): void {
    if (!this.host.isLoaded || this.fetching.has(split)) return;
    this.fetching.add(split);
    this.install(split, from)
      .catch((error: unknown) => {
        this.host.env.log.warn('splits.fetchFailed', { split, from, error: String(error) });
      })
      .finally(() => this.fetching.delete(split));
  }

  private async install(split: SplitId, from: NodeId): Promise<void> {
    const stream = this.rpc.stream(from, FETCH, new ByteWriter(8).varint(split).finish());
    let header: Header | undefined;
    for await (const chunk of stream) {
      const input = new ByteReader(chunk);
      const kind = input.u8();
      if (header === undefined) {
        header = readHeader(input);
        const { self } = this.host;
        if (!this.mayVote() && header.membership.members.some((member) => member.node === self && member.kind !== 'read-only')) return;
        if (!this.isWanted(header)) return;
        this.host.env.log.info('splits.installing', { split, from, appliedSlot: header.appliedSlot });
        const hosted = this.host.installing(header.descriptor, header.ancestors, header.membership);
        await clearRange(this.host.engine, header.descriptor.from, header.descriptor.to);
        // What was prepared here may have been decided since: nothing of it may stay.
        for (const range of hosted.application.stateRanges()) if (range.shared !== true) await clearState(this.host.engine, range);
        continue;
      }
      const { from: low, to: high } = header.descriptor;
      if (kind === ROWS) this.host.engine.write(importChunk(input.raw(input.remaining), low, high));
      else this.host.engine.write(readState(input));
      await new Promise<void>((resolve) => {
        this.host.engine.sync(resolve);
      });
    }
    if (header === undefined) return;
    await this.host.installed(header.descriptor, header.ancestors, slotOf(header.appliedSlot), header.membership);
    this.unknownSince.delete(split);
    this.host.env.log.info('splits.installed', { split, from, appliedSlot: header.appliedSlot });
  }

  private isWanted({ descriptor, appliedSlot }: Header): boolean {
    const known = this.host.get(descriptor.id);
    if (known !== undefined) {
      const have = known.replica.appliedSlot;
      if (known.installing ? have > appliedSlot : have >= appliedSlot) return false;
    }
    // Where another replica here still covers some of the range, that one must be cut first, by its log or by a snapshot
    // of its own; and a peer that has not yet applied a cut must not bring back what it took away.
    for (const other of this.host.all()) {
      if (other.split !== descriptor.id && intersect(other.descriptor(), descriptor) !== undefined) return false;
    }
    return true;
  }

  private async *serve(split: SplitId): AsyncGenerator<Uint8Array> {
    const hosted = this.host.get(split);
    if (hosted === undefined || hosted.installing) return;
    const descriptor = hosted.descriptor();
    // Everything is opened in this turn: the rows, the state and the applied slot belong together.
    const untold: WriteOp[] = [];
    hosted.application.tellEngine(untold);
    this.host.engine.writeState(untold);
    const rows = exportRange(this.host.engine, descriptor.from, descriptor.to);
    const states = hosted.application.stateRanges().map((range) => ({ cursor: this.host.engine.scan(range.from, range.to), most: batchOf(range) }));
    const out = new ByteWriter().u8(HEADER);
    writeHeader(out, { descriptor, ancestors: hosted.ancestors, appliedSlot: hosted.replica.appliedSlot, membership: hosted.membership });
    try {
      yield out.finish();
      for (const { cursor, most } of states) {
        for (let batch = await cursor.next(most); batch.length > 0; batch = await cursor.next(most)) yield* stateChunks(batch);
      }
      for (let chunk = await rows.next(); chunk !== undefined; chunk = await rows.next()) yield new ByteWriter(chunk.length + 1).u8(ROWS).raw(chunk).finish();
    } finally {
      await rows.close();
      for (const { cursor } of states) await cursor.close();
    }
  }
}

const batchOf = ({ isLarge }: StateRange): number => (isLarge === true ? LARGE_STATE_BATCH : STATE_BATCH);

/** Removes what lies in a range of the engine. Nothing is synced. */
async function clearState(engine: Engine, range: StateRange): Promise<void> {
  const cursor = engine.scan(range.from, range.to);
  const most = batchOf(range);
  try {
    for (let batch = await cursor.next(most); batch.length > 0; batch = await cursor.next(most)) {
      engine.write(batch.map(({ key }) => ({ key, value: undefined })));
    }
  } finally {
    await cursor.close();
  }
}

const HEADER = 0;
const STATE = 1;
const ROWS = 2;

/** A prepared transaction may be as large as a log entry: a chunk must still fit a message. */
function* stateChunks(entries: readonly Entry[]): Generator<Uint8Array> {
  for (let at = 0; at < entries.length; ) {
    const body = new ByteWriter();
    let count = 0;
    for (let entry = entries[at]; entry !== undefined && (count === 0 || body.size + entry.value.length <= STATE_CHUNK_BYTES); entry = entries[++at]) {
      body.binary(entry.key).bytes(entry.value);
      count++;
    }
    yield new ByteWriter(body.size + 8).u8(STATE).varint(count).raw(body.view()).finish();
  }
}

function writeHeader(out: ByteWriter, header: Header): void {
  writeDescriptor(out, header.descriptor);
  out.varint(header.ancestors.length);
  for (const ancestor of header.ancestors) out.varint(ancestor);
  out.varint(header.appliedSlot);
  writeMembership(out, header.membership);
}

function readHeader(input: ByteReader): Header {
  const descriptor = readDescriptor(input);
  const ancestors = readSplitIds(input);
  return { descriptor, ancestors, appliedSlot: input.varint(), membership: readMembership(input) };
}

function readState(input: ByteReader): WriteOp[] {
  const ops: WriteOp[] = [];
  for (let n = input.count(); n > 0; n--) ops.push({ key: input.binary() as Key, value: new Uint8Array(input.bytes()) });
  return ops;
}

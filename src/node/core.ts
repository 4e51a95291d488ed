/**
 * The core of one server process: storage, logs, splits and transactions, put together over an environment, a disk and a
 * transport that are handed in. The shell (main.ts) gives it real ones, the simulator virtual ones; there is no other
 * difference between a node in production and a node in a simulation.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { Environment } from '../base/env.ts';
import { unavailable } from '../base/errors.ts';
import { untilGrid } from '../base/grid.ts';
import { splitId, type Key, type NodeId, type SplitId, type Timestamp, type TxnId } from '../base/ids.ts';
import type { Transport } from '../net/transport.ts';
import { Rpc } from '../net/rpc.ts';
import { DEFAULT_TUNING, type PaxosTuning } from '../paxos/tuning.ts';
import type { Membership } from '../paxos/types.ts';
import { notLeaderAnswer, okAnswer, wrongSplitAnswer } from '../splits/answer.ts';
import { SplitHost } from '../splits/host.ts';
import type { HostEvent, SplitDescriptor } from '../splits/types.ts';
import { Router } from '../splits/router.ts';
import { Snapshots } from '../splits/snapshots.ts';
import type { Disk } from '../storage/disk.ts';
import { openEngine } from '../storage/engine.ts';
import { fragmentCompiler } from '../sql/fragment/run.ts';
import type { PageOptions } from '../storage/pages.ts';
import type { Engine } from '../storage/types.ts';
import { CommitBatch } from '../txn/batching.ts';
import { writeTxnId } from '../txn/commands.ts';
import { Gateway } from '../txn/gateway.ts';
import type { HeldMode, LockOwner, Span } from '../txn/locks.ts';
import type { OutcomeLearner, ParticipantLinks } from '../txn/links.ts';
import { Turns } from '../txn/logging.ts';
import { Participant } from '../txn/participant.ts';
import { decodeIds, encodeIds, Method } from '../txn/protocol.ts';
import { TxnService } from '../txn/service.ts';
import { selectReplicas, type NodePlace } from './directed-reads.ts';
import { Founding } from './founding.ts';
import { GarbageCollector } from './gc.ts';
import { hasLostData, Rejoin } from './rejoin.ts';
import { FIRST_DATABASE_PREFIX, KEYSPACE_END, META_SPLIT, TAIL_SPLIT } from './keyspace.ts';

const CUT = 'splits.cut';
/** How often interrupted snapshot fetches are taken up again, and replicas that caught up are made voters, microseconds. */
const HOUSEKEEPING_MICROS = 1_200_000;
/** How long a node that stops waits for others to lead, and the longest silence of one that may. */
const HAND_OVER_MICROS = 300_000;
const HAND_OVER_POLL_MICROS = 5_000;
const HEIR_SILENCE_MICROS = 1_000_000;
const NOTICE_TIMEOUT_MICROS = 1_000_000;
/** Each waits up to two seconds for transactions in flight. */
const MAX_CUT_ATTEMPTS = 10;
const REPLICA_WAIT_MICROS = 200_000;

export interface CoreOptions {
  readonly self: NodeId;
  readonly nodes: readonly NodeId[];
  readonly env: Environment;
  readonly disk: Disk;
  readonly transport: Transport;
  readonly tuning?: PaxosTuning;
  /** True: an empty disk means that this node takes part in founding the cluster. False: that it has lost its data. `auto`: the nodes agree (founding.ts). */
  readonly founding: boolean | 'auto';
  /** Log entries kept for followers that are behind; see splits/host.ts. */
  readonly logKeepSlots?: number;
  readonly onEvent?: (event: HostEvent) => void;
  /** What scans keep of rows in memory; see storage/pages.ts. */
  readonly pages?: PageOptions;
  /** Asked where a key's split lies when this node has no replica of it. */
  readonly lookUp?: (key: Key) => Promise<SplitDescriptor | undefined>;
  /** What is too large to be sent to a leader, or logged, at once; the defaults are in txn/limits.ts. */
  readonly wholeBytes?: number;
  /** Where the nodes are, for directed reads. */
  readonly places?: readonly NodePlace[];
  /** How long old versions of a split's rows are kept, microseconds. Without it, or while it answers undefined, all are kept. */
  readonly retentionMicros?: (split: SplitDescriptor) => number | undefined | Promise<number | undefined>;
}

const noop = (): void => undefined;

export class NodeCore {
  readonly self: NodeId;
  readonly env: Environment;
  readonly engine: Engine;
  readonly rpc: Rpc;
  readonly host: SplitHost;
  readonly router: Router;
  readonly gateway: Gateway;
  readonly collector: GarbageCollector;
  /** Told of lock requests that begin to wait at a leader here; what it answers is called at the end of the wait. */
  lockObserver: ((owner: LockOwner, span: Span, mode: HeldMode) => () => void) | undefined;
  private readonly options: CoreOptions;
  private readonly turns = new Turns();
  private readonly outcomes: CommitBatch;
  private readonly snapshots: Snapshots;
  private readonly rejoin: Rejoin;
  private readonly founding: Founding;
  /** Until it is known what an empty disk means, messages about splits say nothing. */
  private takesPart = false;
  private stopped = false;

  constructor(options: CoreOptions) {
    this.options = options;
    this.self = options.self;
    this.env = options.env;
    this.outcomes = new CommitBatch(options.env.scheduler);
    this.engine = openEngine(options.disk, options.env, { pages: options.pages });
    this.rpc = new Rpc(options.transport, options.env);
    this.host = new SplitHost({
      self: options.self,
      env: options.env,
      engine: this.engine,
      transport: options.transport,
      tuning: options.tuning ?? DEFAULT_TUNING,
      application: (context) => new Participant(context, this.links()),
      ...(options.logKeepSlots === undefined ? {} : { logKeepSlots: options.logKeepSlots }),
      prefers: (split) => options.nodes[split % options.nodes.length] === options.self,
      onEvent: (event) => this.onEvent(event),
    });
    this.router = new Router({
      env: options.env,
      rpc: this.rpc,
      self: options.self,
      nodes: () => options.nodes,
      lookup: (key) => this.host.descriptorFor(key) ?? this.options.lookUp?.(key),
      leaderHint: (split) => this.host.get(split)?.leaderHint(),
    });
    this.gateway = new Gateway({
      env: options.env, rpc: this.rpc, router: this.router, host: this.host, sentRequestBytes: options.wholeBytes,
      select: (split, selection) => {
        const members = this.host.get(split)?.replica.membership.members ?? options.nodes.map((node) => ({ node, kind: 'read-write' }));
        return selectReplicas(options.places ?? [], members, selection, options.self);
      },
    });
    this.snapshots = new Snapshots(this.host, this.rpc, () => !hasLostData(this.engine));
    this.rejoin = new Rejoin(this.host, this.rpc, this.snapshots, options.nodes.filter((node) => node !== options.self));
    this.founding = new Founding({ env: options.env, engine: this.engine, rpc: this.rpc, peers: options.nodes.filter((node) => node !== options.self), state: () => (hasLostData(this.engine) ? 'lost' : this.host.count > 0 ? 'founded' : 'blank') });
    this.collector = new GarbageCollector({ env: options.env, host: this.host, retentionMicros: (split) => options.retentionMicros?.(split) });
    new TxnService(this.host, this.rpc, fragmentCompiler()).register();
    this.rpc.handle(CUT, (_, body) => this.serveCut(body));
  }

  /** Loads what is on disk, or founds the cluster, and begins to take part. */
  async start(): Promise<void> {
    await this.host.load();
    if (this.options.founding === 'auto') await this.founding.begin();
    if (this.host.count === 0 && !(await this.founds())) await this.rejoin.mark();
    else if (this.host.count === 0) {
      const members = this.options.nodes.map((node) => ({ node, kind: 'read-write' as const }));
      const membership: Membership = { version: 1, members };
      this.host.bootstrap({ id: META_SPLIT, from: '' as Key, to: FIRST_DATABASE_PREFIX, generation: 1 }, membership);
      this.host.bootstrap({ id: TAIL_SPLIT, from: FIRST_DATABASE_PREFIX, to: KEYSPACE_END, generation: 1 }, membership);
    }
    this.takesPart = true;
    this.host.start();
    if (hasLostData(this.engine)) this.rejoin.begin();
    this.housekeep();
  }

  /** What an empty disk means. */
  private async founds(): Promise<boolean> {
    if (hasLostData(this.engine)) return false;
    return this.options.founding === 'auto' ? this.founding.decide() : this.options.founding;
  }

  /**
   * Gives what this node leads to the replicas that are furthest, so that nobody waits for its leases to end. Resolves
   * when they have been told, or after a moment: nothing depends on it.
   */
  async handOver(): Promise<void> {
    const { clock, scheduler } = this.env;
    const sleep = (micros: number): Promise<void> => new Promise((resolve) => void scheduler.after(micros, resolve));
    const led = [...this.host.all()].filter((hosted) => hosted.isLeading());
    let asked = 0;
    for (const hosted of led) {
      const heirs = hosted.replica.progress(this.host.instant()).filter(({ node, kind, silentMicros }) => node !== this.self && kind === 'read-write' && silentMicros < HEIR_SILENCE_MICROS);
      const heir = heirs.toSorted((a, b) => a.lag - b.lag)[0];
      if (heir === undefined) continue;
      asked++;
      this.host.transferLeadership(hosted, heir.node);
    }
    if (asked === 0) return;
    const end = clock.monotonicMicros() + HAND_OVER_MICROS;
    while (clock.monotonicMicros() < end && led.some((hosted) => hosted.replica.role === 'leader')) await sleep(HAND_OVER_POLL_MICROS);
    // The lease goes when its last timestamp has passed, which the next tick sees.
    await sleep(2 * (this.options.tuning ?? DEFAULT_TUNING).tickMicros);
  }

  /** Stops taking part. What is durable stays so. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.founding.stop();
    this.host.stop();
    this.rpc.close();
    await this.collector.stop();
    await this.engine.close();
  }

  /** Whether every split here has a leader, as far as this node can tell. */
  everySplitIsLed(): boolean {
    for (const hosted of this.host.all()) {
      const hint = hosted.leaderHint();
      if (hosted.installing || hint === undefined) return false;
      if (hint === this.self && !hosted.isLeading()) return false;
    }
    return this.host.count > 0;
  }

  /** Resolves when this node's replica of the split that holds `key` has everything up to `at`. */
  async waitForReplica(key: Key, at: Timestamp): Promise<void> {
    for (;;) {
      const split = await this.router.locate(key);
      const participant = this.host.get(split.id)?.application;
      if (!(participant instanceof Participant)) throw unavailable('This node has no replica of the split.');
      if (participant.leads() || participant.safeTime.now() >= at || (await participant.safeTime.wait(at, REPLICA_WAIT_MICROS))) return;
    }
  }

  /** Cuts the split that holds `at`, so that a split begins there. Idempotent: nothing happens when one does already. */
  async cutAt(at: Key, right: SplitId): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const split = await this.router.locate(at);
      if (split.from === at) return;
      const body = new ByteWriter().varint(split.id).varint(right).binary(at).finish();
      const answer = await this.router.call(split.id, CUT, body);
      if (answer === 'rerouted') continue;
      this.router.forget(split.id);
      if (answer.bool()) continue; // Now a split begins there.
      if (attempt >= MAX_CUT_ATTEMPTS) throw unavailable('The split is too busy to be cut; try again.');
    }
  }

  private async serveCut(body: Buffer): Promise<Uint8Array> {
    const input = new ByteReader(body);
    const hosted = this.host.get(splitId(input.varint()));
    const right = splitId(input.varint());
    const at = input.binary() as Key;
    if (hosted === undefined) return notLeaderAnswer(undefined);
    const { from, to } = hosted.descriptor();
    if (at <= from || at >= to) return wrongSplitAnswer(this.host.descriptors().filter((other) => other.from <= at && at < other.to));
    if (!hosted.isLeading()) return notLeaderAnswer(hosted.leaderHint());
    const cut = await this.host.cut(hosted, at, right);
    if (!cut && !hosted.isLeading()) return notLeaderAnswer(hosted.leaderHint());
    return okAnswer().bool(cut).finish();
  }

  private onEvent(event: HostEvent): void {
    if (!this.takesPart && (event.kind === 'snapshotWanted' || event.kind === 'unknownSplit')) return;
    if (event.kind === 'snapshotWanted') this.snapshots.offer(event.split, event.to);
    else if (event.kind === 'unknownSplit') this.snapshots.unknown(event.split, event.from);
    else if (event.kind === 'cut') {
      this.router.learn(event.left);
      this.router.learn(event.right);
    }
    this.options.onEvent?.(event);
  }

  private housekeep(): void {
    if (this.stopped) return;
    this.rejoin.promote();
    this.snapshots.resume(this.options.nodes.filter((node) => node !== this.self));
    this.collector.wake();
    this.env.scheduler.after(untilGrid(this.env.clock, HOUSEKEEPING_MICROS), () => {
      this.housekeep();
    });
  }

  private links(): ParticipantLinks {
    return {
      logOptions: { turns: this.turns, outcomes: this.outcomes, partBytes: this.options.wholeBytes },
      notifyWounded: (node: NodeId, txn: TxnId): void => {
        const body = new ByteWriter(16);
        writeTxnId(body, txn);
        this.detached('txn.wounded', this.rpc.call(node, Method.wounded, body.finish(), { timeoutMicros: NOTICE_TIMEOUT_MICROS }));
      },
      askOutcome: (participant: OutcomeLearner, coordinator: SplitId, txn: TxnId): void => {
        this.detached('txn.askOutcome', this.resolve(participant, coordinator, txn));
      },
      askForgotten: async (node: NodeId, ids: readonly TxnId[]): Promise<readonly TxnId[]> =>
        decodeIds(await this.rpc.call(node, Method.forgotten, encodeIds(ids), { timeoutMicros: NOTICE_TIMEOUT_MICROS })),
      lockWaits: (owner, span, mode) => this.lockObserver?.(owner, span, mode) ?? noop,
      announce: (txn: TxnId, participants: readonly SplitId[], at: Timestamp): void => {
        this.gateway.tellOutcome(participants, txn, at);
      },
    };
  }

  private async resolve(participant: OutcomeLearner, coordinator: SplitId, txn: TxnId): Promise<void> {
    const status = await this.gateway.askStatus(coordinator, txn);
    if (status.kind === 'pending') return;
    await participant.learnOutcome(txn, status.kind === 'committed' ? status.timestamp : (0 as Timestamp));
  }

  /** Work nobody waits for: its failure is logged, and whoever needed it finds out by other means. */
  private detached(name: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.env.log.debug('node.detachedFailed', { name, error: String(error) });
    });
  }
}

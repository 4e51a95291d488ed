/**
 * Clients that stand outside the cluster: each sends one transaction after another to a node drawn at random, and waits
 * for the answer, which may never come. What it then knows is what goes into the history: `ok`, `fail` (certainly
 * nothing was written), or `unknown`.
 */
import type { Random } from '../../../src/base/env.ts';
import { Code, TrestleError } from '../../../src/base/errors.ts';
import type { NodeId, Timestamp } from '../../../src/base/ids.ts';
import { EventKind } from '../../../src/sim/simulation.ts';
import type { NodeCore } from '../../../src/node/core.ts';
import type { ReadView, ReadWriteOptions, ReadWriteTransaction, TimestampBound } from '../../../src/txn/types.ts';
import type { TxnWorld } from './world.ts';

const LATENCY_MICROS = 1_000;
/** Longer than the cluster looks for a leader by itself (20 s). */
const PATIENCE_MICROS = 24_000_000;
const NOTICE_MICROS = 200_000;
const MAX_ATTEMPTS = 30;
/** One commit in so many is given up by its client after a short while, one transaction rolled back at its end. */
const GIVE_UP_ONE_IN = 25;
const GIVE_UP_MICROS = 60_000;
const ROLL_BACK_ONE_IN = 40;
/** One commit in so many may be delayed. */
const DELAYED_ONE_IN = 10;
const MAX_DELAY_MICROS = 100_000;
/** One transaction in so many reads without locks. */
const OPTIMISTIC_ONE_IN = 3;
/** Nobody keeps what an optimistic transaction reads for it, however old it is: then it takes locks, as applications are told to. */
const OPTIMISTIC_ATTEMPTS = 8;

export type Outcome = 'ok' | 'fail' | 'exists' | 'unknown';

/** One transaction as the client knows it. */
export interface Attempt {
  readonly id: number;
  readonly start: number;
  end: number;
  outcome: Outcome;
  timestamp: number | undefined;
  /** Where a committed transaction without locks read. */
  snapshot: number | undefined;
}

/** `sleep` waits in the node's time, as a client does that thinks between two calls. */
export type UpdateBody = (txn: ReadWriteTransaction, sleep: (micros: number) => Promise<void>) => Promise<void>;

/** What a workload lets a client do next. */
export type Action =
  /** Without options the client chooses among those that are serializable. */
  | { readonly kind: 'update'; readonly options?: ReadWriteOptions; readonly body: (attempt: Attempt) => UpdateBody; readonly done: (attempt: Attempt) => void }
  | { readonly kind: 'snapshot'; readonly bound: TimestampBound; readonly body: (view: ReadView) => Promise<void>; readonly done: (attempt: Attempt) => void };

export interface Workload {
  readonly name: string;
  /** The first rows, written before faults begin. */
  setup: UpdateBody;
  next(random: Random): Action;
  /** A read of everything, for the end. */
  readAll(): Action;
  /** A split may be cut here. */
  cutPoint(random: Random): string;
  /** A sentence for what is wrong, or undefined. */
  check(): string | undefined;
}

interface Client {
  readonly random: Random;
  readonly workload: Workload;
  lastOkStart: number;
  waiting: boolean;
}

interface Ended {
  readonly outcome: Outcome;
  readonly timestamp: number | undefined;
  readonly snapshot?: number | undefined;
  readonly code: number | undefined;
}

/** Set while the process still may act for the client. */
interface Shared {
  committing: boolean;
  abandoned: boolean;
}

export class Clients {
  readonly counts = { ok: 0, fail: 0, exists: 0, unknown: 0 };
  readonly codes = new Map<number, number>();
  private readonly world: TxnWorld;
  private readonly clients: Client[];
  private readonly thinkMicros: number;
  private nextId = 1;
  private stopped = false;

  constructor(world: TxnWorld, workloads: readonly Workload[], count: number) {
    this.world = world;
    const random = world.random.fork('clients');
    this.thinkMicros = [8_000, 40_000, 200_000][random.int(3)] ?? 40_000;
    this.clients = Array.from({ length: count }, (_, i) => ({
      random: random.fork(`client${i}`),
      workload: workloads[i % workloads.length] as Workload,
      lastOkStart: -1,
      waiting: false,
    }));
  }

  start(): void {
    for (const client of this.clients) this.later(client, this.thinkMicros);
  }

  stop(): void {
    this.stopped = true;
  }

  get idle(): boolean {
    return this.clients.every(({ waiting }) => !waiting);
  }

  everyoneSucceededSince(time: number): boolean {
    return this.clients.every(({ lastOkStart }) => lastOkStart >= time);
  }

  private later(client: Client, withinMicros: number): void {
    this.world.sim.after(1 + client.random.int(2 * withinMicros), undefined, EventKind.client, () => {
      if (this.stopped || client.waiting) return;
      client.waiting = true;
      this.perform(client.workload.next(client.random), client.random, () => {
        client.waiting = false;
        this.later(client, this.thinkMicros);
      }, (attempt) => {
        client.lastOkStart = attempt.start;
      });
    });
  }

  /** Does the action, repeating what was aborted with the same age. */
  perform(action: Action, random: Random, done: () => void, ok: (attempt: Attempt) => void, at?: NodeId): void {
    let age: Timestamp | undefined;
    const optimistic: ReadWriteOptions = random.int(OPTIMISTIC_ONE_IN) === 0 ? { readLockMode: 'optimistic' } : {};
    const once = (count: number): void => {
      const { ids } = this.world.cluster;
      const node = at ?? ids[random.int(ids.length)] ?? (1 as NodeId);
      const attempt: Attempt = { id: this.nextId++, start: this.world.sim.now, end: Infinity, outcome: 'unknown', timestamp: undefined, snapshot: undefined };
      const shared: Shared = { committing: false, abandoned: false };
      const options = action.kind === 'update' && action.options !== undefined ? action.options : optimistic;
      const patient = count > OPTIMISTIC_ATTEMPTS && options.readLockMode === 'optimistic' ? {} : options;
      const run = action.kind === 'update' ? this.update(action.body(attempt), random, shared, { ...patient, ...(age === undefined ? {} : { age }) }, (given) => (age = given)) : snapshot(action);
      this.send(node, random, shared, run, ({ outcome, timestamp, snapshot: readAt, code }) => {
        attempt.outcome = outcome;
        attempt.timestamp = timestamp;
        attempt.snapshot = readAt;
        if (outcome !== 'unknown') attempt.end = this.world.sim.now;
        this.counts[outcome]++;
        if (code !== undefined) this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
        action.done(attempt);
        if (outcome === 'ok' || outcome === 'exists') ok(attempt);
        if (code !== Code.ABORTED || count >= MAX_ATTEMPTS || this.stopped) done();
        else this.world.sim.after(random.int(10_000), undefined, EventKind.client, () => { once(count + 1); });
      });
    };
    once(1);
  }

  private update(body: UpdateBody, random: Random, shared: Shared, options: ReadWriteOptions, keepAge: (age: Timestamp) => void) {
    const givesUpAfter = random.int(GIVE_UP_ONE_IN) === 0 ? random.int(GIVE_UP_MICROS) : undefined;
    const rollsBack = random.int(ROLL_BACK_ONE_IN) === 0;
    const delayed = random.int(DELAYED_ONE_IN) === 0 ? { maxCommitDelayMicros: random.int(MAX_DELAY_MICROS) } : {};
    return async (core: NodeCore): Promise<Ended> => {
      const sleep = (micros: number): Promise<void> => new Promise((resolve) => void core.env.scheduler.after(micros, resolve));
      const txn = core.gateway.beginReadWrite(options);
      keepAge(txn.age);
      try {
        await body(txn, sleep);
      } catch (error) {
        await txn.rollback();
        return { outcome: 'fail', timestamp: undefined, code: codeOf(error) };
      }
      if (shared.abandoned || rollsBack) {
        await txn.rollback();
        return { outcome: 'fail', timestamp: undefined, code: undefined };
      }
      shared.committing = true;
      try {
        const controller = new AbortController();
        if (givesUpAfter !== undefined) core.env.scheduler.after(givesUpAfter, () => { controller.abort('given up'); });
        const { commitTimestamp, snapshotTimestamp } = await txn.commit({ ...delayed, ...(givesUpAfter === undefined ? {} : { signal: controller.signal }) });
        return { outcome: 'ok', timestamp: commitTimestamp, snapshot: snapshotTimestamp, code: undefined };
      } catch (error) {
        const code = codeOf(error);
        const outcome = code === Code.ALREADY_EXISTS ? 'exists' : code === Code.ABORTED || code === Code.NOT_FOUND ? 'fail' : 'unknown';
        return { outcome, timestamp: undefined, code };
      }
    };
  }

  /** To the node, and the answer back, each with a delay. When the process dies the client notices that soon. */
  private send(node: NodeId, random: Random, shared: Shared, run: (core: NodeCore) => Promise<Ended>, answer: (ended: Ended) => void): void {
    const { sim, cluster } = this.world;
    const { process, program } = cluster.node(node);
    let answered = false;
    const finish = (ended: Ended): void => {
      if (answered) return;
      answered = true;
      sim.note(ended.outcome.length);
      answer(ended);
    };
    const giveUp = (): void => {
      shared.abandoned = true;
      finish({ outcome: shared.committing ? 'unknown' : 'fail', timestamp: undefined, code: undefined });
    };
    if (process === undefined || program?.started !== true) {
      sim.after(50_000, undefined, EventKind.client, giveUp);
      return;
    }
    sim.after(PATIENCE_MICROS, undefined, EventKind.client, giveUp);
    const watch = (): void => {
      if (answered) return;
      if (process.alive) sim.after(NOTICE_MICROS, undefined, EventKind.client, watch);
      else giveUp();
    };
    sim.after(NOTICE_MICROS, undefined, EventKind.client, watch);
    sim.after(1 + random.int(LATENCY_MICROS), process, EventKind.client, () => {
      if (shared.abandoned) return;
      run(program.core).then(
        (ended) => {
          if (process.alive) sim.after(1 + random.int(LATENCY_MICROS), undefined, EventKind.client, () => { finish(ended); });
        },
        (error: unknown) => {
          if (process.alive) sim.fail(error);
        },
      );
    });
  }
}

function snapshot(action: Action & { kind: 'snapshot' }) {
  return async (core: NodeCore): Promise<Ended> => {
    try {
      const view = await core.gateway.snapshot(action.bound);
      await action.body(view);
      return { outcome: 'ok', timestamp: view.readTimestamp, code: undefined };
    } catch (error) {
      return { outcome: 'fail', timestamp: undefined, code: codeOf(error) };
    }
  };
}

/** Only the errors that a client may see; anything else is a bug. */
function codeOf(error: unknown): number {
  if (error instanceof TrestleError && error.code !== Code.INTERNAL) return error.code;
  throw error;
}

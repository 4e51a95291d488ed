/** Simulated clusters of whole cores (storage, logs, splits, transactions) for the tests of transactions. */
import { splitId, type Key } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { NodeCore, type CoreOptions } from '../../src/node/core.ts';
import type { HostEvent } from '../../src/splits/types.ts';
import { FIRST_FREE_SPLIT } from '../../src/node/keyspace.ts';
import { SimCluster } from '../../src/sim/cluster.ts';
import { EventKind, Simulation } from '../../src/sim/simulation.ts';
import { encodeCell, readRecord } from '../../src/storage/record.ts';
import { SimDisk } from '../../src/storage/sim-disk.ts';
import type { ReadWriteTransaction, WriteOp } from '../../src/txn/types.ts';

const QUIET = { latencyMinMicros: 50, latencySpreadMicros: 100, paxosLoss: 0, paxosRepeat: 0, paxosReorder: 0, breakage: 0, spike: 0 };

export interface TestCluster {
  readonly sim: Simulation;
  readonly cluster: SimCluster<NodeCore, SimDisk>;
  core(node: number): NodeCore;
  /** Runs virtual time on until `work` is done; fails after `limitSeconds`. */
  run<T>(work: Promise<T>, limitSeconds?: number): Promise<T>;
  settle(seconds: number): Promise<void>;
  nextSplit(): ReturnType<typeof splitId>;
}

export async function startCluster(options: { nodes?: number; seed?: number; log?: boolean; onEvent?: (event: HostEvent) => void; founding?: 'auto'; down?: readonly number[]; logKeepSlots?: number; wholeBytes?: number; retentionMicros?: NonNullable<CoreOptions['retentionMicros']> } = {}): Promise<TestCluster> {
  const sim = new Simulation();
  const random = new SeededRandom(options.seed ?? 1);
  let split = FIRST_FREE_SPLIT;
  const cluster: SimCluster<NodeCore, SimDisk> = new SimCluster<NodeCore, SimDisk>(sim, random, {
    nodes: options.nodes ?? 3,
    network: QUIET,
    clock: { uncertaintyMicros: 250, maxDriftPpm: 50 },
    makeDisk: (_, own) => new SimDisk({ after: (delay, run) => sim.after(delay, undefined, EventKind.disk, run), endOfTurn: (run) => sim.endOfTurn(undefined, run) }, own),
    crashDisk: (disk) => disk.crash(),
    boot: ({ process, transport, disk, restarted }) => {
      const places = cluster.ids.map((node) => ({ node, zone: `z${String(node)}`, region: 'r' }));
      const core = new NodeCore({ places, self: process.id, nodes: cluster.ids, env: process.env, disk, transport, founding: options.founding ?? !restarted, ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }), ...(options.logKeepSlots === undefined ? {} : { logKeepSlots: options.logKeepSlots }), ...(options.wholeBytes === undefined ? {} : { wholeBytes: options.wholeBytes }), ...(options.retentionMicros === undefined ? {} : { retentionMicros: options.retentionMicros }) });
      core.start().catch((error: unknown) => sim.fail(error));
      return core;
    },
    ...(options.log === true ? { log: (node, level, event, fields) => process.stderr.write(`${sim.now} n${node} ${level} ${event} ${JSON.stringify(fields)}\n`) } : {}),
  });
  for (const id of cluster.ids) if (options.down?.includes(id) !== true) cluster.start(id);
  const run = async <T>(work: Promise<T>, limitSeconds = 30): Promise<T> => {
    let state: { value: T } | { error: unknown } | undefined;
    work.then(
      (value) => (state = { value }),
      (error: unknown) => (state = { error }),
    );
    for (const end = sim.now + limitSeconds * 1e6; sim.now < end && state === undefined; ) await sim.run(sim.now + 1_000);
    if (state === undefined) throw new Error(`not done after ${limitSeconds} simulated seconds`);
    if ('error' in state) throw state.error;
    return state.value;
  };
  const test: TestCluster = {
    sim,
    cluster,
    core: (node) => {
      const core = cluster.nodes[node - 1]?.program;
      if (core === undefined) throw new Error(`node ${node} is down`);
      return core;
    },
    run,
    settle: (seconds) => sim.run(sim.now + seconds * 1e6),
    nextSplit: () => splitId(split++),
  };
  // `down`: nodes that are not started yet; then there may be no leader.
  for (let i = 0; options.down === undefined && i < 100 && !cluster.nodes.every((node) => node.program?.everySplitIsLed() === true); i++) await test.settle(0.1);
  return test;
}

/** A key in the first database's key space. */
export const k = (name: string): Key => `\0\0\0\x01${name}` as Key;

export const put = (key: Key, value: number): WriteOp => ({ kind: 'put', key, cells: [{ column: 1, value: encodeCell({ kind: 'INT64' }, value) }] });

export function valueOf(record: Uint8Array | undefined): number | undefined {
  if (record === undefined) return undefined;
  const out: unknown[] = [];
  readRecord(record, [1], out);
  return Number(out[0]);
}

/** Runs `body` in transactions until one commits, keeping the age. */
export async function transact(core: NodeCore, body: (txn: ReadWriteTransaction) => Promise<void>): Promise<number> {
  let age: ReadWriteTransaction['age'] | undefined;
  for (let attempt = 1; ; attempt++) {
    const txn = core.gateway.beginReadWrite(age === undefined ? {} : { age });
    ({ age } = txn);
    try {
      await body(txn);
      await txn.commit();
      return attempt;
    } catch (error) {
      await txn.rollback();
      if ((error as { code?: number }).code !== 10 || attempt > 1_000) throw error;
    }
  }
}

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { RpcUnavailable } from '../../src/net/rpc-error.ts';
import { Rpc } from '../../src/net/rpc.ts';
import { Channel, type Transport } from '../../src/net/transport.ts';
import { EPOCH_MICROS, SimClock } from '../../src/sim/clock.ts';
import { SimCluster, type BootContext } from '../../src/sim/cluster.ts';
import { EventQueue } from '../../src/sim/event-queue.ts';
import { FaultInjector, drawPlan } from '../../src/sim/faults.ts';
import { EventKind, Simulation } from '../../src/sim/simulation.ts';

const NO_DISK = { makeDisk: () => undefined, crashDisk: () => undefined };
const CALM = { latencyMinMicros: 100, latencySpreadMicros: 1000, paxosLoss: 0, paxosRepeat: 0, paxosReorder: 0, breakage: 0, spike: 0 };
const CLOCK = { uncertaintyMicros: 5000, maxDriftPpm: 500 };

describe('event queue', () => {
  test('pops in order of time, then of insertion', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
        const queue = new EventQueue();
        const out: [number, number][] = [];
        times.forEach((at, i) => queue.push(at, undefined, 0, () => out.push([at, i])));
        for (let event = queue.pop(); event !== undefined; event = queue.pop()) event.run?.();
        expect(out).toEqual(times.map((at, i): [number, number] => [at, i]).sort((x, y) => x[0] - y[0] || x[1] - y[1]));
      }),
      { seed: 1 },
    );
  });
});

describe('simulation', () => {
  test('microtasks belong to the event that caused them; ends of turn follow them', async () => {
    const sim = new Simulation();
    const log: string[] = [];
    sim.at(10, undefined, EventKind.timer, () => {
      log.push('first');
      sim.endOfTurn(undefined, () => log.push('end'));
      queueMicrotask(() => {
        log.push('micro');
        queueMicrotask(() => log.push('micro of micro'));
      });
    });
    sim.at(10, undefined, EventKind.timer, () => log.push('second'));
    await sim.run(100);
    expect(log).toEqual(['first', 'micro', 'micro of micro', 'end', 'second']);
    expect(sim.now).toBe(100);
  });

  test('a paused node does everything when it resumes, in order, except what was cancelled; a dead one nothing', async () => {
    const sim = new Simulation();
    const log: string[] = [];
    const cluster = new SimCluster(sim, new SeededRandom(1), {
      nodes: 2,
      network: CALM,
      clock: CLOCK,
      ...NO_DISK,
      boot: ({ process }: BootContext<undefined>) => {
        const { scheduler } = process.env;
        scheduler.after(1000, () => log.push(`${process.id}a@${sim.now}`));
        const cancelled = scheduler.after(1500, () => log.push('cancelled'));
        scheduler.after(2000, () => {
          log.push(`${process.id}b@${sim.now}`);
          cancelled.cancel();
        });
        return scheduler.after(2500, () => log.push(`${process.id}c@${sim.now}`));
      },
    });
    cluster.startAll();
    const [one, two] = cluster.ids as [NodeId, NodeId];
    cluster.pause(one);
    sim.at(1800, undefined, EventKind.fault, () => {
      cluster.crash(two, false);
    });
    sim.at(2600, undefined, EventKind.fault, () => {
      cluster.program(one)?.cancel();
      cluster.resume(one);
    });
    await sim.run(10_000);
    expect(log).toEqual(['2a@1000', 'cancelled', '1a@2600', 'cancelled', '1b@2600']);
  });

  test('an error in an event ends the run with it', async () => {
    const sim = new Simulation();
    sim.at(5, undefined, EventKind.timer, () => {
      throw new Error('boom');
    });
    await expect(sim.run(10)).rejects.toThrow('boom');
  });
});

describe('clock', () => {
  test('within its bounds, monotone, whatever the seed', () => {
    for (let seed = 0; seed < 50; seed++) {
      let now = 0;
      const clock = new SimClock(() => now, new SeededRandom(seed), { uncertaintyMicros: 7000, maxDriftPpm: 5000 });
      let last = clock.interval();
      for (let i = 0; i < 500; i++) {
        now += i * 300;
        if (i % 50 === 0) clock.step();
        const { earliest, latest } = clock.interval();
        expect(earliest <= EPOCH_MICROS + now && EPOCH_MICROS + now <= latest).toBe(true);
        expect(earliest >= last.earliest && latest >= last.latest).toBe(true);
        last = { monotonic: 0, earliest, latest };
      }
      clock.breakBounds(1_000_000);
      expect(clock.interval().earliest > EPOCH_MICROS + now).toBe(true);
    }
  });
});

/** Sends numbered messages to every peer and checks what it gets against the contract of transports. */
class Chatter {
  readonly problems: string[] = [];
  received = 0;
  readonly rpc: Rpc;
  private readonly up = new Map<NodeId, boolean>();
  private readonly last = new Map<NodeId, number>();
  private readonly next = new Map<NodeId, number>();

  constructor(transport: Transport, context: BootContext<undefined>, peers: readonly NodeId[]) {
    const { env } = context.process;
    this.rpc = new Rpc(transport, env);
    transport.onPeer((peer, up) => {
      if ((this.up.get(peer) ?? false) === up) this.problems.push(`${peer} is ${String(up)} twice`);
      this.up.set(peer, up);
      this.last.delete(peer);
      if (up) this.next.set(peer, 0);
    });
    transport.onMessage(Channel.control, (from, payload) => {
      const n = payload.readUInt32BE(0);
      if (this.up.get(from) !== true) this.problems.push(`message from ${from}, which is down`);
      // The peer counts from 0 in each connection that it saw: so do we, from the first that reaches us.
      if (n !== (this.last.get(from) ?? -1) + 1) this.problems.push(`message ${n} from ${from} after ${this.last.get(from) ?? -1}`);
      this.last.set(from, n);
      this.received++;
    });
    const chat = (): void => {
      for (const peer of peers) {
        if (peer === transport.self || !transport.isUp(peer)) continue;
        const n = this.next.get(peer) ?? 0;
        const payload = Buffer.alloc(4);
        payload.writeUInt32BE(n, 0);
        this.next.set(peer, n + 1);
        transport.send(peer, Channel.control, payload);
      }
      env.scheduler.after(env.random.int(20_000), chat);
    };
    env.scheduler.after(1, chat);
  }
}

async function chat(seed: number, seconds: number): Promise<{ hash: string; received: number; problems: string[]; calls: number; faults: number; events: number }> {
  const sim = new Simulation();
  const random = new SeededRandom(seed);
  const plan = drawPlan(random.fork('plan'));
  const problems: string[] = [];
  const chatters: Chatter[] = [];
  const executed = new Map<string, number>();
  const cluster: SimCluster<Chatter, undefined> = new SimCluster(sim, random, {
    nodes: 4,
    network: { ...plan.network, breakage: 500 },
    clock: CLOCK,
    ...NO_DISK,
    boot: (context) => {
      const chatter = new Chatter(context.transport, context, [1, 2, 3, 4] as NodeId[]);
      chatter.rpc.handle('once', async (_, body) => {
        executed.set(body.toString(), (executed.get(body.toString()) ?? 0) + 1);
        if (context.process.env.random.int(2) === 0) await Promise.resolve();
        return body;
      });
      chatters.push(chatter);
      return chatter;
    },
  });
  const faults = new FaultInjector(cluster, random.fork('faults'), plan, { leader: () => undefined, slowDisk: () => undefined });
  cluster.startAll();
  faults.start();
  let calls = 0;
  const ask = (n: number): void => {
    const from = cluster.program((1 + random.int(4)) as NodeId);
    const id = `call${n}`;
    if (from === undefined) return;
    calls++;
    from.rpc.call((1 + random.int(4)) as NodeId, 'once', Buffer.from(id), random.int(2) === 0 ? {} : { timeoutMicros: 500_000 }).then(
      () => {
        if (executed.get(id) !== 1) problems.push(`${id} answered, executed ${executed.get(id) ?? 0} times`);
        return undefined;
      },
      (error: unknown) => {
        const times = executed.get(id) ?? 0;
        if (times > 1 || (times > 0 && error instanceof RpcUnavailable && !error.maybeExecuted)) problems.push(`${id} ${times} times, ${String(error)}`);
      },
    );
  };
  for (let n = 0; n < seconds * 20; n++) sim.at(n * 50_000, undefined, EventKind.client, () => { ask(n); });
  await sim.run(seconds * 1_000_000);
  faults.heal();
  await sim.run(sim.now + 3_000_000);
  for (const a of cluster.ids) for (const b of cluster.ids) {
    if (!cluster.network.isUp(cluster.node(a).process ?? raise(), b) && a !== b) problems.push(`${a} does not see ${b} after healing`);
  }
  for (const chatter of chatters) problems.push(...chatter.problems);
  const received = chatters.reduce((sum, c) => sum + c.received, 0);
  return { hash: sim.hash, received, problems, calls, faults: [...faults.counts.values()].reduce((x, y) => x + y, 0), events: sim.eventsRun };
}

function raise(): never {
  throw new Error('node is not running after healing');
}

describe('network', () => {
  test('keeps the contract of transports under every fault; calls happen at most once', async () => {
    let faults = 0;
    let received = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const run = await chat(seed, 30);
      expect({ seed, problems: run.problems.slice(0, 5) }).toEqual({ seed, problems: [] });
      faults += run.faults;
      received += run.received;
    }
    expect(faults).toBeGreaterThan(250);
    expect(received).toBeGreaterThan(50_000);
  }, 120_000);

  test('the same seed gives the same run, another seed another', async () => {
    const [a, b, c] = [await chat(7, 20), await chat(7, 20), await chat(8, 20)];
    expect(a).toEqual(b);
    expect(a.hash).not.toBe(c.hash);
  });
});

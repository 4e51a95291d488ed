/**
 * Clients of the register workload. Each does one operation after another at whichever node it believes to lead, notes
 * when it began and ended, and never writes the same value twice. A write whose answer does not come is of unknown
 * outcome for ever; one that was refused did not happen.
 */
import type { Random } from '../../../src/base/env.ts';
import type { NodeId } from '../../../src/base/ids.ts';
import { EventKind } from '../../../src/sim/simulation.ts';
import type { Operation } from '../history.ts';
import type { KvWorld } from './workload.ts';

const CLIENTS = 4;
const REGISTERS = 5;
const PATIENCE_MICROS = 3_000_000;
const LATENCY_MICROS = 2_000;
const REFUSED_PAUSE_MICROS = 40_000;

type Answer = { readonly kind: 'value'; readonly value: number } | { readonly kind: 'written' } | { readonly kind: 'unknown' } | { readonly kind: 'refused'; readonly hint: NodeId | undefined };

interface Client {
  readonly random: Random;
  readonly thinkMicros: number;
  target: NodeId;
  lastAcknowledgedStart: number;
}

export class KvClients {
  readonly history: Operation[] = [];
  acknowledged = 0;
  unknown = 0;
  reads = 0;
  inFlight = 0;
  private readonly world: KvWorld;
  private readonly clients: Client[];
  private nextValue = 1;

  constructor(world: KvWorld) {
    this.world = world;
    const random = world.random.fork('clients');
    const think = [40_000, 150_000, 600_000][random.int(3)] ?? 150_000;
    this.clients = Array.from({ length: CLIENTS }, (_, i) => ({
      random: random.fork(`client${i}`),
      thinkMicros: think,
      target: 1 as NodeId,
      lastAcknowledgedStart: -1,
    }));
  }

  start(): void {
    for (const client of this.clients) this.later(client, client.thinkMicros);
  }

  everyoneAcknowledgedSince(time: number): boolean {
    return this.clients.every(({ lastAcknowledgedStart }) => lastAcknowledgedStart >= time);
  }

  private later(client: Client, withinMicros: number): void {
    this.world.sim.after(1 + client.random.int(2 * withinMicros), undefined, EventKind.client, () => {
      this.operate(client);
    });
  }

  private operate(client: Client): void {
    const { sim } = this.world;
    const register = client.random.int(REGISTERS);
    const value = client.random.int(10) < 6 ? this.nextValue++ : undefined;
    const start = sim.now;
    let answered = false;
    this.inFlight++;
    const answer = (reply: Answer): void => {
      if (answered) return;
      answered = true;
      this.inFlight--;
      sim.note(reply.kind.length);
      this.ended(client, register, value, start, reply);
    };
    sim.after(PATIENCE_MICROS, undefined, EventKind.client, () => {
      answer({ kind: 'unknown' });
    });
    this.send(client, register, value, answer);
  }

  private latency(client: Client): number {
    return 1 + client.random.int(LATENCY_MICROS);
  }

  /** To the node, and the answer back, each with a delay; whatever a dead process would say is never heard. */
  private send(client: Client, register: number, value: number | undefined, answer: (reply: Answer) => void): void {
    const { sim, cluster } = this.world;
    const { process, program } = cluster.node(client.target);
    const back = (reply: Answer): void => {
      if (process?.alive !== true) return;
      sim.after(this.latency(client), undefined, EventKind.client, () => {
        answer(reply);
      });
    };
    if (process === undefined || program === undefined) {
      sim.after(this.latency(client), undefined, EventKind.client, () => {
        answer({ kind: 'refused', hint: undefined });
      });
      return;
    }
    sim.after(this.latency(client), process, EventKind.client, () => {
      const { application } = program;
      const refuse = (): void => {
        back({ kind: 'refused', hint: program.split?.leaderHint() });
      };
      if (application === undefined) refuse();
      else if (value === undefined) {
        const seen = application.read(register);
        if (seen === undefined) refuse();
        else back({ kind: 'value', value: seen });
      } else {
        const taken = application.write(register, value, (outcome) => {
          back({ kind: outcome === 'applied' ? 'written' : 'unknown' });
        });
        if (!taken) refuse();
      }
    });
  }

  private ended(client: Client, register: number, value: number | undefined, start: number, reply: Answer): void {
    const end = this.world.sim.now;
    switch (reply.kind) {
      case 'value':
        this.reads++;
        this.history.push({ kind: 'read', register, value: reply.value, start, end });
        break;
      case 'written':
        this.acknowledged++;
        client.lastAcknowledgedStart = start;
        this.history.push({ kind: 'write', register, value: value ?? 0, start, end });
        break;
      case 'unknown':
        if (value !== undefined) {
          this.unknown++;
          this.history.push({ kind: 'write', register, value, start, end: Infinity });
        }
        this.elsewhere(client);
        break;
      case 'refused':
        if (reply.hint !== undefined && reply.hint !== client.target && client.random.int(4) > 0) client.target = reply.hint;
        else this.elsewhere(client);
        this.later(client, REFUSED_PAUSE_MICROS);
        return;
      default:
        reply satisfies never;
    }
    this.later(client, client.thinkMicros);
  }

  private elsewhere(client: Client): void {
    const { ids } = this.world.cluster;
    client.target = ids[client.random.int(ids.length)] ?? client.target;
  }
}

/**
 * One life of a simulated node, from its start to its crash. Everything the node does goes through its environment, its
 * transport and its disk; when the process ends they go silent: timers and messages vanish, and promises that still
 * continue act on nothing. A restart is a new process on the same disk and clock.
 */
import type { Clock, Environment, Logger, Random, TimerHandle } from '../base/env.ts';
import type { NodeId } from '../base/ids.ts';
import type { Owner, SimEvent } from './event-queue.ts';
import { EventKind, type Simulation } from './simulation.ts';

/** Thrown by `fatal`, to leave the code that called it. */
export class ProcessEnded extends Error {
  constructor(node: number, reason: string, cause: unknown) {
    super(`node ${node} ended: ${reason}${cause instanceof Error ? ` (${cause.message})` : ''}`, { cause });
    this.name = 'ProcessEnded';
  }
}

/** Where nodes' logs go, with the virtual time in microseconds; node 0 stands for the world around them. */
export type LogSink = (atMicros: number, node: number, level: string, event: string, fields: Readonly<Record<string, unknown>> | undefined) => void;

const NO_TIMER: TimerHandle = { cancel: () => undefined };

export class SimProcess implements Owner {
  readonly id: NodeId;
  readonly incarnation: number;
  readonly env: Environment;
  alive = true;
  paused = false;
  readonly held: SimEvent[] = [];
  private readonly sim: Simulation;

  constructor(sim: Simulation, id: NodeId, incarnation: number, clock: Clock, random: Random, sink: LogSink, onFatal: (error: ProcessEnded) => void) {
    this.sim = sim;
    this.id = id;
    this.incarnation = incarnation;
    this.env = {
      clock,
      random,
      log: this.logger(sink),
      scheduler: {
        after: (delayMicros, run) => (this.alive ? sim.after(Math.max(0, delayMicros), this, EventKind.timer, run) : NO_TIMER),
        endOfTurn: (run) => {
          if (this.alive) sim.endOfTurn(this, run);
        },
      },
      fatal: (reason, cause) => {
        const error = new ProcessEnded(id, reason, cause);
        if (this.alive) onFatal(error);
        throw error;
      },
    };
  }

  /** Nothing of this process happens any more. */
  end(): void {
    this.alive = false;
    this.held.length = 0;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (this.paused) this.sim.release(this);
  }

  private logger(sink: LogSink): Logger {
    const at =
      (level: string) =>
      (event: string, fields?: Readonly<Record<string, unknown>>): void => {
        if (this.alive) sink(this.sim.now, this.id, level, event, fields);
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}

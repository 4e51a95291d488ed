/**
 * What the core is handed instead of reading it from its surroundings: time, timers, randomness, a log. The shell
 * (src/node) supplies real ones, the simulator (src/sim) virtual ones, so that one seed replays a whole cluster.
 */
import type { Timestamp } from './ids.ts';

/** TrueTime (Spanner, OSDI 2012, §3): the true time lies between the two, if the clock is within its declared bound. */
export interface TimeInterval {
  /** When it was asked for, on the monotonic clock: one reading gives both. */
  readonly monotonic: number;
  readonly earliest: Timestamp;
  readonly latest: Timestamp;
}

export interface Clock {
  /** Microseconds from an arbitrary origin; never goes backwards. For durations and timers. */
  monotonicMicros(): number;
  /** Wall time with its uncertainty, in microseconds since the epoch. Neither end goes backwards. */
  interval(): TimeInterval;
}

export interface TimerHandle {
  cancel(): void;
}

export interface Scheduler {
  /** Calls `run` once, after `delayMicros`, never in the current call stack. */
  after(delayMicros: number, run: () => void): TimerHandle;
  /**
   * Calls `run` at the end of the current event-loop turn: the point at which a turn's work is batched. What `isBehind` comes
   * after everything else that waits for the end, and before what that causes there: messages leave together.
   */
  endOfTurn(run: () => void, isBehind?: boolean): void;
}

/** A source of randomness. Seeded in the simulator; `fork` gives an independent stream, so that users don't disturb each other. */
export interface Random {
  /** An integer, 0 to n-1. */
  int(n: number): number;
  /** A float in [0, 1). */
  float(): number;
  /** `byteCount` random bytes as lower-case hexadecimal. */
  hex(byteCount: number): string;
  fork(label: string): Random;
}

export interface Logger {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Everything ambient that a node's core needs. */
export interface Environment {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly log: Logger;
  /**
   * Reports a failure that this node cannot outlive (disk full, corrupt record, broken invariant), and stops the node.
   * In the simulator it ends the simulated node.
   */
  fatal(reason: string, cause?: unknown): never;
}

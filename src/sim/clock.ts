/**
 * A node's clock: drifts, is off, and knows by how much at most. Monotonic, as base/env.ts demands.
 *
 * The error moves between bounds as a clock does that a time service steers: at a constant rate for a while, then at
 * another. Within the declared uncertainty unless `breakBounds` was called, which is the fault that Spanner assumes never
 * happens, and which must then be noticed rather than believed.
 */
import type { Clock, Random, TimeInterval } from '../base/env.ts';
import { timestamp } from '../base/ids.ts';

/** True wall time at virtual time 0: an arbitrary instant in the past, in microseconds. */
export const EPOCH_MICROS = 1_700_000_000_000_000;

export interface ClockOptions {
  /** Half-width of the interval that the clock reports. */
  readonly uncertaintyMicros: number;
  /** The largest rate at which the error changes, in parts per million. */
  readonly maxDriftPpm: number;
}

/** The error never exceeds this share of the declared uncertainty. */
const SAFETY = 0.98;
const LEG_MIN_MICROS = 2_000_000;
const LEG_SPREAD_MICROS = 20_000_000;

export class SimClock implements Clock {
  private readonly now: () => number;
  private readonly random: Random;
  private readonly options: ClockOptions;
  private readonly monotonicOrigin: number;
  private legStart: number;
  private legEnd: number;
  private legError: number;
  private legRate: number;
  private broken = 0;
  private lastEarliest = 0;
  private lastLatest = 0;

  constructor(now: () => number, random: Random, options: ClockOptions) {
    this.now = now;
    this.random = random;
    this.options = options;
    this.monotonicOrigin = 1_000_000 + random.int(1_000_000_000);
    const bound = Math.floor(options.uncertaintyMicros * SAFETY);
    this.legStart = this.legEnd = now();
    this.legError = random.int(2 * bound + 1) - bound;
    this.legRate = 0;
  }

  monotonicMicros(): number {
    return this.monotonicOrigin + this.now();
  }

  interval(): TimeInterval {
    const wall = EPOCH_MICROS + this.now() + this.error();
    const { uncertaintyMicros } = this.options;
    this.lastEarliest = Math.max(this.lastEarliest, wall - uncertaintyMicros);
    this.lastLatest = Math.max(this.lastLatest, wall + uncertaintyMicros);
    return { monotonic: this.monotonicMicros(), earliest: timestamp(this.lastEarliest), latest: timestamp(this.lastLatest) };
  }

  /** The clock's error now, in microseconds: positive when it is fast. */
  error(): number {
    const now = this.now();
    const bound = Math.floor(this.options.uncertaintyMicros * SAFETY);
    while (now >= this.legEnd) {
      this.legError = this.clamp(this.legError + Math.floor(((this.legEnd - this.legStart) * this.legRate) / 1_000_000), bound);
      this.legStart = this.legEnd;
      this.legEnd += LEG_MIN_MICROS + this.random.int(LEG_SPREAD_MICROS);
      this.legRate = this.random.int(2 * this.options.maxDriftPpm + 1) - this.options.maxDriftPpm;
    }
    return this.clamp(this.legError + Math.floor(((now - this.legStart) * this.legRate) / 1_000_000), bound) + this.broken;
  }

  /** A step within the bounds, as after a correction. */
  step(): void {
    const bound = Math.floor(this.options.uncertaintyMicros * SAFETY);
    this.error();
    this.legStart = this.now();
    this.legError = this.random.int(2 * bound + 1) - bound;
  }

  /** Puts the clock off by this much more than it admits; 0 repairs it. */
  breakBounds(errorMicros: number): void {
    this.broken = errorMicros;
  }

  private clamp(error: number, bound: number): number {
    return Math.max(-bound, Math.min(bound, error));
  }
}

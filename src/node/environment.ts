/** The real environment of a server process: its clock, timers, randomness and log. */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { Environment, Logger, Random, Scheduler, TimerHandle } from '../base/env.ts';
import { SeededRandom } from '../base/random.ts';
import { SystemClock } from './clock.ts';

/** Node's timers count in milliseconds: shorter delays are waited for turn by turn of the event loop. */
const TIMER_GRAIN_MICROS = 1_000;

/** Ends of turns that cause more go on at once, but not for ever: sockets and timers have their turn. */
const MAX_ROUNDS = 8;
const MAX_PASSES = 4;

export class SystemScheduler implements Scheduler {
  private readonly clock: SystemClock;
  private ending: (() => void)[] = [];
  private behind: (() => void)[] = [];
  private isEnding = false;
  private passes = 0;
  private readonly endTurn = (): void => this.runEnding();
  private readonly settle = (): void => process.nextTick(this.continue);
  private readonly continue = (): void => this.goOn();

  constructor(clock: SystemClock) {
    this.clock = clock;
  }

  after(delayMicros: number, run: () => void): TimerHandle {
    if (delayMicros >= TIMER_GRAIN_MICROS) {
      const timer = setTimeout(run, Math.ceil(delayMicros / 1_000));
      return { cancel: () => clearTimeout(timer) };
    }
    const due = this.clock.monotonicMicros() + delayMicros;
    let cancelled = false;
    const poll = (): void => {
      if (cancelled) return;
      if (this.clock.monotonicMicros() >= due) run();
      else setImmediate(poll);
    };
    setImmediate(poll);
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  endOfTurn(run: () => void, isBehind = false): void {
    (isBehind ? this.behind : this.ending).push(run);
    if (this.isEnding) return;
    this.isEnding = true;
    setImmediate(this.endTurn);
  }

  /**
   * What one batch causes goes along with it: the messages and the sync of a flushed log at once, and the answers of
   * commits that it completed when their promises have run. Each would be a pass through the event loop otherwise.
   */
  private runEnding(): void {
    for (let rounds = 0; this.isWaiting && rounds < MAX_ROUNDS; rounds++) {
      const { ending } = this;
      this.ending = [];
      for (const run of ending) run();
      const { behind } = this;
      if (behind.length === 0) continue;
      this.behind = [];
      for (const run of behind) run();
    }
    this.passes++;
    // A tick comes before the microtasks that are there, a microtask after them, and a tick from there after all that
    // they caused.
    process.nextTick(queueMicrotask, this.settle);
  }

  private get isWaiting(): boolean {
    return this.ending.length > 0 || this.behind.length > 0;
  }

  private goOn(): void {
    if (!this.isWaiting) {
      this.isEnding = false;
      this.passes = 0;
    } else if (this.passes < MAX_PASSES) this.runEnding();
    else {
      this.passes = 0;
      setImmediate(this.endTurn);
    }
  }
}

/** Asking the system for bytes costs the same for many as for few. */
const POOL_BYTES = 4_096;

/** Unpredictable identifiers from the system, other draws from a generator seeded by it. */
class SystemRandom extends SeededRandom {
  private readonly pool = Buffer.alloc(POOL_BYTES);
  private used = POOL_BYTES;

  constructor() {
    super(randomBytes(4).readUInt32BE(0));
  }

  override hex(byteCount: number): string {
    if (byteCount > POOL_BYTES) return randomBytes(byteCount).toString('hex');
    if (this.used + byteCount > POOL_BYTES) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    this.used += byteCount;
    return this.pool.toString('hex', this.used - byteCount, this.used);
  }
}

export function systemEnvironment(options: { uncertaintyMicros: number; log: Logger; fatal: (reason: string, cause?: unknown) => never }): Environment {
  const clock = new SystemClock(options.uncertaintyMicros);
  const random: Random = new SystemRandom();
  return { clock, scheduler: new SystemScheduler(clock), random, log: options.log, fatal: options.fatal };
}

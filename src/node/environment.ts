/** The real environment of a server process: its clock, timers, randomness and log. */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { Environment, Logger, Random, Scheduler, TimerHandle } from '../base/env.ts';
import { SeededRandom } from '../base/random.ts';
import { SystemClock } from './clock.ts';

/** Node's timers count in milliseconds: shorter delays are waited for turn by turn of the event loop. */
const TIMER_GRAIN_MICROS = 1_000;

export class SystemScheduler implements Scheduler {
  private readonly clock: SystemClock;

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

  endOfTurn(run: () => void): void {
    setImmediate(run);
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

/** When a host looks at its replicas next: when the first of them wants it, on the grid that all nodes share (grid.ts). */
import type { Environment, TimerHandle } from '../base/env.ts';
import { untilGrid } from '../base/grid.ts';

export class Ticks {
  private readonly env: Environment;
  private readonly tickMicros: number;
  private readonly run: () => void;
  private timer: TimerHandle | undefined;
  /** Monotonic time of the next tick. */
  private nextAt = Number.POSITIVE_INFINITY;

  constructor(env: Environment, tickMicros: number, run: () => void) {
    this.env = env;
    this.tickMicros = tickMicros;
    this.run = run;
  }

  /** Whatever is due from now on, there is a tick for it: `before` would change nothing. */
  isNear(now: number): boolean {
    return this.nextAt <= now + this.tickMicros;
  }

  /** There will be a tick at the first moment of the grid that is not before `at`, or earlier. */
  before(at: number): void {
    const { env, tickMicros } = this;
    // Both lie on the grid, so nothing is lost by not looking closer; this is asked many times a turn.
    if (at + tickMicros > this.nextAt) return;
    const now = env.clock.monotonicMicros();
    const delay = Math.max(0, at - now);
    const toGrid = untilGrid(env.clock, tickMicros);
    const rounded = delay <= toGrid ? toGrid : toGrid + Math.ceil((delay - toGrid) / tickMicros) * tickMicros;
    if (now + rounded >= this.nextAt) return;
    this.nextAt = now + rounded;
    this.timer?.cancel();
    this.timer = env.scheduler.after(rounded, () => {
      this.nextAt = Number.POSITIVE_INFINITY;
      this.run();
    });
  }

  stop(): void {
    this.timer?.cancel();
    this.nextAt = Number.NEGATIVE_INFINITY;
  }
}

/**
 * Processor time of what runs side by side in one process: what the process takes is shared equally between everything
 * that runs at the time. Looked at once a millisecond at most, and less often where more runs, since the system's answer
 * costs a tenth of what a small read does: short work gets its part on average and not each time.
 */

const GRAIN_MICROS = 1_000;
const MAX_GRAIN_MICROS = 10_000;

export class ProcessorShare {
  private readonly usedMicros: (() => number) | undefined;
  private readonly nowMicros: () => number;
  private running = 0;
  /** What one piece of work that has always run would have got. */
  private each = 0;
  private lastUsed = 0;
  private lastLook = -Infinity;

  /** `usedMicros` is the process's processor time; without it nothing is known, and every share is 0. */
  constructor(nowMicros: () => number, usedMicros: (() => number) | undefined) {
    this.nowMicros = nowMicros;
    this.usedMicros = usedMicros;
    this.lastUsed = usedMicros?.() ?? 0;
  }

  begin(): number {
    this.look();
    this.running++;
    return this.each;
  }

  /** Answers the microseconds of what began with `share`. */
  end(share: number): number {
    this.look();
    this.running--;
    return this.each - share;
  }

  private look(): void {
    if (this.usedMicros === undefined) return;
    const now = this.nowMicros();
    if (now - this.lastLook < Math.min(GRAIN_MICROS * Math.max(1, this.running), MAX_GRAIN_MICROS)) return;
    this.lastLook = now;
    const used = this.usedMicros();
    if (this.running > 0) this.each += (used - this.lastUsed) / this.running;
    this.lastUsed = used;
  }
}

/**
 * The node's clock: wall time with a declared uncertainty, from the machine's own clock.
 *
 * All nodes of a local cluster read the same hardware clock, so their disagreement is what reading it costs. Node tells
 * wall time in milliseconds only; the instant at which it changes, seen between two close readings of the monotonic
 * clock, gives it to some microseconds. From there the monotonic clock carries it on, at the same rate: the system slews
 * both alike. When somebody sets the machine's clock the two disagree by more than a millisecond, which is noticed, and
 * the instant is taken anew. The clock never goes back: after a step back it waits for the time to catch up.
 *
 * The default bound of 250 µs is a multiple of what readings were seen to differ by, and short beside a commit's sync.
 */
import type { Clock, TimeInterval } from '../base/env.ts';
import { timestamp, type Timestamp } from '../base/ids.ts';

const MILLI = 1_000;
const COMPARE_EVERY_MICROS = 100_000;
/** A change of the millisecond is placed to within this, or looked for again, at most so often. */
const PRECISION_MICROS = 20;
const MAX_TRIES = 25;

export class SystemClock implements Clock {
  private readonly uncertaintyMicros: number;
  private offsetMicros: number;
  private comparedAt = 0;
  private latest = 0;
  private earliest = 0;

  constructor(uncertaintyMicros: number) {
    this.uncertaintyMicros = uncertaintyMicros;
    this.offsetMicros = this.findOffset();
  }

  monotonicMicros(): number {
    return performance.now() * MILLI;
  }

  interval(): TimeInterval {
    const monotonic = this.monotonicMicros();
    if (monotonic - this.comparedAt > COMPARE_EVERY_MICROS) this.compare(monotonic);
    const now = this.offsetMicros + monotonic;
    this.earliest = Math.max(this.earliest, Math.floor(now - this.uncertaintyMicros));
    this.latest = Math.max(this.latest, Math.ceil(now + this.uncertaintyMicros));
    return new Interval(monotonic, timestamp(this.earliest), timestamp(this.latest));
  }

  /** `Date.now()` is cut to milliseconds: it may be up to one behind, and no more than the bound ahead. */
  private compare(monotonic: number): void {
    this.comparedAt = monotonic;
    const before = this.monotonicMicros();
    const date = Date.now() * MILLI;
    const after = this.monotonicMicros();
    const tolerance = this.uncertaintyMicros / 2;
    if (this.offsetMicros + after < date - tolerance || this.offsetMicros + before > date + MILLI + tolerance) this.offsetMicros = this.findOffset();
  }

  /** Waits for the millisecond to change, which takes one at most, and says when that was. */
  private findOffset(): number {
    let best = { offset: 0, width: Infinity };
    for (let attempt = 0; attempt < MAX_TRIES && best.width > PRECISION_MICROS; attempt++) {
      const first = Date.now();
      let before = this.monotonicMicros();
      let date = Date.now();
      while (date === first) {
        before = this.monotonicMicros();
        date = Date.now();
      }
      const after = this.monotonicMicros();
      // The change lies between the two readings, if this process was not interrupted for a millisecond meanwhile.
      if (date === first + 1 && after - before < best.width) best = { offset: date * MILLI - (before + after) / 2, width: after - before };
    }
    return best.width === Infinity ? Date.now() * MILLI - this.monotonicMicros() : best.offset;
  }
}

class Interval implements TimeInterval {
  readonly monotonic: number;
  readonly earliest: Timestamp;
  readonly latest: Timestamp;
  constructor(monotonic: number, earliest: Timestamp, latest: Timestamp) {
    this.monotonic = monotonic;
    this.earliest = earliest;
    this.latest = latest;
  }
}

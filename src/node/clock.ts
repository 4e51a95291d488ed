/**
 * The node's clock: wall time with a declared uncertainty, from the machine's own clock.
 *
 * All nodes of a local cluster read the same hardware clock, so their disagreement is what reading it costs: wall time
 * is taken once, to the microsecond, when the process starts, and carried on with the monotonic clock. The machine's
 * clock may be slewed or set meanwhile (NTP); the reading is compared with `Date.now()`, which is cut to milliseconds,
 * and pulled back to it when the two disagree by more than that cut can explain.
 */
import type { Clock, TimeInterval } from '../base/env.ts';
import { timestamp, type Timestamp } from '../base/ids.ts';

/** `Date.now()` is up to this much behind the time it was read at, in microseconds. */
const DATE_CUT_MICROS = 1_000;
const COMPARE_EVERY_MICROS = 100_000;

export class SystemClock implements Clock {
  private readonly uncertaintyMicros: number;
  private readonly origin = process.hrtime.bigint();
  private offsetMicros = performance.timeOrigin * 1_000 + performance.now() * 1_000;
  private comparedAt = 0;
  private latest = 0;
  private earliest = 0;

  constructor(uncertaintyMicros: number) {
    this.uncertaintyMicros = uncertaintyMicros;
  }

  monotonicMicros(): number {
    return Number(process.hrtime.bigint() - this.origin) / 1_000;
  }

  interval(): TimeInterval {
    const monotonic = this.monotonicMicros();
    if (monotonic - this.comparedAt > COMPARE_EVERY_MICROS) this.compare(monotonic);
    const now = this.offsetMicros + monotonic;
    this.earliest = Math.max(this.earliest, Math.floor(now - this.uncertaintyMicros));
    this.latest = Math.max(this.latest, Math.ceil(now + this.uncertaintyMicros));
    return new Interval(timestamp(this.earliest), timestamp(this.latest));
  }

  private compare(monotonic: number): void {
    this.comparedAt = monotonic;
    const date = Date.now() * 1_000;
    const error = this.offsetMicros + monotonic - date;
    // Within [0, cut) the two agree; beyond, move just as far as is certain.
    if (error < 0) this.offsetMicros -= error;
    else if (error > DATE_CUT_MICROS) this.offsetMicros -= error - DATE_CUT_MICROS;
  }
}

class Interval implements TimeInterval {
  readonly earliest: Timestamp;
  readonly latest: Timestamp;
  constructor(earliest: Timestamp, latest: Timestamp) {
    this.earliest = earliest;
    this.latest = latest;
  }
}

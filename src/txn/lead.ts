/**
 * How far ahead of the clock a gateway fixes commit timestamps (decision 0016): long enough to reach the leaders, since a
 * leader that has closed the timestamp refuses it; and no longer, since the commit waits for it. Doubled when a commit
 * came too late, otherwise shortened a little by each.
 */
const FIRST_MICROS = 10_000;
const MIN_MICROS = 2_000;
const MAX_MICROS = 1_000_000;
const SHRINK = 0.95;

export class Lead {
  private current = FIRST_MICROS;

  get micros(): number {
    return Math.ceil(this.current);
  }

  inTime(): void {
    this.current = Math.max(MIN_MICROS, this.current * SHRINK);
  }

  late(): void {
    this.current = Math.min(MAX_MICROS, this.current * 2);
  }
}

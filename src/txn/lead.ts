/**
 * How far ahead of the clock a gateway fixes commit timestamps (decision 0016): long enough to reach the leaders, since a
 * leader that has closed the timestamp refuses it; and no longer, since the commit waits for it. When a commit came too late
 * it is doubled, or becomes what would have been enough; otherwise each shortens it a little.
 */
const FIRST_MICROS = 10_000;
const MIN_MICROS = 2_000;
const MAX_MICROS = 1_000_000;
const SHRINK = 0.95;
/** Beyond what was found to be missing, where others would have come later still. */
const SPARE = 1.25;

export class Lead {
  private current = FIRST_MICROS;

  get micros(): number {
    return Math.ceil(this.current);
  }

  inTime(): void {
    this.current = Math.max(MIN_MICROS, this.current * SHRINK);
  }

  /** `byMicros`: how long ago the timestamp passed when that was noticed. */
  late(byMicros: number): void {
    this.current = Math.min(MAX_MICROS, Math.max(this.current * 2, (this.current + byMicros) * SPARE));
  }
}

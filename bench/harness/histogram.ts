/** Latencies in microseconds, in buckets that are 1 % wide: constant memory, and quantiles that are right to that. */
const GROWTH = 1.01;
const LOG_GROWTH = Math.log(GROWTH);
const BUCKETS = 2_048;

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Histogram {
  private readonly counts = new Float64Array(BUCKETS);
  private max = 0;
  count = 0;

  add(micros: number): void {
    const bucket = micros <= 1 ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(micros) / LOG_GROWTH));
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.count++;
    if (micros > this.max) this.max = micros;
  }

  /** The smallest bucket's end below which `share` of the values lie. */
  at(share: number): number {
    const wanted = share * this.count;
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.counts[i] ?? 0;
      if (seen >= wanted && seen > 0) return Math.min(this.max, Math.round(GROWTH ** i));
    }
    return this.max;
  }

  quantiles(): Quantiles {
    return { p50: this.at(0.5), p99: this.at(0.99), p999: this.at(0.999), max: Math.round(this.max) };
  }
}

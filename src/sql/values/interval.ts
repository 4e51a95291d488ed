/**
 * INTERVAL values: months, days and nanoseconds, kept apart because a month has no fixed number of days and a day none
 * of seconds. The three parts have independent signs. Comparison alone assumes 30-day months and 24-hour days.
 * Source: GoogleSQL "Interval type"; range ±10000 years in each part.
 */
export class Interval {
  readonly months: number;
  readonly days: number;
  readonly nanos: bigint;

  constructor(months: number, days: number, nanos: bigint) {
    this.months = months + 0;
    this.days = days + 0;
    this.nanos = nanos;
  }
}

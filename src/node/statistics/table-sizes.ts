/**
 * Sizes of tables and indexes over time: measured every five minutes, averaged over each hour, kept for thirty days. In
 * memory, as all statistics. Every node measures its own replicas; the largest of the nodes' answers is shown, since one
 * that is behind or was away has less.
 * Source: Spanner, "Table sizes statistics".
 */
import { LENGTHS } from './intervals.ts';

export const SAMPLE_MICROS = 300_000_000;
const KEPT_MICROS = 30 * 24 * LENGTHS.HOUR;
/** Sizes that are kept of one database: tables times hours. */
const MAX_KEPT = 50_000;

interface Average {
  sum: number;
  count: number;
}

export interface SizesOfHour {
  readonly endMicros: number;
  readonly bytes: readonly (readonly [name: string, bytes: number])[];
}

export class TableSizes {
  private readonly hours = new Map<number, Map<string, Average>>();

  add(nowMicros: number, sizes: ReadonlyMap<string, number>): void {
    const end = Math.floor(nowMicros / LENGTHS.HOUR) * LENGTHS.HOUR + LENGTHS.HOUR;
    let hour = this.hours.get(end);
    if (hour === undefined) this.hours.set(end, (hour = new Map<string, Average>()));
    for (const [name, bytes] of sizes) {
      const average = hour.get(name);
      if (average === undefined) hour.set(name, { sum: bytes, count: 1 });
      else {
        average.sum += bytes;
        average.count++;
      }
    }
    this.trim(nowMicros);
  }

  /** Hours that have ended, oldest first. */
  finished(nowMicros: number): SizesOfHour[] {
    return [...this.hours]
      .filter(([end]) => end <= nowMicros)
      .map(([endMicros, hour]) => ({ endMicros, bytes: [...hour].map(([name, { sum, count }]) => [name, sum / count] as const) }));
  }

  private trim(nowMicros: number): void {
    let kept = [...this.hours.values()].reduce((sum, hour) => sum + hour.size, 0);
    for (const [end, hour] of this.hours) {
      if (this.hours.size === 1 || (kept <= MAX_KEPT && nowMicros - end < KEPT_MICROS)) return;
      this.hours.delete(end);
      kept -= hour.size;
    }
  }
}

/** What several nodes have measured, latest hour first and by name. */
export function mergeSizes(all: readonly SizesOfHour[]): SizesOfHour[] {
  const hours = new Map<number, Map<string, number>>();
  for (const { endMicros, bytes } of all) {
    let hour = hours.get(endMicros);
    if (hour === undefined) hours.set(endMicros, (hour = new Map<string, number>()));
    for (const [name, size] of bytes) hour.set(name, Math.max(size, hour.get(name) ?? 0));
  }
  return [...hours]
    .sort(([a], [b]) => b - a)
    .map(([endMicros, hour]) => ({ endMicros, bytes: [...hour].sort(([a], [b]) => (a < b ? -1 : 1)) }));
}

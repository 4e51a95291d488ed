/**
 * Periodic work happens at multiples of its period on the wall clock. So what a process has to do now and then falls
 * together with its other such work, and with that of the other nodes: at rest it wakes once for all of it, and each pair
 * of nodes exchanges one frame where splits led by different nodes would each wake both ends. Clocks need not agree for
 * anything but the saving.
 */
import type { Clock } from './env.ts';

/** Timers fire a little early at times: a moment that is nearer than this share of a period counts as here. */
const NEAR_SHARE = 1 / 8;

/** Microseconds until the next multiple of `periodMicros`, shifted by `phaseMicros`; at least an eighth of a period. */
export function untilGrid(clock: Clock, periodMicros: number, phaseMicros = 0): number {
  const left = periodMicros - ((clock.interval().latest - phaseMicros) % periodMicros);
  return left < periodMicros * NEAR_SHARE ? left + periodMicros : left;
}

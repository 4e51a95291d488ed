/** At rest a node wakes at moments that all nodes share, and no oftener than something wants it. */
import { expect, test } from 'vitest';
import type { Environment } from '../../src/base/env.ts';
import { untilGrid } from '../../src/base/grid.ts';
import { timestamp } from '../../src/base/ids.ts';
import { Ticks } from '../../src/splits/ticks.ts';

const TICK = 50_000;
const EPOCH = 1_700_000_000_123_456;

/** Time that stands still until `advance`, with at most one timer. */
function stoppedTime() {
  let now = 0;
  let timer: { at: number; run: () => void } | undefined;
  const env = {
    clock: { monotonicMicros: () => now, interval: () => ({ monotonic: now, earliest: timestamp(EPOCH + now), latest: timestamp(EPOCH + now) }) },
    scheduler: {
      after: (delayMicros: number, run: () => void) => {
        const own = { at: now + delayMicros, run };
        timer = own;
        return {
          cancel: () => {
            if (timer === own) timer = undefined;
          },
        };
      },
    },
  } as unknown as Environment;
  const advance = (micros: number): void => {
    const end = now + micros;
    while (timer !== undefined && timer.at <= end) {
      const due = timer;
      timer = undefined;
      now = due.at;
      due.run();
    }
    now = end;
  };
  return { env, advance, wall: () => EPOCH + now };
}

test('moments of the grid are multiples of the period, and none is nearer than an eighth of it', () => {
  const { env, advance, wall } = stoppedTime();
  for (let i = 0; i < 1_000; i++) {
    for (const period of [TICK, 400_000, 1_200_000]) {
      for (const phase of [0, 100_000]) {
        const left = untilGrid(env.clock, period, phase);
        expect((wall() + left - phase) % period).toBe(0);
        expect(left).toBeGreaterThanOrEqual(period / 8);
        expect(left).toBeLessThan(period * 1.125);
      }
    }
    advance(1_777);
  }
});

test('a tick comes at the first moment of the grid that is wanted, once, however often it is asked for', () => {
  const { env, advance, wall } = stoppedTime();
  const ticked: number[] = [];
  const ticks = new Ticks(env, TICK, () => ticked.push(wall()));
  ticks.before(420_000);
  for (let i = 0; i < 100; i++) ticks.before(300_000 + i);
  advance(299_999);
  expect(ticked).toEqual([]);
  advance(1_000_000);
  const first = Math.ceil((EPOCH + 300_000) / TICK) * TICK;
  expect(ticked).toEqual([first]);
  ticks.before(env.clock.monotonicMicros());
  advance(1.125 * TICK);
  expect(ticked).toHaveLength(2);
  ticks.before(env.clock.monotonicMicros() + TICK);
  ticks.stop();
  ticks.before(0);
  advance(1_000_000);
  expect(ticked).toHaveLength(2);
});

test('when a tick is near, nothing that is due from now on needs another', () => {
  const { env, advance, wall } = stoppedTime();
  const ticked: number[] = [];
  const ticks = new Ticks(env, TICK, () => ticked.push(wall()));
  const now = (): number => env.clock.monotonicMicros();
  expect(ticks.isNear(now())).toBe(false);
  ticks.before(now() + 10 * TICK);
  expect(ticks.isNear(now())).toBe(false);
  ticks.before(now());
  const isNear = ticks.isNear(now());
  advance(TICK / 4);
  expect(isNear || ticks.isNear(now())).toBe(true);
  for (const at of [0, now(), now() + TICK / 2, now() + TICK]) ticks.before(at);
  advance(1.125 * TICK);
  expect(ticked).toHaveLength(1);
});

/**
 * Runs every pending microtask now, synchronously: after each event, so that what a node's promises do belongs to the
 * event that woke them, in an order that is a function of the seed.
 *
 * Node runs its microtasks from `process._tickCallback`, an old entry point that it keeps; a call costs about 20 ns, where
 * a round over `setImmediate` costs 800 ns. It works only outside a microtask, hence `Simulation.run` starts its loop from
 * a macrotask. `assertDrains` proves once that it does what we rely on.
 */
import { assert } from '../base/assert.ts';

const entry: unknown = Reflect.get(process, '_tickCallback');

function missing(): void {
  throw new Error('this version of Node has no process._tickCallback; the simulator needs it');
}

export const drainMicrotasks: () => void = typeof entry === 'function' ? (entry as () => void) : missing;

export function assertDrains(): void {
  let steps = 0;
  const step = (): void => {
    steps++;
    if (steps < 3) queueMicrotask(step);
  };
  queueMicrotask(step);
  drainMicrotasks();
  assert(steps === 3, 'microtasks are not drained synchronously');
}

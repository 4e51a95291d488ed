/** Own votes of many entries wait a moment for company on their way to the disk; whatever others wait for does not. */
import { expect, test } from 'vitest';
import type { Environment } from '../../src/base/env.ts';
import { Syncs, type Unsynced } from '../../src/splits/syncs.ts';
import type { Engine } from '../../src/storage/types.ts';

const WAIT = 1_000;

function world() {
  let timers: { due: number; run: () => void }[] = [];
  let now = 0;
  const env = { scheduler: { after: (delay: number, run: () => void) => {
    const timer = { due: now + delay, run };
    timers.push(timer);
    return { cancel: () => (timers = timers.filter((other) => other !== timer)) };
  } } } as unknown as Environment;
  const synced: string[][] = [];
  const engine = { sync: (done: () => void) => done() } as unknown as Engine;
  const syncs = new Syncs<string>(env, engine, (done) => synced.push(done.map(({ split }) => split)));
  const advance = (micros: number): void => {
    now += micros;
    const due = timers.filter((timer) => timer.due <= now);
    timers = timers.filter((timer) => timer.due > now);
    for (const { run } of due) run();
  };
  return { syncs, synced, advance, timers: () => timers.length };
}

const of = (split: string): Unsynced<string> => ({ split, sequence: 1, held: [] });

test('one entry of a leader is synced at the end of its turn', () => {
  const { syncs, synced, timers } = world();
  syncs.addOwn(of('a'), 1);
  syncs.flush();
  expect(synced).toEqual([['a']]);
  expect(timers()).toBe(0);
});

test('many wait for what a peer waits for, and go with it', () => {
  const { syncs, synced, timers } = world();
  for (const split of ['a', 'b', 'c', 'd']) syncs.addOwn(of(split), 1);
  syncs.flush();
  expect(synced).toEqual([]);
  syncs.add(of('e'));
  syncs.flush();
  expect(synced).toEqual([['a', 'b', 'c', 'd', 'e']]);
  expect(timers()).toBe(0);
});

test('many go by themselves after a moment, with what came meanwhile', () => {
  const { syncs, synced, advance } = world();
  syncs.addOwn(of('a'), 4);
  syncs.flush();
  advance(WAIT / 2);
  syncs.addOwn(of('b'), 1);
  syncs.flush();
  expect(synced).toEqual([]);
  advance(WAIT / 2);
  expect(synced).toEqual([['a', 'b']]);
  syncs.flush();
  expect(synced).toHaveLength(1);
});

test('nothing is synced any more once stopped', () => {
  const { syncs, synced, advance } = world();
  syncs.addOwn(of('a'), 4);
  syncs.flush();
  syncs.stop();
  advance(WAIT);
  expect(synced).toEqual([]);
});

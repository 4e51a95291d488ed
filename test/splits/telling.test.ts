/** What is chosen is told along with the next entry, or by itself a little later, and never twice. */
import { expect, test } from 'vitest';
import type { Environment } from '../../src/base/env.ts';
import { slot, type Slot } from '../../src/base/ids.ts';
import { Telling, type Teller } from '../../src/splits/telling.ts';

const AFTER = 20_000;

function world() {
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  const env = { scheduler: { after: (delay: number, run: () => void) => {
    const timer = { at: now + delay, run };
    timers.push(timer);
    return { cancel: () => (timers = timers.filter((other) => other !== timer)) };
  } } } as unknown as Environment;
  const advance = (micros: number): void => {
    const end = now + micros;
    for (let due = timers.find(({ at }) => at <= end); due !== undefined; due = timers.find(({ at }) => at <= end)) {
      timers = timers.filter((other) => other !== due);
      now = due.at;
      due.run();
    }
    now = end;
  };
  return { env, advance, timers: () => timers.length };
}

class Split implements Teller {
  readonly replica: { chosenSlot: Slot; toldSlot: Slot } = { chosenSlot: slot(1), toldSlot: slot(1) };
  choose(through: number): this {
    this.replica.chosenSlot = slot(through);
    return this;
  }
  told(through: number): this {
    this.replica.toldSlot = slot(through);
    return this;
  }
}

test('a split that goes on telling by its entries is never told for, however long it is behind by the newest', () => {
  const { env, advance, timers } = world();
  const asked: Split[] = [];
  const telling = new Telling<Split>(env, (split) => asked.push(split));
  const split = new Split();
  telling.look(split);
  expect(timers()).toBe(0);
  for (let n = 2; n < 50; n++) {
    telling.look(split.choose(n));
    advance(AFTER / 2);
    // The next entry carries it.
    telling.look(split.told(n));
    telling.look(split.choose(n + 1));
    advance(AFTER / 3);
    telling.look(split.told(n + 1));
  }
  expect(asked).toEqual([]);
  advance(10 * AFTER);
  expect(timers()).toBe(0);
});

test('one that has nothing more to send tells after a while, with all others that wait', () => {
  const { env, advance, timers } = world();
  const asked: Split[] = [];
  const telling = new Telling<Split>(env, (split) => asked.push(split.told(split.replica.chosenSlot)));
  const [first, second] = [new Split().choose(5), new Split().choose(7)];
  telling.look(first);
  advance(AFTER / 2);
  telling.look(second);
  advance(AFTER / 2);
  expect(asked).toEqual([first, second]);
  telling.look(first.choose(9));
  telling.stop();
  advance(10 * AFTER);
  expect(asked).toHaveLength(2);
  expect(timers()).toBe(0);
});

test('many splits that wait wait longer, so that most of them hear of it by an entry', () => {
  const { env, advance, timers } = world();
  const asked: Split[] = [];
  const telling = new Telling<Split>(env, (split) => asked.push(split.told(split.replica.chosenSlot)));
  const splits = Array.from({ length: 8 }, () => new Split().choose(5));
  for (const split of splits) telling.look(split);
  advance(AFTER);
  expect(asked).toEqual([]);
  for (const split of splits.slice(1)) telling.look(split.told(5));
  advance(4 * AFTER);
  expect(asked).toEqual(splits.slice(0, 1));
  expect(timers()).toBe(0);
});

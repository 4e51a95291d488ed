/** What a leader remembers of transactions, where a mistake shows too rarely for random runs. */
import { expect, test } from 'vitest';
import type { Scheduler } from '../../src/base/env.ts';
import { nodeId, timestamp, txnId, type Key } from '../../src/base/ids.ts';
import { Leadership } from '../../src/txn/leadership.ts';
import type { Span } from '../../src/txn/locks.ts';

const GATEWAY = nodeId(1);
const id = (n: number) => txnId(n.toString(16).padStart(32, '0'));
const point = (key: string): Span => ({ from: key as Key, to: undefined });
const never: Scheduler = { after: () => ({ cancel: () => undefined }), endOfTurn: () => undefined };

function leadership(): Leadership {
  const made: Leadership = new Leadership('token', {
    wounded: (owner) => {
      made.forget(owner.id, () => new Error('wounded'));
    },
    contested: () => undefined,
  });
  return made;
}

test('a transaction that is wounded between the grant and the next step takes no further locks', async () => {
  const led = leadership();
  const holder = led.begin(id(1), 10, GATEWAY);
  const middle = led.begin(id(2), 20, GATEWAY);
  expect(led.acquire(holder, point('a'), 'exclusive')).toBeUndefined();
  const taken = led.acquireAll(middle, [point('a'), point('b')], 'exclusive');
  led.release(holder.owner.id, 'committed'); // grants `a` to the second…
  expect(led.acquire(led.begin(id(3), 5, GATEWAY), point('a'), 'exclusive')).toBeUndefined(); // …which an older one takes away at once.
  await expect(taken).rejects.toThrow('aborted');
  expect(led.locks.holdsAny(middle.owner.id)).toBe(false);
});

test('a cut waits for pinned transactions, and only for them', async () => {
  const led = leadership();
  const txn = led.begin(id(1), 10, GATEWAY);
  led.begin(id(2), 20, GATEWAY);
  led.pin(txn);
  led.pin(txn);
  let drained = false;
  const drain = led.drain(never, 1).then((done) => (drained = done));
  await Promise.resolve();
  expect(drained).toBe(false);
  led.release(txn.owner.id, 'committed');
  expect(await drain).toBe(true);
});

test('a promise outlives the transaction that it was given to, and counts when leadership is handed over', () => {
  const led = leadership();
  const reader = led.begin(id(1), 10, GATEWAY);
  led.pin(reader);
  reader.promisedUntil = timestamp(500);
  expect(led.highestPromised()).toBe(500);
  led.releaseGateway(GATEWAY);
  expect([led.txns.size, led.lastAssigned]).toEqual([0, 500]);
});

test('what is ending is not abandoned, what only holds locks is', () => {
  const led = leadership();
  const [committing, prepared, idle, undecided] = [1, 2, 3, 4].map((n) => led.begin(id(n), n, GATEWAY));
  for (const txn of [committing, prepared, undecided]) if (txn !== undefined) led.pin(txn);
  if (committing !== undefined) committing.result = Promise.resolve(timestamp(1));
  if (prepared !== undefined) prepared.assigned = timestamp(7);
  expect([...led.idle(1_000, 10).values()].flat().sort()).toEqual([idle?.owner.id, undecided?.owner.id]);
  led.releaseGateway(GATEWAY);
  expect([...led.txns.keys()]).toEqual([committing?.owner.id, prepared?.owner.id]);
});

test('locks and records of the right half follow a cut, with their tokens, and a release at the left reaches them', () => {
  const led = leadership();
  const txn = led.begin(id(1), 10, GATEWAY);
  expect(led.acquire(txn, { from: 'a' as Key, to: 'z' as Key }, 'shared')).toBeUndefined();
  expect(led.acquire(txn, point('x'), 'exclusive')).toBeUndefined();
  const right = led.cut('m' as Key, { wounded: () => undefined, contested: () => undefined });
  expect(led.locks.holds(id(1), { from: 'a' as Key, to: 'm' as Key }, 'shared')).toBe(true);
  expect(led.locks.holds(id(1), point('x'), 'exclusive')).toBe(false);
  expect(right.locks.holds(id(1), point('x'), 'exclusive')).toBe(true);
  expect(right.txns.get(id(1))?.token).toBe(txn.token);
  led.release(id(1), 'aborted');
  expect([right.txns.size, right.locks.ownerCount]).toEqual([0, 0]);
});

test('a transaction is taken for open without a look at the disk only if its end would be remembered', () => {
  let now = 1_000;
  const led = new Leadership('token', { wounded: () => undefined, contested: () => undefined }, () => now + 100);
  expect([led.isSurelyOpen(id(1), 1_100), led.isSurelyOpen(id(1), 1_101)]).toEqual([false, true]);
  led.begin(id(1), 1_101, GATEWAY);
  led.release(id(1), 'committed');
  expect(led.isSurelyOpen(id(1), 1_101)).toBe(false);
  const endMany = (from: number, count: number): void => {
    for (let n = from; n < from + count; n++) {
      led.begin(id(n), now, GATEWAY);
      led.release(id(n), 'aborted');
    }
  };
  now = 2_000;
  endMany(10, 5_000);
  // The first generation is full, and still there.
  expect([led.isSurelyOpen(id(1), 1_101), led.isSurelyOpen(id(2), 1_101)]).toEqual([false, true]);
  now = 3_000;
  endMany(10_000, 5_000);
  // Now it is gone: what began before its end may have been in it.
  expect([led.isSurelyOpen(id(1), 1_101), led.isSurelyOpen(id(2), 2_100), led.isSurelyOpen(id(2), 2_101)]).toEqual([false, false, true]);
});

test('by default the disk is asked', () => {
  expect(leadership().isSurelyOpen(id(1), Number.MAX_SAFE_INTEGER)).toBe(false);
});

test('followers are not told that a timestamp is closed below which something agreed is still to come', () => {
  const led = leadership();
  const txn = led.begin(id(1), 10, GATEWAY);
  led.pin(txn);
  led.agree(txn, timestamp(100));
  led.close(timestamp(120)); // A snapshot is read here, of other keys.
  expect(led.closeUpTo(timestamp(90))).toBe(99);
  expect(led.closeUpTo(timestamp(200))).toBe(99);
  expect(led.isOpen(timestamp(120))).toBe(false);
  led.settle(txn);
  expect(led.closeUpTo(timestamp(200))).toBe(200);
});

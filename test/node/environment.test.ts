/** The end of a turn in a real process: what it causes goes along with it, and nothing else has to wait for that for long. */
import { expect, test } from 'vitest';
import { SystemClock } from '../../src/node/clock.ts';
import { SystemScheduler } from '../../src/node/environment.ts';

const pass = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test('what the end of a turn causes, at once or by promises, goes in the same pass of the event loop', async () => {
  const scheduler = new SystemScheduler(new SystemClock(250));
  const ran: string[] = [];
  const note = (what: string): void => void ran.push(what);
  const slow = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    scheduler.endOfTurn(() => note('promised'));
  };
  let later: Promise<void> | undefined;
  scheduler.endOfTurn(() => {
    note('first');
    later = slow();
    scheduler.endOfTurn(() => note('caused'));
  });
  scheduler.endOfTurn(() => note('second'));
  const next = pass().then(() => note('next pass'));
  expect(ran).toEqual([]);
  await next;
  await later;
  expect(ran).toEqual(['first', 'second', 'caused', 'promised', 'next pass']);
  scheduler.endOfTurn(() => note('again'));
  await pass();
  expect(ran.at(-1)).toBe('again');
});

test('what is to come behind the others comes once for all of them, and before what they cause', async () => {
  const scheduler = new SystemScheduler(new SystemClock(250));
  const ran: string[] = [];
  const note = (what: string): void => void ran.push(what);
  scheduler.endOfTurn(() => note('sent'), true);
  scheduler.endOfTurn(() => {
    note('first');
    scheduler.endOfTurn(() => note('caused'));
    scheduler.endOfTurn(() => note('sent, too'), true);
  });
  scheduler.endOfTurn(() => note('second'));
  await pass();
  expect(ran).toEqual(['first', 'second', 'sent', 'sent, too', 'caused']);
});

test('ends of turns that cause each other without end let timers and sockets go on', async () => {
  const scheduler = new SystemScheduler(new SystemClock(250));
  let rounds = 0;
  let over = false;
  const again = (): void => {
    rounds++;
    if (!over) scheduler.endOfTurn(again);
  };
  again();
  for (let i = 0; i < 10; i++) await pass();
  over = true;
  expect(rounds).toBeGreaterThan(10);
  expect(rounds).toBeLessThan(1_000);
});

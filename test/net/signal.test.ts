import { expect, test } from 'vitest';
import { SignalSource } from '../../src/base/signal.ts';

test('a signal tells each of its listeners once, with the first reason', () => {
  const signal = new SignalSource();
  const heard: string[] = [];
  const a = (): void => void heard.push('a');
  const b = (): void => void heard.push('b');
  signal.addEventListener('abort', a);
  signal.addEventListener('abort', a);
  signal.addEventListener('abort', b);
  expect(signal.aborted).toBe(false);
  signal.abort('first');
  signal.abort('second');
  expect(heard).toEqual(['a', 'b']);
  expect([signal.aborted, signal.reason]).toEqual([true, 'first']);
});

test('who no longer listens hears nothing, nor who comes too late', () => {
  const signal = new SignalSource();
  const heard: string[] = [];
  const early = (): void => void heard.push('early');
  signal.addEventListener('abort', early);
  signal.removeEventListener('abort', early);
  signal.removeEventListener('abort', early);
  signal.abort('over');
  signal.addEventListener('abort', () => heard.push('late'));
  expect(heard).toEqual([]);
});

test('a listener that takes itself off the list hides none of the others', () => {
  const signal = new SignalSource();
  const heard: number[] = [];
  for (let i = 0; i < 3; i++) {
    const listener = (): void => {
      signal.removeEventListener('abort', listener);
      heard.push(i);
    };
    signal.addEventListener('abort', listener);
  }
  signal.abort('over');
  expect(heard).toEqual([0, 1, 2]);
});

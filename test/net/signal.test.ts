import { expect, test } from 'vitest';
import { FollowingSignal, SignalSource } from '../../src/base/signal.ts';

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

test('a signal that follows another is aborted with it, for its reason, until it stops following', () => {
  const outer = new SignalSource();
  const followers = [new FollowingSignal(outer), new FollowingSignal(outer), new FollowingSignal(undefined)];
  followers[1]?.release();
  outer.abort('gone');
  expect(followers.map(({ aborted }) => aborted)).toEqual([true, false, false]);
  expect(followers[0]?.reason).toBe('gone');
  expect(new FollowingSignal(outer).reason).toBe('gone');
});

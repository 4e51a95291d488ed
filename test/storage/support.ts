/** An environment with virtual time for tests of the storage: nothing happens until the test says so. */
import type { Environment, TimerHandle } from '../../src/base/env.ts';
import { timestamp, type Key } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { Cursor, Entry } from '../../src/storage/types.ts';

/** Thrown by `fatal`, in place of ending the process. */
export class Fatal extends Error {}

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly run: () => void;
}

export class TestEnvironment implements Environment {
  now = 0;
  readonly fatalReasons: string[] = [];
  readonly random;
  private timers: Timer[] = [];
  private sequence = 0;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
  }

  readonly clock = {
    monotonicMicros: (): number => this.now,
    interval: () => ({ monotonic: this.now, earliest: timestamp(this.now), latest: timestamp(this.now) }),
  };

  readonly log = { debug: (): void => undefined, info: (): void => undefined, warn: (): void => undefined, error: (): void => undefined };

  readonly scheduler = {
    after: (delayMicros: number, run: () => void): TimerHandle => this.schedule(delayMicros, run),
    endOfTurn: (run: () => void): void => {
      this.schedule(0, run);
    },
  };

  private schedule(delayMicros: number, run: () => void): TimerHandle {
    const timer = { at: this.now + delayMicros, sequence: this.sequence++, run };
    this.timers.push(timer);
    return { cancel: () => (this.timers = this.timers.filter((other) => other !== timer)) };
  }

  fatal(reason: string): never {
    this.fatalReasons.push(reason);
    throw new Fatal(reason);
  }

  /** Runs the next timer; false when there is none. */
  step(): boolean {
    const next = this.timers.reduce<Timer | undefined>((a, b) => (a === undefined || b.at < a.at || (b.at === a.at && b.sequence < a.sequence) ? b : a), undefined);
    if (next === undefined) return false;
    this.timers = this.timers.filter((timer) => timer !== next);
    this.now = Math.max(this.now, next.at);
    next.run();
    return true;
  }

  /** Runs timers until none is left. */
  settle(): void {
    while (this.step());
  }

  /** The power goes: no timer of this life runs any more. */
  dropTimers(): void {
    this.timers = [];
  }
}

/** A real event loop, for disks that work in the background. */
export class RealEnvironment extends TestEnvironment {
  override readonly scheduler = {
    after: (delayMicros: number, run: () => void): TimerHandle => {
      const timer = setTimeout(run, delayMicros / 1000);
      return { cancel: () => clearTimeout(timer) };
    },
    endOfTurn: (run: () => void): void => {
      setImmediate(run);
    },
  };
}

export const k = (text: string): Key => text as Key;
export const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');

/** All that a cursor gives, in batches of `max`. */
export async function drain(cursor: Cursor, max = 7): Promise<Entry[]> {
  const out: Entry[] = [];
  for (;;) {
    const entries = await cursor.next(max);
    if (entries.length === 0) break;
    out.push(...entries);
  }
  await cursor.close();
  return out;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

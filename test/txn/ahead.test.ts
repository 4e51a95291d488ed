/** Reading ahead of the reader: order, how much at a time, and what is left behind by one that stops. */
import { describe, expect, it } from 'vitest';
import { key, splitId, type Key } from '../../src/base/ids.ts';
import type { Router } from '../../src/splits/router.ts';
import type { SplitDescriptor } from '../../src/splits/types.ts';
import { AheadCursor } from '../../src/txn/ahead.ts';
import { NO_FRAGMENT, type ScanAnswer } from '../../src/txn/protocol.ts';
import type { RangeReadOptions, Row } from '../../src/txn/types.ts';

const SPLITS = 20;
const name = (n: number): Key => key(String(n).padStart(6, '0'));
/** The number of the first row from the key on. */
const numberOf = (at: Key): number => Number(at.slice(0, 6)) + (at.length > 6 ? 1 : 0);
const ALL = { from: name(0), to: name(SPLITS * 1000) };

/** Twenty splits of 1,000 rows each, which answer when they are told to. */
class Splits {
  calls = 0;
  underWay = 0;
  most = 0;
  aborted = 0;
  rows = 0;
  readonly asked: string[] = [];
  private waiting: (() => void)[] = [];
  private readonly recordBytes: number;
  private readonly answerRows: number;

  constructor(recordBytes = 10, answerRows = 250) {
    this.recordBytes = recordBytes;
    this.answerRows = answerRows;
  }

  cursor(options: RangeReadOptions): AheadCursor {
    const locate = (at: Key, below = false): SplitDescriptor => {
      const n = Math.floor((numberOf(at) - (below ? 1 : 0)) / 1000);
      return { id: splitId(100 + n), from: name(n * 1000), to: name((n + 1) * 1000), generation: 1 };
    };
    const router = { locate } as unknown as Router;
    return new AheadCursor(router, ALL, options, NO_FRAGMENT, async (split, { from, to, reverse, limit }, signal): Promise<ScanAnswer> => {
      this.calls++;
      this.asked.push(String(split.id));
      this.most = Math.max(this.most, ++this.underWay);
      await new Promise<void>((resolve) => void this.waiting.push(resolve));
      this.underWay--;
      if (signal?.aborted === true) {
        this.aborted++;
        throw new Error('given up');
      }
      const [first, end] = [numberOf(from), numberOf(to)];
      const n = Math.min(limit, this.answerRows, end - first);
      const rows = Array.from({ length: n }, (_, i): Row => ({ key: name(reverse ? end - 1 - i : first + i), record: new Uint8Array(this.recordBytes) }));
      this.rows += n;
      return { rows, scanned: n, last: rows.at(-1)?.key, done: n === end - first, token: '' };
    });
  }

  /** Answers all calls, and those that come of that, until nothing is under way any more. */
  async quiet(): Promise<void> {
    for (let idle = 0; idle < 20; idle++) {
      if (this.waiting.length > 0) idle = 0;
      for (const answer of this.waiting.splice(0)) answer();
      await Promise.resolve();
    }
  }

  /** Answers what is asked now. */
  async answer(): Promise<void> {
    for (const answer of this.waiting.splice(0)) answer();
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }

  async next(cursor: AheadCursor): Promise<readonly Row[] | undefined> {
    const next = cursor.next();
    next.catch(() => undefined);
    await this.quiet();
    return (await next)?.rows;
  }
}

async function drain(splits: Splits, cursor: AheadCursor): Promise<string[]> {
  const keys: string[] = [];
  for (let rows = await splits.next(cursor); rows !== undefined; rows = await splits.next(cursor)) keys.push(...rows.map((row) => row.key));
  return keys;
}

describe('reading ahead', () => {
  const forwards = Array.from({ length: SPLITS * 1000 }, (_, i) => name(i) as string);

  it.each(['growing', 'everything'] as const)('gives all rows in order (%s)', async (readAhead) => {
    expect(await drain(...with_(new Splits(), { readAhead }))).toEqual(forwards);
    expect(await drain(...with_(new Splits(), { readAhead, reverse: true }))).toEqual(forwards.toReversed());
  });

  it.each([['growing', 40], ['everything', 20]] as const)('asks several splits at once (%s)', async (readAhead, most) => {
    const splits = new Splits();
    const cursor = splits.cursor({ readAhead });
    let isDone = false;
    const reading = (async () => {
      while ((await cursor.next()) !== undefined);
      isDone = true;
    })();
    let rounds = 0;
    for (; !isDone; rounds++) await splits.answer();
    await reading;
    // One after the other, a hundred answers would take as many rounds.
    expect(splits.calls).toBe(100);
    expect(splits.most).toBe(8);
    expect(rounds).toBeLessThan(most);
  });

  it('reads nothing ahead for a reader that takes one answer, and little for one that takes few', async () => {
    const splits = new Splits();
    const cursor = splits.cursor({ readAhead: 'growing' });
    await splits.next(cursor);
    expect(splits.calls).toBe(1);
    await splits.next(cursor);
    expect(splits.calls).toBe(3);
    await splits.next(cursor);
    expect(splits.calls).toBeLessThanOrEqual(5);
  });

  it('holds no more than two megabytes ahead', async () => {
    for (const readAhead of ['growing', 'everything'] as const) {
      const splits = new Splits(4000);
      const cursor = splits.cursor({ readAhead });
      for (let taken = 0; taken < 20; taken++) await splits.next(cursor);
      // Twenty answers were taken: of 100 rows at first, later of 250, which is a megabyte.
      expect(splits.rows * 4000).toBeLessThan(20 * 1_000_000 + 4_000_000);
      await cursor.close();
    }
  });

  it('gives up what is under way when it is closed', async () => {
    const splits = new Splits();
    const cursor = splits.cursor({ readAhead: 'everything' });
    const first = cursor.next();
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(splits.underWay).toBe(8);
    await cursor.close();
    await splits.quiet();
    expect(await first).toBeUndefined();
    expect(splits).toMatchObject({ calls: 8, aborted: 8, underWay: 0 });
    expect(await cursor.next()).toBeUndefined();
  });

  it('fails where the reader comes to it, and not before', async () => {
    const splits = new Splits();
    const cursor = splits.cursor({ readAhead: 'everything', signal: AbortSignal.abort() });
    await expect(splits.next(cursor)).rejects.toThrow('given up');
    await cursor.close();
  });
});

const with_ = (splits: Splits, options: RangeReadOptions): [Splits, AheadCursor] => [splits, splits.cursor(options)];

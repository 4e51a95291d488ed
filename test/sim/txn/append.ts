/** Transactions that read and append to a few lists that move on through the key space; snapshots of several lists. */
import type { Random } from '../../../src/base/env.ts';
import { checkAppend, type AppendOp, type AppendTxn } from '../../check/append.ts';
import { describe } from '../../check/verdict.ts';
import type { Timestamp } from '../../../src/base/ids.ts';
import type { ReadView, TimestampBound } from '../../../src/txn/types.ts';
import type { Action, Attempt, UpdateBody, Workload } from './client.ts';
import { putNumber, putText, scanAll, textOf, two } from './rows.ts';
import { k } from './world.ts';

const LISTS = 6;
const MAX_KEYS = 90;
const MOVE_ON_AFTER = 12;
const MAX_THINKING_MICROS = 5_000_000;
const STALENESS_MICROS = 3_000_000;

const keyOf = (list: number) => k(`a${two(list)}`);
const parse = (text: string | undefined): number[] => (text === undefined || text === '' ? [] : text.split(',').map(Number));

export class AppendWorkload implements Workload {
  readonly name = 'append';
  readonly history: AppendTxn[] = [];
  private nextValue = 1;
  private actions = 0;
  private readonly timestamps: number[] = [];
  private readonly seen = new Set<number>();
  /** Transactions that committed at another timestamp than the one in their keys. */
  private readonly misdated: string[] = [];

  async setup(): Promise<void> {
    // Lists begin absent.
  }

  private draw(random: Random): number {
    const base = Math.floor(this.actions / MOVE_ON_AFTER) % MAX_KEYS;
    const list = (base + random.int(LISTS)) % MAX_KEYS;
    this.seen.add(list);
    return list;
  }

  next(random: Random): Action {
    this.actions++;
    const dice = random.int(10);
    if (dice < 7) return this.update(random);
    const lists = Array.from({ length: 2 + random.int(3) }, () => this.draw(random));
    const known = this.timestamps[this.timestamps.length - 1 - random.int(Math.min(20, this.timestamps.length))];
    const bounds: TimestampBound[] = [
      { kind: 'strong' },
      { kind: 'exactStaleness', stalenessMicros: 1 + random.int(STALENESS_MICROS) },
      { kind: 'maxStaleness', stalenessMicros: random.int(STALENESS_MICROS) },
      known === undefined ? { kind: 'strong' } : { kind: 'readTimestamp', timestamp: (known + random.int(3) - 1) as Timestamp },
      known === undefined ? { kind: 'strong' } : { kind: 'minReadTimestamp', timestamp: known as Timestamp },
    ];
    const bound = bounds[Math.max(0, random.int(9) - 4)] ?? { kind: 'strong' };
    return this.snapshot(bound, (view, ops) => readLists(view, [...new Set(lists)], ops));
  }

  private update(random: Random): Action {
    // Each step reads a list or appends to it, several at once now and then.
    const steps = Array.from({ length: 1 + random.int(4) }, () => ({ lists: Array.from({ length: random.int(3) === 0 ? 3 : 1 }, () => this.draw(random)), append: random.int(5) < 3 }));
    const byScan = random.int(8) === 0;
    // Some write a row whose key has the commit timestamp.
    const stamps = random.int(6) === 0;
    let fixed: number | undefined;
    // Longer than leaders wait before they ask whether a transaction still lives.
    let thinks = random.int(100) === 0 ? random.int(MAX_THINKING_MICROS) : 0;
    let ops: AppendOp[] = [];
    const body = (attempt: Attempt): UpdateBody => {
      ops = [];
      const mine = ops;
      return async (txn, sleep) => {
        for (const [step, { lists, append }] of steps.entries()) {
          if (step === 1 && thinks > 0) {
            const micros = thinks;
            thinks = 0; // Not again when it is repeated.
            await sleep(micros);
          }
          const distinct = [...new Set(lists)];
          const before = byScan ? await scanLists(txn, distinct) : await readConcurrently(txn, distinct);
          for (const [i, list] of distinct.entries()) mine.push({ kind: 'read', key: `a${two(list)}`, values: before[i] ?? [] });
          if (!append) continue;
          await txn.write(
            distinct.map((list, i) => {
              const value = this.nextValue++;
              mine.push({ kind: 'append', key: `a${two(list)}`, value });
              return putText(keyOf(list), [...(before[i] ?? []), value].join());
            }),
          );
        }
        fixed = stamps ? await txn.fixCommitTimestamp?.() : undefined;
        if (fixed !== undefined) await txn.write([putNumber(k(`f${fixed}-${attempt.id}`), fixed)]);
      };
    };
    const done = (attempt: Attempt): void => {
      if (attempt.outcome === 'ok' && fixed !== undefined && attempt.timestamp !== fixed) this.misdated.push(`T${attempt.id} committed at ${attempt.timestamp}, not at ${fixed}`);
      // A row with the commit timestamp makes it more than a read.
      this.record(fixed === undefined ? attempt : { ...attempt, snapshot: undefined }, 'update', ops);
    };
    return { kind: 'update', body, done };
  }

  private snapshot(bound: TimestampBound, read: (view: ReadView, ops: AppendOp[]) => Promise<void>): Action {
    const ops: AppendOp[] = [];
    return {
      kind: 'snapshot',
      bound,
      body: (view) => read(view, ops),
      done: (attempt) => { this.record(attempt, bound.kind === 'strong' ? 'strong' : 'stale', ops); },
    };
  }

  readAll(): Action {
    return this.snapshot({ kind: 'strong' }, (view, ops) => readLists(view, [...this.seen].sort((a, b) => a - b), ops));
  }

  private record({ id, start, end, outcome, timestamp, snapshot }: Attempt, given: AppendTxn['kind'], ops: readonly AppendOp[]): void {
    if (outcome === 'exists') throw new Error('no insertions here');
    // Without locks and without writes, a transaction is a read at its snapshot.
    const kind = given === 'update' && snapshot !== undefined && ops.every((op) => op.kind === 'read') ? 'strong' : given;
    if (timestamp !== undefined && kind === 'update') this.timestamps.push(timestamp);
    this.history.push({ id, start, end, outcome, kind, timestamp, ops: [...ops] });
  }

  cutPoint(random: Random): string {
    return `a${two(random.int(MAX_KEYS))}`;
  }

  check(): string | undefined {
    return this.misdated[0] ?? describe(checkAppend(this.history));
  }
}

async function readConcurrently(view: ReadView, lists: readonly number[]): Promise<number[][]> {
  const found = await Promise.all(lists.map((list) => view.get([keyOf(list)])));
  return found.map(([record]) => parse(textOf(record)));
}

/** The same by a range read over all that lies between. */
async function scanLists(view: ReadView, lists: readonly number[]): Promise<number[][]> {
  const rows = await scanAll(view, keyOf(Math.min(...lists)), keyOf(Math.max(...lists) + 1));
  return lists.map((list) => parse(textOf(rows.find(({ key }) => key === keyOf(list))?.record)));
}

async function readLists(view: ReadView, lists: readonly number[], ops: AppendOp[]): Promise<void> {
  const records = await view.get(lists.map(keyOf));
  for (const [i, list] of lists.entries()) ops.push({ kind: 'read', key: `a${two(list)}`, values: parse(textOf(records[i])) });
}

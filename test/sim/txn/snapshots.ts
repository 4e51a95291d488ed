/** Transactions at repeatable read: each reads some lists, appends to some of those, and may read them once more. */
import type { Random } from '../../../src/base/env.ts';
import { checkSnapshotIsolation, type ListRead, type SnapshotTxn } from '../../check/snapshot-isolation.ts';
import { describe } from '../../check/verdict.ts';
import type { LockMode, ReadView, ReadWriteOptions } from '../../../src/txn/types.ts';
import type { Action, Attempt, UpdateBody, Workload } from './client.ts';
import { putText, scanAll, textOf, two } from './rows.ts';
import { k } from './world.ts';

const LISTS = 5;
const MAX_KEYS = 40;
const MOVE_ON_AFTER = 25;
const MAX_THINKING_MICROS = 300_000;

const OPTIMISTIC: ReadWriteOptions = { isolation: 'repeatable-read' };
const PESSIMISTIC: ReadWriteOptions = { isolation: 'repeatable-read', readLockMode: 'pessimistic' };

const keyOf = (list: number) => k(`s${two(list)}`);
const nameOf = (list: number): string => `s${two(list)}`;
const parse = (text: string | undefined): number[] => (text === undefined || text === '' ? [] : text.split(',').map(Number));

export class SnapshotWorkload implements Workload {
  readonly name = 'snapshots';
  private readonly history: SnapshotTxn[] = [];
  private readonly seen = new Set<number>();
  private nextValue = 1;
  private actions = 0;

  async setup(): Promise<void> {
    // Lists begin absent.
  }

  private draw(random: Random): number {
    const list = ((Math.floor(this.actions / MOVE_ON_AFTER) % MAX_KEYS) + random.int(LISTS)) % MAX_KEYS;
    this.seen.add(list);
    return list;
  }

  next(random: Random): Action {
    this.actions++;
    if (random.int(8) === 0) return this.readAll();
    const lists = [...new Set(Array.from({ length: 1 + random.int(4) }, () => this.draw(random)))];
    const targets = lists.filter(() => random.int(2) === 0);
    const lock: LockMode | undefined = random.int(4) === 0 ? 'exclusive' : undefined;
    const byScan = random.int(4) === 0;
    const again = random.int(3) === 0;
    let thinks = random.int(10) === 0 ? random.int(MAX_THINKING_MICROS) : 0;
    let reads: ListRead[] = [];
    let appends = new Map<string, number>();
    const body = (): UpdateBody => {
      const [mine, own] = [(reads = []), (appends = new Map<string, number>())] as [ListRead[], Map<string, number>];
      return async (txn, sleep) => {
        const look = async (): Promise<Map<number, number[]>> => {
          const found = await (byScan ? scanLists : readLists)(txn, lists, lock);
          for (const [list, values] of found) mine.push({ key: nameOf(list), values: values.filter((value) => value !== own.get(nameOf(list))), locked: lock !== undefined });
          return found;
        };
        const found = await look();
        if (thinks > 0) await sleep(thinks);
        thinks = 0; // Not again when it is repeated.
        for (const list of targets) own.set(nameOf(list), this.nextValue++);
        await txn.write(targets.map((list) => putText(keyOf(list), [...(found.get(list) ?? []), own.get(nameOf(list))].join())));
        if (again) await look();
      };
    };
    return { kind: 'update', options: random.int(3) === 0 ? PESSIMISTIC : OPTIMISTIC, body, done: (attempt) => { this.record(attempt, attempt.snapshot, reads, appends); } };
  }

  readAll(): Action {
    let reads: ListRead[] = [];
    return {
      kind: 'snapshot',
      bound: { kind: 'strong' },
      body: async (view) => {
        reads = [...(await readLists(view, [...this.seen].sort((a, b) => a - b)))].map(([list, values]) => ({ key: nameOf(list), values, locked: false }));
      },
      done: (attempt) => { this.record(attempt, attempt.timestamp, reads, new Map()); },
    };
  }

  private record({ id, start, end, outcome, timestamp }: Attempt, snapshot: number | undefined, reads: readonly ListRead[], appends: ReadonlyMap<string, number>): void {
    if (outcome === 'exists') throw new Error('no insertions here');
    this.history.push({ id, start, end, outcome, snapshot, commit: appends.size === 0 ? undefined : timestamp, reads: [...reads], appends: new Map(appends) });
  }

  cutPoint(random: Random): string {
    return nameOf(random.int(MAX_KEYS));
  }

  check(): string | undefined {
    return describe(checkSnapshotIsolation(this.history));
  }
}

const locked = (lock: LockMode | undefined) => (lock === undefined ? {} : { lock });

async function readLists(view: ReadView, lists: readonly number[], lock?: LockMode): Promise<Map<number, number[]>> {
  const records = await view.get(lists.map(keyOf), locked(lock));
  return new Map(lists.map((list, i) => [list, parse(textOf(records[i]))]));
}

/** The same by a range read over all that lies between. */
async function scanLists(view: ReadView, lists: readonly number[], lock?: LockMode): Promise<Map<number, number[]>> {
  const rows = await scanAll(view, keyOf(Math.min(...lists)), keyOf(Math.max(...lists) + 1), locked(lock));
  return new Map(lists.map((list) => [list, parse(textOf(rows.find(({ key }) => key === keyOf(list))?.record))]));
}

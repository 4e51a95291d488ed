/**
 * Rows with a unique index: an insertion writes a row, a child below it and an index entry; a deletion removes the entry
 * and the row with everything below it, by a range.
 */
import type { Random } from '../../../src/base/env.ts';
import { checkUnique, type UniqueChange, type UniqueRead } from '../../check/unique.ts';
import { describe } from '../../check/verdict.ts';
import type { ReadView, ReadWriteTransaction } from '../../../src/txn/types.ts';
import type { Action, Attempt, Workload } from './client.ts';
import { numberCells, numberOf, putNumber, scanAll, textCells, textOf, two } from './rows.ts';
import { k } from './world.ts';

const NAMES = 24;

const entryKey = (name: number) => k(`u${two(name)}`);
const rowKey = (row: number) => k(`v${String(row).padStart(5, '0')}/`);
const childKey = (row: number) => k(`v${String(row).padStart(5, '0')}/c`);
const rowEnd = (row: number) => k(`v${String(row).padStart(5, '0')}0`);
const nameText = (name: number): string => `name${two(name)}`;

export class UniqueWorkload implements Workload {
  readonly name = 'unique';
  private readonly changes: UniqueChange[] = [];
  private readonly reads: UniqueRead[] = [];
  private readonly orphans: string[] = [];
  private nextRow = 1;

  async setup(): Promise<void> {
    // Begins empty.
  }

  next(random: Random): Action {
    const name = random.int(NAMES);
    const dice = random.int(10);
    if (dice < 2) return this.readAll();
    return dice < 7 ? this.insert(name) : this.remove(name);
  }

  private insert(name: number): Action {
    let row = 0;
    const body = () => async (txn: ReadWriteTransaction) => {
      row = this.nextRow++;
      await txn.write([
        { kind: 'insert', key: rowKey(row), cells: textCells(nameText(name)) },
        putNumber(childKey(row), row),
        { kind: 'insert', key: entryKey(name), cells: numberCells(row) },
      ]);
    };
    return { kind: 'update', body, done: (attempt) => { this.record(attempt, 'insert', name, row); } };
  }

  private remove(name: number): Action {
    let row: number | undefined;
    const body = () => async (txn: ReadWriteTransaction) => {
      const [entry] = await txn.get([entryKey(name)], { lock: 'exclusive' });
      row = numberOf(entry);
      if (row === undefined) return;
      await txn.write([
        { kind: 'delete', key: entryKey(name) },
        { kind: 'deleteRange', from: rowKey(row), to: rowEnd(row) },
      ]);
    };
    return { kind: 'update', body, done: (attempt) => { if (row !== undefined) this.record(attempt, 'delete', name, row); } };
  }

  private record({ id, start, end, outcome, timestamp }: Attempt, kind: UniqueChange['kind'], name: number, row: number): void {
    this.changes.push({ id, kind, name: nameText(name), row, outcome, start, end, timestamp });
  }

  readAll(): Action {
    const rows = new Map<number, string>();
    const entries = new Map<string, number>();
    const children = new Set<number>();
    const body = async (view: ReadView): Promise<void> => {
      for (const { key, record } of await scanAll(view, k('u'), k('u~'))) entries.set(nameText(Number(key.slice(5))), numberOf(record) ?? -1);
      for (const { key, record } of await scanAll(view, k('v'), k('v~'))) {
        const row = Number(key.slice(5, 10));
        if (key === childKey(row)) children.add(row);
        else rows.set(row, textOf(record) ?? '');
      }
    };
    const done = ({ id, outcome, timestamp }: Attempt): void => {
      if (outcome !== 'ok') return;
      this.reads.push({ id, timestamp: timestamp ?? 0, rows, entries });
      for (const row of children) if (!rows.has(row)) this.orphans.push(`read ${id}: child of row ${row} without it`);
      for (const row of rows.keys()) if (!children.has(row)) this.orphans.push(`read ${id}: row ${row} without its child`);
    };
    return { kind: 'snapshot', bound: { kind: 'strong' }, body, done };
  }

  cutPoint(random: Random): string {
    return random.int(2) === 0 ? `u${two(random.int(NAMES))}` : `v${String(random.int(this.nextRow + 10)).padStart(5, '0')}`;
  }

  check(): string | undefined {
    return this.orphans[0] ?? describe(checkUnique(this.changes, this.reads));
  }
}

/**
 * Changes of index entries that one batch of writes makes, gathered by entry key: what one row gives up another may take, in
 * whatever order the rows come. An entry that two rows want at once breaks a unique index.
 */
import type { Key } from '../../base/ids.ts';
import type { Cell, WriteOp } from '../../txn/types.ts';
import { columnById } from '../schema/schema.ts';
import { boundedKey, entryCells, entryKeyValues, isIndexed, settle, type WriteRow } from './cells.ts';
import { keyText, uniqueViolation } from './errors.ts';
import type { IndexPlan, TablePlan } from './table-plan.ts';

interface Change {
  /** A row of the batch had the entry before and gave it up. */
  readonly released: boolean;
  /** The entry's new cells, undefined: there is none; and the row that they are for. */
  readonly cells: readonly Cell[] | undefined;
  readonly owner: string;
  readonly plan: IndexPlan;
}

export class EntryChanges {
  private readonly changes = new Map<Key, Change>();

  get size(): number {
    return this.changes.size;
  }

  /** `owner` is the row's key. Entries of a row with an open commit timestamp in their keys cannot be written yet: those are left out, see `opensKey`. */
  change(plan: TablePlan, owner: string, before: WriteRow | undefined, after: WriteRow | undefined): void {
    for (const index of plan.indexes) {
      if (before !== undefined && after !== undefined && sameEntry(index, before, after)) continue;
      const oldKey = before === undefined ? undefined : keyOf(index, before);
      const newKey = after === undefined ? undefined : keyOf(index, after);
      if (oldKey !== undefined) this.release(index, owner, oldKey);
      if (newKey !== undefined && after !== undefined && takesEntries(index)) this.claim(index, owner, newKey, after);
    }
  }

  private release(plan: IndexPlan, owner: string, key: Key): void {
    const known = this.changes.get(key);
    if (known?.cells !== undefined && known.owner !== owner) this.changes.set(key, { ...known, released: true });
    else this.changes.set(key, { plan, owner, released: known === undefined || known.released, cells: undefined });
  }

  private claim(plan: IndexPlan, owner: string, key: Key, row: WriteRow): void {
    const known = this.changes.get(key);
    if (known?.cells !== undefined && plan.index.unique) throw duplicate(plan, row);
    this.changes.set(key, { plan, owner, released: known?.released ?? false, cells: entryCells(plan, row) });
  }

  ops(): WriteOp[] {
    const ops: WriteOp[] = [];
    for (const [key, { plan, released, cells }] of this.changes) {
      if (cells === undefined) ops.push({ kind: 'delete', key });
      else ops.push({ kind: plan.index.unique && !released ? 'insert' : 'put', key, cells });
    }
    return ops;
  }
}

function duplicate(plan: IndexPlan, row: WriteRow): Error {
  const values = settle(entryKeyValues(plan, row), 0n) ?? [];
  return uniqueViolation(plan.index, keyText(values, plan.index.keys.map((key) => columnById(plan.layout.table, key.column))));
}

const takesEntries = ({ index }: IndexPlan): boolean => index.state !== 'deleteOnly';

/** Whether an index's entry of this row has the open commit timestamp in its key. */
export const opensKey = (index: IndexPlan, row: WriteRow): boolean => takesEntries(index) && isIndexed(index, row) && settle(entryKeyValues(index, row), undefined) === undefined;

function keyOf(index: IndexPlan, row: WriteRow): Key | undefined {
  if (!isIndexed(index, row)) return undefined;
  const values = settle(entryKeyValues(index, row), undefined);
  return values === undefined ? undefined : boundedKey(index.layout, values, `index ${index.index.name}`);
}

/** Whether nothing that the entry depends on changed. Values compare by identity: a false difference costs a write only. */
function sameEntry(index: IndexPlan, before: WriteRow, after: WriteRow): boolean {
  for (const position of index.uses) if (!Object.is(before[position], after[position])) return false;
  return true;
}

/**
 * Gathers what the planner wants to know of a table (plan/statistics.ts): a walk over the keys of the table and of its
 * indexes in batches, at one timestamp, of bounded length. Counting distinct values of a key's leading parts needs no
 * memory, since equal ones lie together. What lies beyond the bound is not known: the table then counts as that large.
 */
import type { ReadView } from '../../txn/types.ts';
import type { TableStatistics } from '../plan/statistics.ts';
import type { Table } from '../schema/objects.ts';
import type { KeyLayout, KeySpace } from './keyspace.ts';

/** Keys that are walked over in a table, and in each index. */
export const MAX_KEYS = 100_000;

export interface GatherOptions {
  /** Called between batches: may wait, and may throw to give up. */
  readonly pause: () => Promise<void>;
  readonly maxKeys?: number;
}

export async function gatherStatistics(view: ReadView, space: KeySpace, table: Table, options: GatherOptions): Promise<TableStatistics> {
  const own = await countKeys(view, space.table(table), options);
  const distinct = new Map([[table.id, own.distinct]]);
  for (const index of space.schema.indexesOf(table.id)) {
    if (index.state !== 'ready') continue;
    const counted = await countKeys(view, space.index(index), options);
    // Of a walk that did not reach the end: as many distinct values for each row as in the part that was seen.
    const scale = counted.isWhole || counted.rows === 0 ? 1 : own.rows / counted.rows;
    distinct.set(index.id, counted.distinct.map((n) => n * scale));
  }
  return { rows: own.rows, distinct };
}

interface Counted {
  readonly rows: number;
  readonly distinct: readonly number[];
  readonly isWhole: boolean;
}

async function countKeys(view: ReadView, layout: KeyLayout, { pause, maxKeys = MAX_KEYS }: GatherOptions): Promise<Counted> {
  const distinct = layout.parts.map(() => 0);
  let previous: readonly string[] = [];
  let rows = 0;
  let seen = 0;
  const cursor = view.scan(layout.prefixRange([]));
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key } of batch) {
        if (layout.isShared && !layout.owns(key)) continue;
        rows++;
        const prefixes = layout.prefixesOf(key);
        for (let i = 0; i < prefixes.length; i++) {
          if (prefixes[i] === previous[i]) continue;
          distinct[i] = (distinct[i] ?? 0) + 1;
        }
        previous = prefixes;
      }
      seen += batch.length;
      if (seen >= maxKeys) return { rows, distinct, isWhole: false };
      await pause();
    }
  } finally {
    await cursor.close();
  }
  return { rows, distinct, isWhole: true };
}

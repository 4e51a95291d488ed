/**
 * How many bytes the tables and indexes of a database take at this node, old versions included.
 *
 * Every root table (with what is interleaved in it) and every index has a range of its own. Its first entries are read,
 * and shared out to the tables that they belong to. When the range is longer, the disk's estimate of it is shared out
 * in the same proportions. What is read is bounded, whatever the size of the database.
 */
import type { Key } from '../../base/ids.ts';
import type { KeySpace } from '../../sql/rows/keyspace.ts';
import { HEAD_PREFIX, HISTORY_PREFIX, parseHistoryKey } from '../../storage/mvcc.ts';
import type { Engine } from '../../storage/types.ts';
import type { KeyRange } from '../../txn/types.ts';

/** Entries that are read of one range, at most, and of all ranges together. */
const RANGE_ENTRIES = 2_000;
const ALL_ENTRIES = 200_000;
const BATCH = 500;

interface Part {
  readonly range: KeyRange;
  /** The table or index of a key in the range; undefined: of none that there is. */
  readonly owner: (key: Key) => string | undefined;
}

/** Bytes by name. `pause` is called between ranges. */
export async function measureSizes(engine: Engine, space: KeySpace, pause: () => Promise<void>): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const parts = partsOf(space, sizes);
  const budget = Math.min(RANGE_ENTRIES, Math.ceil(ALL_ENTRIES / Math.max(1, 2 * parts.length)));
  for (const { range, owner } of parts) {
    for (const [prefix, rowOf] of LAYERS) {
      const within = { from: (prefix + range.from) as Key, to: (prefix + range.to) as Key };
      for (const [name, bytes] of await measureRange(engine, within, budget, (key) => owner(rowOf(key)))) sizes.set(name, (sizes.get(name) ?? 0) + bytes);
    }
    await pause();
  }
  return sizes;
}

const LAYERS: readonly (readonly [string, (key: Key) => Key])[] = [
  [HEAD_PREFIX, (key) => key.slice(HEAD_PREFIX.length) as Key],
  [HISTORY_PREFIX, (key) => parseHistoryKey(key).key],
];

/** The ranges of a database; every name is in `sizes`, also those that have nothing. */
function partsOf(space: KeySpace, sizes: Map<string, number>): Part[] {
  const { schema } = space;
  const parts: Part[] = [];
  for (const table of schema.data.tables) {
    sizes.set(table.name, 0);
    if (schema.ancestorsOf(table).length > 0) continue;
    const layout = space.table(table);
    const owner = (key: Key): string | undefined => {
      const found = space.layoutOf(key);
      return found === undefined ? undefined : found.table.name;
    };
    parts.push({ range: layout.prefixRange([]), owner: layout.hasChildren ? owner : () => table.name });
  }
  for (const index of schema.data.indexes) {
    sizes.set(index.name, 0);
    parts.push({ range: space.index(index).prefixRange([]), owner: () => index.name });
  }
  return parts;
}

async function measureRange(engine: Engine, { from, to }: KeyRange, budget: number, owner: (key: Key) => string | undefined): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  let read = 0;
  let seen = 0;
  let isWhole = false;
  const cursor = engine.scan(from, to);
  try {
    while (seen < budget && !isWhole) {
      const entries = await cursor.next(Math.min(BATCH, budget - seen));
      isWhole = entries.length === 0;
      seen += entries.length;
      for (const { key, value } of entries) {
        const size = key.length + value.length;
        read += size;
        const name = owner(key);
        if (name !== undefined) bytes.set(name, (bytes.get(name) ?? 0) + size);
      }
    }
  } finally {
    await cursor.close();
  }
  if (isWhole) return bytes;
  // The estimate leaves out what was written lately.
  const factor = Math.max(1, (await engine.approximateBytes(from, to)) / read);
  return new Map([...bytes].map(([name, part]) => [name, part * factor]));
}

/** Keys of splits for people: where a split is to begin, and what an end of a split's range stands for. */
import type { SplitPoint } from '../api/backend.ts';
import { invalidArgument, notFound } from '../base/errors.ts';
import type { Key } from '../base/ids.ts';
import { decodeKeyPart, decodeTableTag, TABLE_TAG_LENGTH } from '../storage/keycodec.ts';
import { KeySpace, type KeyLayout } from '../sql/rows/keyspace.ts';
import { fromWire, toWire } from '../sql/values/wire.ts';
import type { OpenDatabase } from './catalog.ts';

function layoutOf(space: KeySpace, point: SplitPoint): { layout: KeyLayout; name: string } {
  if (point.index !== '') {
    const index = space.schema.index(point.index);
    if (index === undefined) throw notFound(`Index not found: ${point.index}`);
    return { layout: space.index(index), name: point.index };
  }
  const table = space.schema.table(point.table);
  if (table === undefined) throw notFound(`Table not found: ${point.table}`);
  return { layout: space.table(table), name: point.table };
}

/** The keys at which splits are to begin, in order, each once. A key may be a prefix of the table's; never inside an interleaved row. */
export function splitKeys(database: OpenDatabase, points: readonly SplitPoint[]): Key[] {
  const space = new KeySpace(database.schema(), database.prefix);
  const keys = new Set<Key>();
  for (const point of points) {
    const { layout, name } = layoutOf(space, point);
    for (const parts of point.keys) {
      if (parts.length === 0 || parts.length > layout.parts.length) throw invalidArgument(`A split point of ${name} has 1 to ${layout.parts.length} key parts; ${parts.length} were given.`);
      const values = parts.map((value, i) => {
        const part = layout.parts[i];
        if (part === undefined) throw invalidArgument(`${name} has fewer key parts.`);
        return fromWire(value, part.column.type);
      });
      keys.add(layout.prefixRange(values).from);
    }
  }
  return [...keys].sort();
}

/** `Singers(10)`, `index SongsByTitle("b")`, or the bytes in hexadecimal when the schema does not know the key. */
export function printKey(database: OpenDatabase | undefined, key: Key): string {
  if (database === undefined || !key.startsWith(database.prefix)) return key === '' ? '' : `0x${Buffer.from(key, 'latin1').toString('hex')}`;
  if (key === database.prefix) return '';
  const space = new KeySpace(database.schema(), database.prefix);
  const id = decodeTableTag(key, database.prefix.length);
  if (id === undefined) return `0x${Buffer.from(key, 'latin1').toString('hex')}`;
  const index = space.schema.findIndexById(id);
  const table = space.schema.findTableById(id);
  if (index !== undefined) return `index ${index.name}${printParts(space.index(index), key)}`;
  if (table !== undefined) return `${table.name}${printParts(space.table(table), key)}`;
  return `0x${Buffer.from(key, 'latin1').toString('hex')}`;
}

/** The values of the parts that the key has; a key of an interleaved table shows its root's. */
function printParts(layout: KeyLayout, key: Key): string {
  const texts: string[] = [];
  let offset = DATABASE_PREFIX_LENGTH + TABLE_TAG_LENGTH;
  for (const part of layout.parts) {
    if (offset >= key.length) break;
    const { value, next } = decodeKeyPart(part.type, key, offset, part.descending);
    const text = toWire(value, part.column.type);
    texts.push(part.type === 'INT64' ? String(text) : JSON.stringify(text));
    offset = next;
  }
  return texts.length === 0 ? '' : `(${texts.join(', ')})`;
}

const DATABASE_PREFIX_LENGTH = 4;

/**
 * How the key space of a cluster is laid out: four bytes of database number, then the keys of sql/rows. Number 0 is the
 * cluster's metadata, which lies in a split of its own; every other database begins in a split of its own, too.
 */
import { prefixEnd, splitId, type Key, type SplitId } from '../base/ids.ts';
import { assert } from '../base/assert.ts';

export const META_SPLIT: SplitId = splitId(1);
/** The split that holds all key space no database has yet. */
export const TAIL_SPLIT: SplitId = splitId(2);
export const FIRST_FREE_SPLIT = 3;

const MAX_DATABASE_NUMBER = 0xffff_fffe;

/** The first four bytes of every key of a database. */
export function databasePrefix(number: number): Key {
  assert(Number.isInteger(number) && number >= 0 && number <= MAX_DATABASE_NUMBER, 'database number out of range');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes.toString('latin1') as Key;
}

export const META_PREFIX = databasePrefix(0);
export const FIRST_DATABASE_PREFIX = databasePrefix(1);
export const KEYSPACE_END = '\xff\xff\xff\xff' as Key;

export const databaseEnd = (prefix: Key): Key => prefixEnd(prefix) ?? KEYSPACE_END;

/** The number of the database that a key belongs to. */
export function databaseNumberOf(key: Key): number {
  return key.length < 4 ? 0 : Buffer.from(key.slice(0, 4), 'latin1').readUInt32BE(0);
}

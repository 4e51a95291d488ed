/**
 * Cuts a row that is too large for one PartialResultSet into pieces, by the rules of PartialResultSet.chunked_value:
 * pieces of a string are concatenated; pieces of a list are concatenated, and the last element of one piece is merged
 * with the first of the next by the same rules when both are strings or both are lists. So a cut between two elements
 * that could be merged puts a neutral one ("" or []) first in the next piece. Source: result_set.proto.
 *
 * The cuts depend on the row and the limit only: a stream that is resumed inside a row is cut in the same places.
 */
import type { WireValue } from '../../sql/values/wire.ts';

export interface RowPiece {
  readonly values: readonly WireValue[];
  /** The last value goes on in the next piece. */
  readonly chunked: boolean;
}

/** Bytes around each value: tags and lengths. */
const VALUE_OVERHEAD = 12;
/** With less room than this a value is not begun in the current piece. */
const MIN_ROOM = 256;
const MAX_UTF8_PER_UNIT = 3;

function sizeOf(value: WireValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value, 'utf8') + VALUE_OVERHEAD;
  if (typeof value === 'object' && value !== null) return value.reduce<number>((sum, item) => sum + sizeOf(item), VALUE_OVERHEAD);
  return VALUE_OVERHEAD;
}

/** Pieces of at most about `limit` bytes. */
export function* cutRow(row: readonly WireValue[], limit: number): Generator<RowPiece, void, undefined> {
  let values: WireValue[] = [];
  let room = limit;
  for (const value of row) {
    let rest = value;
    for (;;) {
      const size = sizeOf(rest);
      if (size <= room) {
        values.push(rest);
        room -= size;
        break;
      }
      const cut = room >= MIN_ROOM ? cutValue(rest, room) : undefined;
      if (cut !== undefined) {
        values.push(cut.head);
        rest = cut.tail;
      } else if (values.length === 0) {
        // Something that cannot be cut goes as it is.
        values.push(rest);
        break;
      }
      yield { values, chunked: cut !== undefined };
      values = [];
      room = limit;
    }
  }
  yield { values, chunked: false };
}

interface Cut {
  readonly head: WireValue;
  readonly tail: WireValue;
}

function cutValue(value: WireValue, room: number): Cut | undefined {
  if (typeof value === 'string') return cutText(value, room);
  if (typeof value === 'object' && value !== null) return cutList(value, room);
  return undefined;
}

function cutText(text: string, room: number): Cut | undefined {
  const bytes = room - VALUE_OVERHEAD;
  let units = Math.min(text.length - 1, bytes);
  if (units > 0 && Buffer.byteLength(text.slice(0, units), 'utf8') > bytes) units = Math.floor(bytes / MAX_UTF8_PER_UNIT);
  // Not between the halves of a surrogate pair.
  const last = text.charCodeAt(units - 1);
  if (last >= 0xd800 && last <= 0xdbff) units--;
  return units > 0 ? { head: text.slice(0, units), tail: text.slice(units) } : undefined;
}

function cutList(list: readonly WireValue[], room: number): Cut | undefined {
  let left = room - VALUE_OVERHEAD;
  for (const [i, item] of list.entries()) {
    const size = sizeOf(item);
    if (size <= left) {
      left -= size;
      continue;
    }
    const cut = left >= MIN_ROOM ? cutValue(item, left) : undefined;
    if (cut !== undefined) return { head: [...list.slice(0, i), cut.head], tail: [cut.tail, ...list.slice(i + 1)] };
    if (i === 0) return undefined;
    return { head: list.slice(0, i), tail: [...neutral(list[i - 1]), ...list.slice(i)] };
  }
  return undefined;
}

function neutral(before: WireValue | undefined): WireValue[] {
  if (typeof before === 'string') return [''];
  return typeof before === 'object' && before !== null ? [[]] : [];
}

/** Records without some of their cells, for reads that want few columns. */
import { asBuffer, CorruptBytes } from '../base/bytes.ts';
import { checkHeader, HEADER_LENGTH, varintAt } from './record.ts';


/** Parts up to this length are copied byte by byte, which is faster than a call. */
const SHORT_PART = 32;
/** Where trimmed records are put together. */
let trimmed = Buffer.allocUnsafe(4096);

/** The record with the cells of these columns alone, which are in ascending order; the record itself when it has no others. */
export function trimRecord(record: Uint8Array, columnIds: readonly number[]): Uint8Array {
  checkHeader(record);
  const buffer = asBuffer(record);
  const end = buffer.length;
  if (trimmed.length < end) trimmed = Buffer.allocUnsafe(2 * end);
  let size = copied(buffer, 0, HEADER_LENGTH, 0);
  /** Where cells that are wanted begin, of those that lie side by side. */
  let from = HEADER_LENGTH;
  let next = 0;
  let at = HEADER_LENGTH;
  while (at < end && next < columnIds.length) {
    let column = buffer[at] ?? 0;
    let length = buffer[at + 1] ?? 0;
    let after = at + 2;
    if ((column | length) >= 0x80) {
      const position = { at };
      column = varintAt(buffer, position);
      length = varintAt(buffer, position);
      after = position.at;
    }
    after += length;
    if (length === 0 || after > end) throw new CorruptBytes('cell is longer than its record');
    while (next < columnIds.length && (columnIds[next] ?? 0) < column) next++;
    if (columnIds[next] !== column) {
      size = copied(buffer, from, at, size);
      from = after;
    }
    at = after;
  }
  if (from === HEADER_LENGTH && at === end) return record;
  size = copied(buffer, from, at, size);
  return Buffer.from(trimmed.subarray(0, size));
}

/** Copies a part to the end of what is put together; answers how long that is now. Short parts are faster copied here. */
function copied(buffer: Buffer, from: number, to: number, size: number): number {
  if (to - from > SHORT_PART) return size + buffer.copy(trimmed, size, from, to);
  let end = size;
  for (let i = from; i < to; i++) trimmed[end++] = buffer[i] ?? 0;
  return end;
}

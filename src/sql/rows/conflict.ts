/** From the key of a write whose precondition did not hold back to the table and row, for the message that the client sees. */
import { alreadyExists, notFound, type TrestleError } from '../../base/errors.ts';
import type { WriteConflict } from '../../txn/types.ts';
import { keyText, rowExists, rowMissing, uniqueViolation } from './errors.ts';
import { IndexLayout, type KeySpace } from './keyspace.ts';

/** ALREADY_EXISTS for a row or unique index entry that is there, NOT_FOUND for a row that is not. */
export function describeConflict(keySpace: KeySpace, conflict: WriteConflict): TrestleError {
  const layout = keySpace.layoutOf(conflict.key);
  if (layout === undefined) return conflict.kind === 'exists' ? alreadyExists('Row already exists.') : notFound('Row not found.');
  const values = layout.decode(conflict.key) ?? [];
  const shown = keyText(values, layout.parts.map((part) => part.column));
  if (layout instanceof IndexLayout) return conflict.kind === 'exists' ? uniqueViolation(layout.index, shown) : notFound(`Index ${layout.index.name}: Entry ${shown} not found.`);
  return conflict.kind === 'exists' ? rowExists(layout.table, shown) : rowMissing(layout.table, shown);
}

/** Bounds of transactions, with their reasons. */
import { assert } from '../base/assert.ts';
import { MAX_PAYLOAD_BYTES } from '../net/limits.ts';

/** Writes that one transaction buffers: twice the 80,000 mutations of Cloud Spanner, since a row deleted with its children is one, and some. */
export const MAX_WRITES = 200_000;
/** Bytes of keys and cells that one transaction buffers, as in Cloud Spanner. */
export const MAX_TRANSACTION_BYTES = 100 * 1024 * 1024;
/** What one transaction may send to, and log in, one split: a log entry travels in one message. */
export const MAX_COMMAND_BYTES = 24 * 1024 * 1024;
/** Keys and ranges that one transaction remembers having read under locks. */
export const MAX_READ_SPANS = 200_000;
/** Rows and bytes in one answer to a read, at most (one row may exceed the bytes). */
export const MAX_ANSWER_ROWS = 2_000;
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** Rows that one answer looks at, at most, and their bytes: a fragment may keep few of them. */
export const MAX_LOOKED_ROWS = 10_000;
export const MAX_LOOKED_BYTES = 16 * 1024 * 1024;
/** Bytes in one answer to a read by key. */
export const MAX_GET_BYTES = 4 * 1024 * 1024;

/** The latest of one clock is ahead of that of another by at most twice the largest uncertainty that may be declared. */
export const MAX_CLOCK_AHEAD_MICROS = 100_000;

/** Room for what surrounds a command in a message of the log: identifiers, timestamps, a descriptor. */
const ENVELOPE_BYTES = 1024 * 1024;
/** The largest row: Cloud Spanner's limit of a cell, some times over. */
assert(MAX_COMMAND_BYTES + ENVELOPE_BYTES < MAX_PAYLOAD_BYTES, 'a command fits a message');
assert(MAX_GET_BYTES + MAX_COMMAND_BYTES + ENVELOPE_BYTES < MAX_PAYLOAD_BYTES, 'an answer that one row makes too large fits a message');

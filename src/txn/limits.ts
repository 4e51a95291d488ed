/** Bounds of transactions, with their reasons. */
import { assert } from '../base/assert.ts';
import { MAX_PAYLOAD_BYTES } from '../net/limits.ts';

/** Writes that one transaction buffers: twice the 80,000 mutations of Cloud Spanner, since a row deleted with its children is one, and some. */
export const MAX_WRITES = 200_000;
/** Bytes of keys and cells that one transaction buffers, as in Cloud Spanner. */
export const MAX_TRANSACTION_BYTES = 100 * 1024 * 1024;
/** What the writes of one transaction may become in one split: whole rows, where they may change a cell. */
export const MAX_SPLIT_BYTES = 128 * 1024 * 1024;
/** Writes of more than this are logged in parts, each about so large (parts.ts): a disk and a connection take them in a moment. */
export const PART_BYTES = 2 * 1024 * 1024;
/** Parts of one transaction that are on their way into the log at a time. */
export const PARTS_IN_FLIGHT = 2;
/** The next part waits for the disk while more than this is not durable. */
export const PARTS_BACKLOG_BYTES = 32 * 1024 * 1024;
/** The largest row, the largest part therefore, and the most that is read under locks and logged with a prepare: an entry of the log travels in one message. */
export const MAX_ENTRY_BYTES = 24 * 1024 * 1024;
/** Requests to a leader up to this are sent; larger ones it fetches (large.ts), in chunks. */
export const SENT_REQUEST_BYTES = 1024 * 1024;
export const FETCH_CHUNK_BYTES = 1024 * 1024;
/** The largest of those: what a transaction may buffer, and what surrounds and has been read beside it. */
export const MAX_REQUEST_BYTES = 192 * 1024 * 1024;
/** All of them that a node's leaders hold at a time: beyond it a transaction is aborted, and tried again. */
export const MAX_HELD_REQUEST_BYTES = 384 * 1024 * 1024;
/** How long one of them is tried, microseconds. */
export const LARGE_LIMIT_MICROS = 120_000_000;
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
assert(PART_BYTES < MAX_ENTRY_BYTES && MAX_ENTRY_BYTES + PART_BYTES + ENVELOPE_BYTES < MAX_PAYLOAD_BYTES, 'a command fits a message');
assert(MAX_GET_BYTES + MAX_ENTRY_BYTES + ENVELOPE_BYTES < MAX_PAYLOAD_BYTES, 'an answer that one row makes too large fits a message');
assert(MAX_TRANSACTION_BYTES < MAX_SPLIT_BYTES && MAX_TRANSACTION_BYTES < MAX_REQUEST_BYTES && MAX_REQUEST_BYTES < MAX_HELD_REQUEST_BYTES, 'a transaction of the largest size can commit');

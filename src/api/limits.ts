/** Every limit of the edge in one place. Spanner's own values where it has one (cloud.google.com/spanner/quotas). */
import { assert } from '../base/assert.ts';

const MIB = 1024 * 1024;

/** A gRPC message, either way. */
export const MAX_MESSAGE_BYTES = 100 * MIB;
/** Of requests that are not complete yet, at this node together. */
export const MAX_BUFFERED_REQUEST_BYTES = 1024 * MIB;
/** A request of the data plane, commits excepted. */
export const MAX_REQUEST_BYTES = 10 * MIB;
/** A request of administration; schema statements are the large ones. */
export const MAX_ADMIN_REQUEST_BYTES = 10 * MIB;
/** Values in one PartialResultSet, about. */
export const RESULT_SET_BYTES = 1 * MIB;
/** At the end of a batch of rows a set this large is sent without waiting for more rows. */
export const EAGER_SET_BYTES = 64 * 1024;
/** The result of ExecuteSql or Read, which is one message. */
export const MAX_UNARY_RESULT_BYTES = 10 * MIB;
/** The message of a status, in bytes of UTF-8. */
export const MAX_ERROR_MESSAGE_BYTES = 1024;
export const MAX_SQL_CHARS = 1 * MIB;
export const MAX_PARAMETERS = 950;
export const MAX_MUTATIONS_PER_COMMIT = 80_000;
export const MAX_COMMIT_DELAY_MICROS = 500_000;
export const MAX_LABELS = 64;
/** A role's name. It is stored with every session that has it. */
export const MAX_ROLE_CHARS = 128;
export const MAX_SESSIONS_PER_BATCH = 100;
export const MAX_PAGE_SIZE = 1000;
export const MAX_BATCH_STATEMENTS = 10_000;
export const MAX_SPLIT_POINTS = 100;
/** Read-write transactions that are active at this node. */
export const MAX_ACTIVE_TRANSACTIONS = 20_000;
/** Active read-write transactions of one session that is not multiplexed. */
export const MAX_TRANSACTIONS_PER_SESSION = 32;
/** Transactions that have ended, remembered so that a repeated call is answered as the first one was. */
export const MAX_ENDED_TRANSACTIONS = 20_000;
export const ENDED_TRANSACTION_MICROS = 120 * 1_000_000;
/** A read-write transaction that nobody uses for this long is rolled back. */
export const IDLE_TRANSACTION_MICROS = 10 * 1_000_000;
/** Rows of THEN RETURN kept per transaction to answer a repeated statement. */
export const MAX_REPLAY_ROWS = 10_000;
/** Reads at a timestamp further ahead than this are refused at once. */
export const MAX_FUTURE_READ_MICROS = 3_600 * 1_000_000;
/** Tries of a commit that the edge itself repeats (blind writes). */
export const MAX_BLIND_ATTEMPTS = 10;
/** Groups of one BatchWrite that are written at a time. */
export const MAX_CONCURRENT_GROUPS = 32;
export const MAX_CONCURRENT_STREAMS = 1_000;
export const MAX_WAIT_MICROS = 3_600 * 1_000_000;

assert(MAX_MESSAGE_BYTES <= MAX_BUFFERED_REQUEST_BYTES, 'a message can become complete');
assert(RESULT_SET_BYTES < MAX_MESSAGE_BYTES, 'a result set fits into a message');
assert(MAX_UNARY_RESULT_BYTES < MAX_MESSAGE_BYTES, 'a unary result fits into a message');
assert(EAGER_SET_BYTES <= RESULT_SET_BYTES, 'an eager set is not larger than a full one');

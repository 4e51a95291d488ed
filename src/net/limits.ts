/** Bounds of the network room, with their reasons. */
import { assert } from '../base/assert.ts';

/** The largest message: an entry of a log with one very large row. Nearly all are far smaller. */
export const MAX_PAYLOAD_BYTES = 32 * 1024 * 1024;
/** The largest frame: one write to a socket, many messages. Bounds what a corrupt length can make the receiver buffer. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** What may wait for one peer before messages to it are dropped. */
export const MAX_QUEUE_BYTES = 128 * 1024 * 1024;
/** A peer from which nothing has come for this long is down. Pings are sent four times as often. */
export const LIVENESS_TIMEOUT_MICROS = 1_000_000;

/** Calls in flight to one peer: beyond it RESOURCE_EXHAUSTED at once, on either side. */
export const MAX_CALLS_PER_PEER = 16_384;
/** Calls in one message. */
export const MAX_CALLS_TOGETHER = 1_024;
export const MAX_STREAMS_PER_PEER = 4_096;
/** Chunks that a stream's producer may be ahead of its consumer. */
export const STREAM_WINDOW_CHUNKS = 4;
/** Deadlines are checked on this grid, so that one timer serves all calls. */
export const DEADLINE_GRID_MICROS = 10_000;
/** Characters of an error's message that travel; the rest is cut. */
export const MAX_ERROR_CHARS = 16_384;

assert(MAX_PAYLOAD_BYTES < MAX_FRAME_BYTES, 'a payload must fit a frame');
assert(MAX_FRAME_BYTES <= MAX_QUEUE_BYTES, 'a frame must fit the queue');

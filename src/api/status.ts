/**
 * Errors as gRPC statuses: code, message, and the structured details in the trailers that clients read.
 * `grpc-status-details-bin` holds a google.rpc.Status with every detail (Go, Java); `google.rpc.retryinfo-bin` and
 * `google.rpc.resourceinfo-bin` hold the detail itself (Node, Java). Source: google/rpc/status.proto, error_details.proto.
 */
import { AssertionError } from '../base/assert.ts';
import { CorruptBytes } from '../base/bytes.ts';
import type { Logger } from '../base/env.ts';
import { Code, TrestleError, type ErrorDetail } from '../base/errors.ts';
import { MAX_ERROR_MESSAGE_BYTES } from './limits.ts';
import { writeDuration } from './wire/time.ts';
import { ProtoWriter } from './wire/writer.ts';

const TYPE_PREFIX = 'type.googleapis.com/';
const RETRY_INFO = 'google.rpc.RetryInfo';
const RESOURCE_INFO = 'google.rpc.ResourceInfo';

export interface Status {
  readonly code: Code;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

/** The text cut to the limit at a character boundary, and fit for UTF-8. */
export function cutMessage(message: string): string {
  const text = message.isWellFormed() ? message : message.toWellFormed();
  if (text.length * 3 <= MAX_ERROR_MESSAGE_BYTES || Buffer.byteLength(text) <= MAX_ERROR_MESSAGE_BYTES) return text;
  const bytes = Buffer.from(text);
  let end = MAX_ERROR_MESSAGE_BYTES - Buffer.byteLength('…');
  // Not inside a character: continuation bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}…`;
}

/** The status of anything that was thrown. What is not a TrestleError is a fault of ours: INTERNAL, logged with its stack. */
export function statusOf(error: unknown, method: string, log: Logger): Status {
  if (error instanceof TrestleError) return { code: error.code, message: cutMessage(error.message), details: error.details };
  if (error instanceof Error && error.name === 'AbortError') return { code: Code.CANCELLED, message: 'The call was cancelled.', details: [] };
  const stack = error instanceof Error ? error.stack : String(error);
  log.error('call failed', { method, stack });
  const what = error instanceof AssertionError || error instanceof CorruptBytes ? error.message : 'Internal error.';
  return { code: Code.INTERNAL, message: cutMessage(what), details: [] };
}

function encodeDetail(detail: ErrorDetail): Buffer {
  const writer = new ProtoWriter(128);
  if (detail.kind === 'retryInfo') writeDuration(writer, 1, detail.delayMicros);
  else {
    writer.string(1, detail.resourceType);
    writer.string(2, detail.resourceName);
    writer.string(4, detail.description);
  }
  return writer.finish();
}

/** Writes the fields of a google.rpc.Status into the message that is open. */
export function writeStatus(writer: ProtoWriter, status: Status): void {
  writer.int(1, status.code);
  writer.string(2, status.message);
  for (const detail of status.details) {
    const start = writer.begin(3);
    writer.string(1, TYPE_PREFIX + (detail.kind === 'retryInfo' ? RETRY_INFO : RESOURCE_INFO));
    writer.bytes(2, encodeDetail(detail));
    writer.end(start);
  }
}

/** Trailers of a status, by name. Empty for one without details, whose code and message say everything. */
export function statusTrailers(status: Status): readonly (readonly [string, Buffer])[] {
  if (status.details.length === 0) return [];
  const writer = new ProtoWriter(256);
  writeStatus(writer, status);
  const trailers: [string, Buffer][] = [['grpc-status-details-bin', writer.finish()]];
  for (const detail of status.details) {
    trailers.push([detail.kind === 'retryInfo' ? 'google.rpc.retryinfo-bin' : 'google.rpc.resourceinfo-bin', encodeDetail(detail)]);
  }
  return trailers;
}

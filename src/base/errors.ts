/**
 * Errors that reach a client: one class, the gRPC canonical codes, and the retry scope that each code stands for.
 *
 * The rule for choosing a code is that of google/rpc/code.proto: UNAVAILABLE when the same call may simply be repeated,
 * ABORTED when the whole transaction must be, FAILED_PRECONDITION when repeating is useless until something changes.
 * Broken invariants are not errors of this kind: they are `assert`s (see assert.ts) and stop the process.
 */

export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type CodeName = keyof typeof Code;
export type Code = (typeof Code)[CodeName];

/** What a client should repeat when it sees an error: nothing, the call, or the transaction that the call belongs to. */
export type RetryScope = 'never' | 'call' | 'transaction';

/** Structured details that the API edge turns into google.rpc messages. */
export type ErrorDetail =
  | { readonly kind: 'retryInfo'; readonly delayMicros: number }
  | { readonly kind: 'resourceInfo'; readonly resourceType: string; readonly resourceName: string; readonly description: string };

/** The errors that whoever looks for a bug wants to know the place of. */
const WITH_STACK: ReadonlySet<Code> = new Set([Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS]);

/**
 * An error with a gRPC status. `details` travel to the client in grpc-status-details-bin. Most are answers, of which a
 * busy node gives thousands a second: they carry no stack, which would cost more than the call that they answer.
 */
export class TrestleError extends Error {
  readonly code: Code;
  readonly details: readonly ErrorDetail[];

  constructor(code: Code, message: string, details: readonly ErrorDetail[] = []) {
    const limit = Error.stackTraceLimit;
    if (!WITH_STACK.has(code)) Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = limit;
    this.name = 'TrestleError';
    this.code = code;
    this.details = details;
  }

  get retryScope(): RetryScope {
    return retryScopeOf(this.code);
  }
}

export function retryScopeOf(code: Code): RetryScope {
  if (code === Code.UNAVAILABLE) return 'call';
  if (code === Code.ABORTED) return 'transaction';
  return 'never';
}

export function codeName(code: Code): CodeName {
  for (const [name, value] of Object.entries(Code)) {
    if (value === code) return name as CodeName;
  }
  return 'UNKNOWN';
}

/** The delay that an aborted transaction's client is asked to wait: short, since locks are held for milliseconds. */
const ABORT_RETRY_DELAY_MICROS = 5_000;

export const aborted = (message: string, delayMicros: number = ABORT_RETRY_DELAY_MICROS): TrestleError =>
  new TrestleError(Code.ABORTED, message, [{ kind: 'retryInfo', delayMicros }]);
export const unavailable = (message: string): TrestleError => new TrestleError(Code.UNAVAILABLE, message);
export const invalidArgument = (message: string): TrestleError => new TrestleError(Code.INVALID_ARGUMENT, message);
export const failedPrecondition = (message: string): TrestleError => new TrestleError(Code.FAILED_PRECONDITION, message);
export const notFound = (message: string, details: readonly ErrorDetail[] = []): TrestleError => new TrestleError(Code.NOT_FOUND, message, details);
export const alreadyExists = (message: string, details: readonly ErrorDetail[] = []): TrestleError => new TrestleError(Code.ALREADY_EXISTS, message, details);
export const outOfRange = (message: string): TrestleError => new TrestleError(Code.OUT_OF_RANGE, message);
export const resourceExhausted = (message: string): TrestleError => new TrestleError(Code.RESOURCE_EXHAUSTED, message);
export const unimplemented = (message: string): TrestleError => new TrestleError(Code.UNIMPLEMENTED, message);
export const deadlineExceeded = (message: string): TrestleError => new TrestleError(Code.DEADLINE_EXCEEDED, message);
export const cancelled = (message: string): TrestleError => new TrestleError(Code.CANCELLED, message);
export const dataLoss = (message: string): TrestleError => new TrestleError(Code.DATA_LOSS, message);

/** The message for GET_NEXT_SEQUENCE_VALUE where nothing can be written: INVALID_ARGUMENT. */
export const SEQUENCES_READ_ONLY = 'The following functions can only be used in a read-write or partitioned-dml transaction. Current transaction type is ReadOnly: get_next_sequence_value';

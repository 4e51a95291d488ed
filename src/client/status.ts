/** A failed call as a TrestleError: code, message, and the details that say when to try again. */
import type { Metadata, ServiceError } from '@grpc/grpc-js';
import { Code, TrestleError, type ErrorDetail } from '../base/errors.ts';
import { decodeMessage, type WireStatus, type WireTimestamp } from './wire.ts';

const RETRY_INFO = 'google.rpc.RetryInfo';

const CODES: ReadonlySet<number> = new Set(Object.values(Code));
const codeOf = (code: number): Code => (CODES.has(code) ? (code as Code) : Code.UNKNOWN);

function retryDetail(bytes: Uint8Array): ErrorDetail | undefined {
  const delay = decodeMessage(RETRY_INFO, bytes)['retryDelay'] as WireTimestamp | null;
  return delay === null ? undefined : { kind: 'retryInfo', delayMicros: Number(delay.seconds) * 1_000_000 + Math.floor(delay.nanos / 1_000) };
}

function detailsOf(status: WireStatus): readonly ErrorDetail[] {
  return status.details.flatMap((detail) => (detail.typeUrl.endsWith(RETRY_INFO) ? (retryDetail(detail.value) ?? []) : []));
}

/** For a status inside an answer: of a batch, or of an operation. */
export const errorOfStatus = (status: WireStatus): TrestleError => new TrestleError(codeOf(status.code), status.message, detailsOf(status));

function trailerBytes(metadata: Metadata, name: string): Uint8Array | undefined {
  const value = metadata.get(name)[0];
  return typeof value === 'string' ? undefined : value;
}

export function errorOfCall(error: ServiceError): TrestleError {
  const details: ErrorDetail[] = [];
  // Trailers come from outside; what cannot be read is only a hint less.
  try {
    const whole = trailerBytes(error.metadata, 'grpc-status-details-bin');
    if (whole !== undefined) details.push(...detailsOf(decodeMessage('google.rpc.Status', whole) as unknown as WireStatus));
    const retry = trailerBytes(error.metadata, 'google.rpc.retryinfo-bin');
    const detail = details.length > 0 || retry === undefined ? undefined : retryDetail(retry);
    if (detail !== undefined) details.push(detail);
  } catch {
    // As above.
  }
  return new TrestleError(codeOf(error.code), error.details, details);
}

/** The delay that the server asks for before the next attempt; undefined when it does not say. */
export function retryDelayMicros(error: TrestleError): number | undefined {
  for (const detail of error.details) if (detail.kind === 'retryInfo') return detail.delayMicros;
  return undefined;
}

export const isCode = (error: unknown, code: Code): error is TrestleError => error instanceof TrestleError && error.code === code;

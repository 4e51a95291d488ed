/** Headers and trailers of gRPC over HTTP/2. Source: PROTOCOL-HTTP2.md of gRPC. */
import { statusTrailers, type Status } from '../status.ts';

export const CONTENT_TYPE = 'application/grpc';

const MICROS: Readonly<Record<string, number>> = { H: 3_600_000_000, M: 60_000_000, S: 1_000_000, m: 1_000, u: 1, n: 0.001 };

/** The header grpc-timeout in microseconds; undefined without one, or when it makes no sense. */
export function timeoutMicros(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const unit = MICROS[header.slice(-1)];
  const digits = header.slice(0, -1);
  return unit === undefined || !/^\d{1,8}$/.test(digits) ? undefined : Number(digits) * unit;
}

/** Bytes outside of printable ASCII, and the percent sign, as %XX of their UTF-8. */
function percentEncoded(message: string): string {
  if (/^[ -$&-~]*$/.test(message)) return message;
  let out = '';
  for (const byte of Buffer.from(message, 'utf8')) {
    out += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** The trailers of a call that failed. */
export function failureTrailers(status: Status): Record<string, string> {
  const trailers: Record<string, string> = { 'grpc-status': String(status.code), 'grpc-message': percentEncoded(status.message) };
  for (const [name, value] of statusTrailers(status)) trailers[name] = value.toString('base64');
  return trailers;
}

/**
 * The messages of the rpc channel.
 *
 *   u8 kind, varint call id, then
 *   call      u32 method, body            ask for one answer
 *   reply     body
 *   error     flags, code, message, details
 *   cancel                                the caller no longer wants the answer
 *   open      u32 method, varint credit, body   ask for a stream of chunks
 *   chunk     body
 *   end                                   the stream is complete
 *   credit    varint count                the producer may send this many chunks more
 *   calls     u32 method, (length, body)*           several calls of one method under one id
 *   answers   (index, 0, length, body | index, 1, error)*   of some of them; each is answered once
 *
 * A method travels as a hash of its name: nothing to agree on when a connection starts. `Rpc.handle` refuses two names
 * with one hash. Call ids start at a random number, so that a late message of an earlier process meets no call.
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { Code, TrestleError, type ErrorDetail } from '../base/errors.ts';
import { MAX_ERROR_CHARS } from './limits.ts';
import { RpcUnavailable } from './rpc-error.ts';

export const Kind = {
  call: 1,
  reply: 2,
  error: 3,
  cancel: 4,
  open: 5,
  chunk: 6,
  end: 7,
  credit: 8,
  calls: 9,
  answers: 10,
} as const;

/** To one of several calls: what the handler answered, or threw. */
export interface EachAnswer {
  readonly index: number;
  readonly answer: Uint8Array | TrestleError;
}

export type RpcMessage =
  | { readonly kind: 'call'; readonly id: number; readonly method: number; readonly body: Buffer }
  | { readonly kind: 'open'; readonly id: number; readonly method: number; readonly credit: number; readonly body: Buffer }
  | { readonly kind: 'reply' | 'chunk'; readonly id: number; readonly body: Buffer }
  | { readonly kind: 'error'; readonly id: number; readonly error: TrestleError }
  | { readonly kind: 'cancel' | 'end'; readonly id: number }
  | { readonly kind: 'credit'; readonly id: number; readonly count: number }
  | { readonly kind: 'calls'; readonly id: number; readonly method: number; readonly bodies: readonly Buffer[] }
  | { readonly kind: 'answers'; readonly id: number; readonly answers: readonly { readonly index: number; readonly answer: Buffer | TrestleError }[] };

/** FNV-1a over the name's characters. */
export function methodHash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

const HEADER_BYTES = 24;
const LENGTH_BYTES = 5;

export function encodeCall(id: number, method: number, body: Uint8Array): Buffer {
  return new ByteWriter(body.length + HEADER_BYTES).u8(Kind.call).varint(id).u32(method).raw(body).view();
}
export function encodeOpen(id: number, method: number, credit: number, body: Uint8Array): Buffer {
  return new ByteWriter(body.length + HEADER_BYTES).u8(Kind.open).varint(id).u32(method).varint(credit).raw(body).view();
}
export function encodeBody(kind: typeof Kind.reply | typeof Kind.chunk, id: number, body: Uint8Array): Buffer {
  return new ByteWriter(body.length + HEADER_BYTES).u8(kind).varint(id).raw(body).view();
}
export function encodeBare(kind: typeof Kind.cancel | typeof Kind.end, id: number): Buffer {
  return new ByteWriter(HEADER_BYTES).u8(kind).varint(id).view();
}
export function encodeCredit(id: number, count: number): Buffer {
  return new ByteWriter(HEADER_BYTES).u8(Kind.credit).varint(id).varint(count).view();
}

export function encodeCalls(id: number, method: number, bodies: readonly Uint8Array[]): Buffer {
  const size = bodies.reduce((sum, body) => sum + body.length + LENGTH_BYTES, HEADER_BYTES);
  const w = new ByteWriter(size).u8(Kind.calls).varint(id).u32(method);
  for (const body of bodies) w.bytes(body);
  return w.view();
}
export function encodeAnswers(id: number, answers: readonly EachAnswer[]): Buffer {
  const w = new ByteWriter().u8(Kind.answers).varint(id);
  for (const { index, answer } of answers) {
    w.varint(index).bool(answer instanceof TrestleError);
    if (answer instanceof TrestleError) writeError(w, answer);
    else w.bytes(answer);
  }
  return w.view();
}

const FLAG_UNAVAILABLE = 1;
const FLAG_MAYBE_EXECUTED = 2;
const DETAIL_RETRY_INFO = 1;
const DETAIL_RESOURCE_INFO = 2;

export function encodeError(id: number, error: TrestleError): Buffer {
  return writeError(new ByteWriter().u8(Kind.error).varint(id), error).view();
}

function writeError(w: ByteWriter, error: TrestleError): ByteWriter {
  const flags = error instanceof RpcUnavailable ? FLAG_UNAVAILABLE | (error.maybeExecuted ? FLAG_MAYBE_EXECUTED : 0) : 0;
  w.u8(flags).u8(error.code).string(error.message.slice(0, MAX_ERROR_CHARS)).varint(error.details.length);
  for (const detail of error.details) {
    if (detail.kind === 'retryInfo') w.u8(DETAIL_RETRY_INFO).f64(detail.delayMicros);
    else w.u8(DETAIL_RESOURCE_INFO).string(detail.resourceType).string(detail.resourceName).string(detail.description);
  }
  return w;
}

const CODES: ReadonlySet<number> = new Set(Object.values(Code));

function decodeCode(n: number): Code {
  if (!CODES.has(n) || n === Code.OK) throw new CorruptBytes('unknown error code');
  return n as Code;
}

function decodeError(r: ByteReader): TrestleError {
  const flags = r.u8();
  const code = decodeCode(r.u8());
  const message = r.string();
  const details: ErrorDetail[] = [];
  for (let n = r.count(); n > 0; n--) {
    const kind = r.u8();
    if (kind === DETAIL_RETRY_INFO) details.push({ kind: 'retryInfo', delayMicros: r.f64() });
    else if (kind === DETAIL_RESOURCE_INFO) {
      details.push({ kind: 'resourceInfo', resourceType: r.string(), resourceName: r.string(), description: r.string() });
    } else throw new CorruptBytes('unknown error detail');
  }
  if (flags & FLAG_UNAVAILABLE) return new RpcUnavailable(message, (flags & FLAG_MAYBE_EXECUTED) !== 0);
  return new TrestleError(code, message, details);
}

/** Throws CorruptBytes on anything that is not a message. */
export function decodeRpc(payload: Buffer): RpcMessage {
  const r = new ByteReader(payload);
  const kind = r.u8();
  const id = r.varint();
  switch (kind) {
    case Kind.call:
      return { kind: 'call', id, method: r.u32(), body: r.raw(r.remaining) };
    case Kind.open:
      return { kind: 'open', id, method: r.u32(), credit: r.varint(), body: r.raw(r.remaining) };
    case Kind.reply:
      return { kind: 'reply', id, body: r.raw(r.remaining) };
    case Kind.chunk:
      return { kind: 'chunk', id, body: r.raw(r.remaining) };
    case Kind.error:
      return { kind: 'error', id, error: decodeError(r) };
    case Kind.cancel:
      return { kind: 'cancel', id };
    case Kind.end:
      return { kind: 'end', id };
    case Kind.credit:
      return { kind: 'credit', id, count: r.varint() };
    case Kind.calls: {
      const method = r.u32();
      const bodies: Buffer[] = [];
      while (r.remaining > 0) bodies.push(r.bytes());
      return { kind: 'calls', id, method, bodies };
    }
    case Kind.answers: {
      const answers: { index: number; answer: Buffer | TrestleError }[] = [];
      while (r.remaining > 0) answers.push({ index: r.varint(), answer: r.bool() ? decodeError(r) : r.bytes() });
      return { kind: 'answers', id, answers };
    }
    default:
      throw new CorruptBytes('unknown rpc message');
  }
}

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

const Kind = {
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
  readonly answer: Buffer | TrestleError;
}

export type RpcMessage =
  | { readonly kind: 'call'; readonly id: number; readonly method: number; readonly body: Buffer }
  | { readonly kind: 'open'; readonly id: number; readonly method: number; readonly credit: number; readonly body: Buffer }
  | { readonly kind: 'reply' | 'chunk'; readonly id: number; readonly body: Buffer }
  | { readonly kind: 'error'; readonly id: number; readonly error: TrestleError }
  | { readonly kind: 'cancel' | 'end'; readonly id: number }
  | { readonly kind: 'credit'; readonly id: number; readonly count: number }
  | { readonly kind: 'calls'; readonly id: number; readonly method: number; readonly bodies: readonly Buffer[] }
  | { readonly kind: 'answers'; readonly id: number; readonly answers: readonly EachAnswer[] };

/** FNV-1a over the name's characters. */
export function methodHash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

const HEADER_BYTES = 24;
const LENGTH_BYTES = 5;

/** The bytes of a message; `view`s and bodies are copied into it. */
export function encodeRpc(message: RpcMessage): Buffer {
  switch (message.kind) {
    case 'call':
      return new ByteWriter(message.body.length + HEADER_BYTES).u8(Kind.call).varint(message.id).u32(message.method).raw(message.body).view();
    case 'open':
      return new ByteWriter(message.body.length + HEADER_BYTES).u8(Kind.open).varint(message.id).u32(message.method).varint(message.credit).raw(message.body).view();
    case 'reply':
    case 'chunk':
      return new ByteWriter(message.body.length + HEADER_BYTES).u8(Kind[message.kind]).varint(message.id).raw(message.body).view();
    case 'cancel':
    case 'end':
      return new ByteWriter(HEADER_BYTES).u8(Kind[message.kind]).varint(message.id).view();
    case 'credit':
      return new ByteWriter(HEADER_BYTES).u8(Kind.credit).varint(message.id).varint(message.count).view();
    case 'error':
      return writeError(new ByteWriter().u8(Kind.error).varint(message.id), message.error).view();
    case 'calls':
      return encodeCalls(message.id, message.method, message.bodies);
    case 'answers':
      return encodeAnswers(message.id, message.answers);
    default:
      return message satisfies never;
  }
}

function encodeCalls(id: number, method: number, bodies: readonly Uint8Array[]): Buffer {
  const size = bodies.reduce((sum, body) => sum + body.length + LENGTH_BYTES, HEADER_BYTES);
  const w = new ByteWriter(size).u8(Kind.calls).varint(id).u32(method);
  for (const body of bodies) w.bytes(body);
  return w.view();
}
function encodeAnswers(id: number, answers: readonly EachAnswer[]): Buffer {
  const w = new ByteWriter().u8(Kind.answers).varint(id);
  for (const { index, answer } of answers) {
    w.varint(index).bool(answer instanceof TrestleError);
    if (answer instanceof TrestleError) writeError(w, answer);
    else w.bytes(answer);
  }
  return w.view();
}

/** What the body of a message takes, for its bounds. */
export function bodyBytes(message: RpcMessage): number {
  return 'body' in message ? message.body.length : 'bodies' in message ? message.bodies.reduce((sum, body) => sum + body.length + LENGTH_BYTES, 0) : 0;
}

/** An error as its receiver has it, wherever it was thrown: its code, message and details. */
export function asReceived(error: TrestleError): TrestleError {
  return error instanceof RpcUnavailable ? error : new TrestleError(error.code, error.message, error.details);
}

const FLAG_UNAVAILABLE = 1;
const FLAG_MAYBE_EXECUTED = 2;
const DETAIL_RETRY_INFO = 1;
const DETAIL_RESOURCE_INFO = 2;

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
      const answers: EachAnswer[] = [];
      while (r.remaining > 0) answers.push({ index: r.varint(), answer: r.bool() ? decodeError(r) : r.bytes() });
      return { kind: 'answers', id, answers };
    }
    default:
      throw new CorruptBytes('unknown rpc message');
  }
}

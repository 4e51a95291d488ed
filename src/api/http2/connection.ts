/**
 * The server's end of one HTTP/2 connection (RFC 9113), as far as gRPC needs it: no pushes, no priorities, no upgrade from
 * HTTP/1. What is to be sent in one turn leaves in one write.
 *
 * What a client can make this process do is bounded: streams at a time, headers, what is buffered of requests (by its
 * window) and of answers (a connection whose client does not read is not read either), frames that cost work and bring
 * nothing (a budget that fills with time, against CVE-2023-44487 and its relatives). A client that breaks the
 * protocol or a bound loses its connection, told why.
 */
import type { Duplex } from 'node:stream';
import { TransientMap } from '../../base/transient-map.ts';
import { MAX_CONCURRENT_STREAMS } from '../limits.ts';
import { ConnectionFault, ErrorCode, Flag, FRAME_HEADER_BYTES, frameOf, Frames, FrameType, MAX_FRAME_BYTES, numberFrame, Setting, settingsFrame, unpadded, writeFrameHeader } from './frames.ts';
import { HeaderEncoder, type CommonHeaders, type HeaderList } from './header-encoder.ts';
import { HeaderDecoder, MAX_HEADER_LIST_BYTES, type Headers } from './hpack.ts';
import { Nuisance } from './nuisance.ts';
import { Http2Stream, type StreamOwner } from './stream.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const DEFAULT_WINDOW = 65_535;
const MAX_WINDOW = 0x7fffffff;
const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 4 * STREAM_WINDOW;
const MAX_CONTINUATIONS = 8;
/** Beyond this much unsent, streams of answers wait; beyond the second the client is not listened to any more. */
const CONGESTED_BYTES = 128 * 1024;
const DEAF_BYTES = 8 * 1024 * 1024;
/** What leaves in one turn is joined up to this size; larger, it goes as it is. */
const JOIN_MAX_BYTES = 64 * 1024;
/** How long a client that did wrong has to take what it was told. */
const FAREWELL_MILLIS = 1_000;
const PING_BYTES = 8;
const SETTING_BYTES = 6;
const PRIORITY_BYTES = 5;

const NOTHING = Buffer.alloc(0);

/** A piece of a request. */
interface Arrival {
  readonly stream: Http2Stream;
  readonly bytes: Buffer;
  /** What it counts for in the windows. */
  readonly flowBytes: number;
  readonly ends: boolean;
}

/** Answers the stream's owner, or undefined when it has been answered. */
export type OnRequest = (stream: Http2Stream, headers: Headers) => StreamOwner | undefined;

export interface ConnectionEvents {
  readonly request: OnRequest;
  readonly closed: (connection: Http2Connection) => void;
}

export class Http2Connection {
  readonly encoder = new HeaderEncoder();
  readonly streamWindow = STREAM_WINDOW;
  /** Bytes that the client takes on all streams together. */
  sendWindow = DEFAULT_WINDOW;
  /** Streams with bytes that its windows have no room for. */
  readonly blocked = new Set<Http2Stream>();
  private readonly socket: Duplex;
  private readonly events: ConnectionEvents;
  private readonly frames = new Frames();
  private readonly decoder = new HeaderDecoder();
  private readonly nuisance = new Nuisance();
  private readonly streams = new TransientMap<number, Http2Stream>();
  private readonly waiting = new Set<Http2Stream>();
  private readonly flush = (): void => this.flushNow();
  private readonly deliverMore = (): void => this.deliverNext();
  private readonly deliverSoon = (): void => process.nextTick(this.deliverMore);
  private readonly onFrame = (type: number, flags: number, id: number, payload: Buffer): void => this.frame(type, flags, id, payload);
  private preface: Buffer | undefined = Buffer.alloc(0);
  private hasSettings = false;
  private lastStream = 0;
  private initialSendWindow = DEFAULT_WINDOW;
  private receiveWindow = CONNECTION_WINDOW;
  private consumedBytes = 0;
  /** Headers whose continuation comes next. */
  private open: { readonly id: number; readonly flags: number; readonly parts: Buffer[]; bytes: number } | undefined;
  /** What came in this turn and is not handed over yet. */
  private arrived: Arrival[] = [];
  private delivered = 0;
  private isDelivering = false;
  private out: Buffer[] = [];
  private outBytes = 0;
  private isDeaf = false;
  /** No new streams. */
  private leaving = false;
  private over = false;

  constructor(socket: Duplex, events: ConnectionEvents) {
    this.socket = socket;
    this.events = events;
    this.send(settingsFrame([[Setting.maxConcurrentStreams, MAX_CONCURRENT_STREAMS], [Setting.initialWindowSize, STREAM_WINDOW], [Setting.maxHeaderListSize, MAX_HEADER_LIST_BYTES]]));
    this.sendWindowUpdate(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('drain', () => this.onDrain());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  // ---- what streams ask

  get isCongested(): boolean {
    return this.outBytes + this.socket.writableLength > CONGESTED_BYTES;
  }

  /** Queues bytes for the end of the turn. */
  send(bytes: Buffer): void {
    if (this.over) return;
    if (this.out.length === 0 && !this.isDelivering) process.nextTick(this.flush);
    this.out.push(bytes);
    this.outBytes += bytes.length;
  }

  sendData(id: number, bytes: Buffer): void {
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    writeFrameHeader(header, 0, bytes.length, FrameType.data, 0, id);
    this.send(header);
    if (bytes.length > 0) this.send(bytes);
  }

  sendHeaders(id: number, headers: CommonHeaders | HeaderList, ends: boolean): void {
    const block = this.encoder.encode(headers);
    const flags = ends ? Flag.endStream : 0;
    if (block.length <= MAX_FRAME_BYTES) {
      this.send(frameOf(FrameType.headers, flags | Flag.endHeaders, id, block));
      return;
    }
    for (let at = 0; at < block.length; at += MAX_FRAME_BYTES) {
      const last = at + MAX_FRAME_BYTES >= block.length ? Flag.endHeaders : 0;
      this.send(frameOf(at === 0 ? FrameType.headers : FrameType.continuation, (at === 0 ? flags : 0) | last, id, block.subarray(at, at + MAX_FRAME_BYTES)));
    }
  }

  sendReset(id: number, code: ErrorCode): void {
    this.send(numberFrame(FrameType.rstStream, id, code));
  }

  sendWindowUpdate(id: number, bytes: number): void {
    this.send(numberFrame(FrameType.windowUpdate, id, bytes));
  }

  /** Bytes of requests that are no longer buffered here. */
  consumed(bytes: number): void {
    this.consumedBytes += bytes;
    if (this.consumedBytes < CONNECTION_WINDOW / 2) return;
    this.sendWindowUpdate(0, this.consumedBytes);
    this.receiveWindow += this.consumedBytes;
    this.consumedBytes = 0;
  }

  waitForRoom(stream: Http2Stream): void {
    this.waiting.add(stream);
  }

  closed(stream: Http2Stream): void {
    this.streams.delete(stream.id);
    this.blocked.delete(stream);
    this.waiting.delete(stream);
    if (this.leaving && this.streams.size === 0) this.hangUp();
  }

  // ---- out

  private flushNow(): void {
    const { out, outBytes, socket } = this;
    if (out.length === 0) return;
    this.out = [];
    this.outBytes = 0;
    if (this.over || socket.destroyed) return;
    if (out.length === 1) socket.write(out[0]);
    else if (outBytes <= JOIN_MAX_BYTES) socket.write(Buffer.concat(out, outBytes));
    else {
      socket.cork();
      for (const bytes of out) socket.write(bytes);
      socket.uncork();
    }
    if (socket.writableLength > DEAF_BYTES && !this.isDeaf) {
      this.isDeaf = true;
      socket.pause();
    }
    if (this.waiting.size > 0 && !this.isCongested) this.wake();
  }

  private onDrain(): void {
    if (this.isDeaf) {
      this.isDeaf = false;
      this.socket.resume();
    }
    this.wake();
  }

  private wake(): void {
    for (const stream of this.waiting) {
      stream.wake();
      if (!stream.isDraining) this.waiting.delete(stream);
    }
  }

  // ---- the end

  /** Takes no new streams; ends when the last one has. */
  leave(): void {
    if (this.over || this.leaving) return;
    this.leaving = true;
    this.send(goAway(this.lastStream, ErrorCode.none));
    if (this.streams.size === 0) this.hangUp();
  }

  private hangUp(): void {
    this.flushNow();
    this.socket.end();
  }

  private fail(fault: ConnectionFault): void {
    if (this.over) return;
    this.send(goAway(this.lastStream, fault.code));
    this.flushNow();
    this.socket.end(() => this.socket.destroy());
    setTimeout(() => this.socket.destroy(), FAREWELL_MILLIS).unref();
    this.destroyStreams();
  }

  destroy(): void {
    if (!this.over) this.destroyStreams();
    this.socket.destroy();
  }

  private destroyStreams(): void {
    this.over = true;
    this.out = [];
    for (const stream of this.streams.values()) stream.close();
    this.events.closed(this);
  }

  // ---- in

  private onData(chunk: Buffer): void {
    if (this.over) return;
    try {
      const rest = this.preface === undefined ? chunk : this.afterPreface(chunk);
      if (rest !== undefined) this.frames.feed(rest, this.onFrame);
      this.deliver();
    } catch (error) {
      if (!(error instanceof ConnectionFault)) throw error;
      this.fail(error);
    }
  }

  /**
   * What came at once is handed over in the order in which its calls began: some clients send the bodies of calls that
   * they begin together in another one. Each goes as far as it can before the next begins, as if it had come alone. A
   * call that was reset at once is not begun at all.
   */
  private deliver(): void {
    if (this.arrived.length === 0) return;
    if (this.arrived.length > 1) this.arrived.sort((a, b) => a.stream.id - b.stream.id);
    this.isDelivering = true;
    this.deliverNext();
  }

  private deliverNext(): void {
    const next = this.arrived[this.delivered++];
    if (next !== undefined) {
      const { stream, bytes, flowBytes, ends } = next;
      if (stream.isClosed) this.consumed(flowBytes);
      else {
        stream.received(bytes, flowBytes);
        if (ends) stream.ended();
      }
    }
    // Ticks come before the microtasks that are there; a tick from a microtask comes after all that they cause.
    if (this.delivered < this.arrived.length) queueMicrotask(this.deliverSoon);
    else {
      this.arrived = [];
      this.delivered = 0;
      this.isDelivering = false;
      if (this.out.length > 0) process.nextTick(this.flush);
    }
  }

  /** The bytes behind the preface; undefined while it is not complete. */
  private afterPreface(chunk: Buffer): Buffer | undefined {
    const begin = Buffer.concat([this.preface ?? PREFACE, chunk]);
    const length = Math.min(begin.length, PREFACE.length);
    if (begin.compare(PREFACE, 0, length, 0, length) !== 0) throw new ConnectionFault(ErrorCode.protocol, 'this is not HTTP/2');
    this.preface = length < PREFACE.length ? begin : undefined;
    return length < PREFACE.length ? undefined : begin.subarray(length);
  }

  private frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.over) return;
    if (!this.hasSettings && type !== FrameType.settings) throw protocol('the first frame is not SETTINGS');
    if (this.open !== undefined && (type !== FrameType.continuation || id !== this.open.id)) throw protocol('headers are not continued');
    switch (type) {
      case FrameType.data:
        this.onDataFrame(flags, id, payload);
        return;
      case FrameType.headers:
        this.onHeaders(flags, id, payload);
        return;
      case FrameType.continuation:
        this.onContinuation(flags, payload);
        return;
      case FrameType.windowUpdate:
        this.onWindowUpdate(id, payload);
        return;
      case FrameType.rstStream:
        this.onReset(id, payload);
        return;
      case FrameType.settings:
        this.onSettings(flags, id, payload);
        return;
      case FrameType.ping:
        // Not a nuisance: gRPC's clients measure the line with a ping for nearly every answer.
        if (payload.length !== PING_BYTES) throw size('PING');
        if ((flags & Flag.ack) === 0) this.send(frameOf(FrameType.ping, Flag.ack, 0, payload));
        return;
      case FrameType.priority:
        this.nuisance.count();
        return;
      case FrameType.goAway:
        this.leave();
        return;
      case FrameType.pushPromise:
        throw protocol('clients do not push');
      default:
        // Frames of unknown types are extensions that this end has not asked for.
        this.nuisance.count();
    }
  }

  private onDataFrame(flags: number, id: number, payload: Buffer): void {
    if (id === 0 || id > this.lastStream) throw protocol('data of a stream that was not opened');
    const bytes = unpadded(flags, payload);
    this.receiveWindow -= payload.length;
    if (this.receiveWindow < 0) throw new ConnectionFault(ErrorCode.flowControl, 'more data than was asked for');
    const stream = this.streams.get(id);
    const ends = (flags & Flag.endStream) !== 0;
    if (bytes.length === 0 && !ends) this.nuisance.count();
    if (stream === undefined || stream.expectsNoMore) {
      // On its way when the stream was ended here.
      this.consumed(payload.length);
      return;
    }
    if (ends) stream.expectsNoMore = true;
    this.arrived.push({ stream, bytes, flowBytes: payload.length, ends });
  }

  private onHeaders(flags: number, id: number, payload: Buffer): void {
    if (id % 2 === 0) throw protocol('streams of clients have odd numbers');
    let block = unpadded(flags, payload);
    if ((flags & Flag.priority) !== 0) {
      if (block.length < PRIORITY_BYTES) throw size('HEADERS');
      block = block.subarray(PRIORITY_BYTES);
    }
    if ((flags & Flag.endHeaders) !== 0) this.onBlock(flags, id, block);
    else this.open = { id, flags, parts: [Buffer.from(block)], bytes: block.length };
  }

  private onContinuation(flags: number, payload: Buffer): void {
    const { open } = this;
    if (open === undefined) throw protocol('nothing is to be continued');
    open.parts.push(Buffer.from(payload));
    open.bytes += payload.length;
    if (open.parts.length > MAX_CONTINUATIONS || open.bytes > MAX_HEADER_LIST_BYTES) throw new ConnectionFault(ErrorCode.enhanceYourCalm, 'headers are too large');
    if ((flags & Flag.endHeaders) === 0) return;
    this.open = undefined;
    this.onBlock(open.flags, open.id, Buffer.concat(open.parts));
  }

  private onBlock(flags: number, id: number, block: Buffer): void {
    // Also where the headers are not wanted: they change the table.
    const headers = this.decoder.decode(block);
    const ends = (flags & Flag.endStream) !== 0;
    if (id <= this.lastStream) {
      // Trailers, of which a request has none that matter; or they were on their way when the stream was ended here.
      const stream = this.streams.get(id);
      if (stream === undefined) this.nuisance.count();
      else if (!ends || stream.expectsNoMore) throw protocol('headers in the middle of a request');
      else this.end(stream);
      return;
    }
    this.lastStream = id;
    if (this.leaving) return;
    if (this.streams.size >= MAX_CONCURRENT_STREAMS) {
      this.nuisance.count();
      this.sendReset(id, ErrorCode.refusedStream);
      return;
    }
    if (headers?.has(':method') !== true || !headers.has(':path')) {
      this.nuisance.count();
      this.sendReset(id, ErrorCode.protocol);
      return;
    }
    const stream = new Http2Stream(this, id, this.initialSendWindow, STREAM_WINDOW);
    this.streams.set(id, stream);
    stream.owner = this.events.request(stream, headers);
    if (ends) this.end(stream);
  }

  private end(stream: Http2Stream): void {
    stream.expectsNoMore = true;
    this.arrived.push({ stream, bytes: NOTHING, flowBytes: 0, ends: true });
  }

  private onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw size('WINDOW_UPDATE');
    const bytes = payload.readUInt32BE(0) & MAX_WINDOW;
    if (id === 0) {
      if (bytes === 0) throw protocol('a window grows by nothing');
      this.sendWindow += bytes;
      if (this.sendWindow > MAX_WINDOW) throw new ConnectionFault(ErrorCode.flowControl, 'the window is too large');
      for (const stream of [...this.blocked]) stream.pump();
    } else {
      const stream = this.streams.get(id);
      if (stream === undefined) return;
      stream.sendWindow += bytes;
      if (bytes === 0) stream.reset(ErrorCode.protocol);
      else if (stream.sendWindow > MAX_WINDOW) stream.reset(ErrorCode.flowControl);
      else stream.pump();
    }
    if (this.waiting.size > 0 && !this.isCongested) this.wake();
  }

  private onReset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw size('RST_STREAM');
    if (id === 0 || id > this.lastStream) throw protocol('reset of a stream that was not opened');
    const stream = this.streams.get(id);
    // A client may lose interest in an answer that it has seen the beginning of.
    if (stream?.hasHeaders !== true) this.nuisance.count();
    stream?.close();
  }

  private onSettings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocol('settings of a stream');
    if ((flags & Flag.ack) !== 0) return;
    if (payload.length % SETTING_BYTES !== 0) throw size('SETTINGS');
    if (this.hasSettings) this.nuisance.count();
    this.hasSettings = true;
    for (let at = 0; at < payload.length; at += SETTING_BYTES) this.setting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.send(frameOf(FrameType.settings, Flag.ack, 0, NOTHING));
  }

  private setting(id: number, value: number): void {
    if (id === Setting.headerTableSize) this.encoder.setTableSize(value);
    if (id !== Setting.initialWindowSize) return;
    if (value > MAX_WINDOW) throw new ConnectionFault(ErrorCode.flowControl, 'the window is too large');
    const change = value - this.initialSendWindow;
    this.initialSendWindow = value;
    for (const stream of this.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_WINDOW) throw new ConnectionFault(ErrorCode.flowControl, 'the window is too large');
      stream.pump();
    }
    if (!this.isCongested) this.wake();
  }
}

const protocol = (message: string): ConnectionFault => new ConnectionFault(ErrorCode.protocol, message);
const size = (frame: string): ConnectionFault => new ConnectionFault(ErrorCode.frameSize, `${frame} has a wrong length`);

function goAway(lastStream: number, code: ErrorCode): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(code, payload.writeUInt32BE(lastStream, 0));
  return frameOf(FrameType.goAway, 0, 0, payload);
}

/**
 * One socket to one peer, from its first byte to its end: hello, batches out, messages in, signs of life, faults put in
 * on purpose. It closes itself at the first byte that is not right; it never throws at its owner.
 *
 * What is queued in one event-loop turn leaves in one write. A connection that dropped anything (a fault) never carries
 * traffic again once the fault is lifted: it breaks, because the contract is in order or broken (transport.ts).
 */
import type { Socket } from 'node:net';
import { CorruptBytes } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import { FrameReader, MESSAGE_OVERHEAD_BYTES, decodeMessages, encodeFrame, encodeRawFrame, type Message } from './frame.ts';
import { MAX_HELLO_BYTES, decodeHello, encodeHello, type Hello } from './hello.ts';
import { LIVENESS_TIMEOUT_MICROS, MAX_FRAME_BYTES, MAX_QUEUE_BYTES } from './limits.ts';

/** Loss or delay put in on purpose, for experiments on machines whose kernel offers none. Seen from this node. */
export interface Fault {
  readonly drop?: 'in' | 'out' | 'both';
  /** Added to everything sent. */
  readonly delayMicros?: number;
}

export interface ConnectionOwner {
  nowMicros(): number;
  after(delayMicros: number, run: () => void): void;
  faultOf(peer: NodeId): Fault | undefined;
  /** Called once, with the peer's first frame. False refuses the peer. */
  accept(connection: Connection, hello: Hello): boolean;
  message(connection: Connection, channel: number, payload: Buffer): void;
  /** Asks that `flush` be called at the end of the turn. */
  dirty(connection: Connection): void;
  closed(connection: Connection, reason: string): void;
}

/** After this long without anything sent, a sign of life goes out with the next tick; ticks come every 400 ms. */
const SILENCE_MICROS = LIVENESS_TIMEOUT_MICROS * 0.35;

/**
 * Who has sent or been sent a large frame is busy with it for a while, and may say nothing meanwhile. To take that for
 * death would break the connection, lose the frame, and have it sent again: without end, on a machine with other work.
 */
const LARGE_FRAME_BYTES = 1024 * 1024;
const PATIENCE_MICROS_PER_BYTE = 0.25;
const PATIENCE_MICROS_MAX = 5_000_000;

const EMPTY = Buffer.alloc(0);

export class Connection {
  /** Known from the start when we dialled, from the hello when we were dialled. */
  peer: NodeId | undefined;
  readonly dialled: boolean;
  peerIncarnation = 0;
  bytesIn = 0;
  bytesOut = 0;
  private readonly socket: Socket;
  private readonly owner: ConnectionOwner;
  private readonly reader = new FrameReader(MAX_HELLO_BYTES);
  private pending: Message[] = [];
  private pendingBytes = 0;
  private readonly delayed: (readonly Buffer[])[] = [];
  private delayedBytes = 0;
  private lastDueMicros = 0;
  private greeted = false;
  private open = true;
  private lossy = false;
  private lastInMicros: number;
  private lastOutMicros: number;
  /** Until then silence means nothing. */
  private patientUntilMicros = 0;

  constructor(socket: Socket, owner: ConnectionOwner, peer: NodeId | undefined) {
    this.socket = socket;
    this.owner = owner;
    this.peer = peer;
    this.dialled = peer !== undefined;
    this.lastInMicros = this.lastOutMicros = owner.nowMicros();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.onData(chunk);
    });
    socket.on('error', (error) => {
      this.close(error.message);
    });
    socket.on('close', () => {
      this.close('closed by the peer');
    });
  }

  get isOpen(): boolean {
    return this.open;
  }

  get queuedBytes(): number {
    return this.pendingBytes + this.delayedBytes + this.socket.writableLength;
  }

  get lastHeardMicros(): number {
    return this.lastInMicros;
  }

  sendHello(hello: Hello): void {
    this.writeOut(encodeRawFrame(encodeHello(hello)));
  }

  /** False when the peer's queue is over its budget, or the connection is closed. */
  send(channel: number, payload: Uint8Array): boolean {
    if (!this.open || this.queuedBytes + payload.length > MAX_QUEUE_BYTES) return false;
    if (this.pending.length === 0) this.owner.dirty(this);
    this.pending.push({ channel, payload });
    this.pendingBytes += payload.length + MESSAGE_OVERHEAD_BYTES;
    return true;
  }

  /** Writes what was queued in this turn: one frame, unless it would be too long. */
  flush(): void {
    if (!this.open || this.pending.length === 0) return;
    const messages = this.pending;
    this.pending = [];
    if (this.pendingBytes <= MAX_FRAME_BYTES) {
      this.pendingBytes = 0;
      this.writeOut(encodeFrame(messages));
      return;
    }
    this.pendingBytes = 0;
    let from = 0;
    let bytes = 0;
    for (let i = 0; i < messages.length; i++) {
      const size = (messages[i]?.payload.length ?? 0) + MESSAGE_OVERHEAD_BYTES;
      if (bytes + size > MAX_FRAME_BYTES) {
        this.writeOut(encodeFrame(messages.slice(from, i)));
        from = i;
        bytes = 0;
      }
      bytes += size;
    }
    this.writeOut(encodeFrame(messages.slice(from)));
  }

  /** Called a few times per liveness period: says that we live, and notices that the peer does not. */
  tick(canJudge: boolean): void {
    const now = this.owner.nowMicros();
    if (canJudge && now > this.patientUntilMicros && now - this.lastInMicros > LIVENESS_TIMEOUT_MICROS) {
      this.close(this.greeted ? 'no sign of life' : 'no hello in time');
      return;
    }
    if (this.greeted && now - this.lastOutMicros >= SILENCE_MICROS) this.writeOut(encodeRawFrame(EMPTY));
  }

  /** To be called when the peer's fault changed. */
  faultChanged(): void {
    if (this.lossy && this.fault()?.drop === undefined) this.close('messages were dropped on purpose');
  }

  close(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.pending = [];
    this.socket.destroy();
    this.owner.closed(this, reason);
  }

  private bePatient(frameBytes: number): void {
    if (frameBytes < LARGE_FRAME_BYTES) return;
    this.patientUntilMicros = this.owner.nowMicros() + Math.min(frameBytes * PATIENCE_MICROS_PER_BYTE, PATIENCE_MICROS_MAX);
  }

  private fault(): Fault | undefined {
    return this.peer === undefined ? undefined : this.owner.faultOf(this.peer);
  }

  private onData(chunk: Buffer): void {
    if (!this.open) return;
    const drop = this.fault()?.drop;
    if (drop === 'in' || drop === 'both') {
      this.lossy = true;
      return;
    }
    this.lastInMicros = this.owner.nowMicros();
    this.bytesIn += chunk.length;
    try {
      this.reader.feed(chunk, (body) => {
        this.onBody(body);
      });
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error;
      this.close(error.message);
    }
  }

  private onBody(body: Buffer): void {
    if (!this.open) return;
    if (this.greeted) {
      this.bePatient(body.length);
      decodeMessages(body, (channel, payload) => {
        if (this.open) this.owner.message(this, channel, payload);
      });
      return;
    }
    const hello = decodeHello(body);
    this.peerIncarnation = hello.incarnation;
    this.greeted = true;
    this.reader.maxBytes = MAX_FRAME_BYTES;
    if (!this.owner.accept(this, hello)) this.close('refused');
  }

  private writeOut(parts: readonly Buffer[]): void {
    this.lastOutMicros = this.owner.nowMicros();
    const fault = this.fault();
    if (fault?.drop === 'out' || fault?.drop === 'both') {
      this.lossy = true;
      return;
    }
    const due = Math.max(this.lastDueMicros, this.lastOutMicros + (fault?.delayMicros ?? 0));
    if (due <= this.lastOutMicros && this.delayed.length === 0) {
      this.writeNow(parts);
      return;
    }
    // Also after the delay was lifted: what was sent later must not overtake.
    this.lastDueMicros = due;
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    this.delayedBytes += bytes;
    this.delayed.push(parts);
    this.owner.after(due - this.lastOutMicros, () => {
      // As many timers as entries, each takes the oldest: timers that fire out of order don't change the order of bytes.
      this.delayedBytes -= bytes;
      const oldest = this.delayed.shift();
      if (this.open && oldest !== undefined) this.writeNow(oldest);
    });
  }

  private writeNow(parts: readonly Buffer[]): void {
    const before = this.bytesOut;
    // Corking gathers buffers in a list, to no purpose when there is one.
    if (parts.length > 1) this.socket.cork();
    for (const part of parts) {
      this.bytesOut += part.length;
      this.socket.write(part);
    }
    if (parts.length > 1) this.socket.uncork();
    this.bePatient(this.bytesOut - before);
  }
}

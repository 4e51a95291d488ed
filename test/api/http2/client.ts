/** A client of HTTP/2 that sends what it is told, right or wrong, and keeps the frames that come back. */
import { connect, type Socket } from 'node:net';
import { frameOf, Frames, settingsFrame } from '../../../src/api/http2/frames.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const plain = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);

/** A header block without tables. */
export const block = (headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(Object.entries(headers).map(([name, value]) => Buffer.concat([Buffer.of(0), plain(name), plain(value)])));

export const callHeaders = (path: string): Buffer => block({ ':method': 'POST', ':scheme': 'http', ':path': path, 'content-type': 'application/grpc' });

export class RawHttp2 {
  readonly frames: SeenFrame[] = [];
  closed = false;
  private readonly socket: Socket;
  private readonly reader = new Frames();

  private constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('data', (chunk: Buffer) => {
      this.reader.feed(chunk, (type, flags, stream, payload) => this.frames.push({ type, flags, stream, payload: Buffer.from(payload) }));
    });
  }

  static open(port: number, settings: readonly (readonly [id: number, value: number])[] = []): RawHttp2 {
    const client = new RawHttp2(port);
    client.write(PREFACE, settingsFrame(settings));
    return client;
  }

  write(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  send(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): void {
    this.socket.write(frameOf(type, flags, stream, payload));
  }

  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }

  /** The first frame that fits, once it is there. */
  async seen(what: (frame: SeenFrame) => boolean): Promise<SeenFrame> {
    for (const end = performance.now() + 10_000; performance.now() < end; await new Promise((resolve) => setTimeout(resolve, 5))) {
      const found = this.frames.find(what);
      if (found !== undefined) return found;
    }
    throw new Error(`not seen; frames: ${this.frames.map(({ type, stream }) => `${String(type)}@${String(stream)}`).join(' ')}`);
  }

  close(): void {
    this.socket.destroy();
  }
}

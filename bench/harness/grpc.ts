/**
 * A bare gRPC client over node:http2, for load: one connection, bytes in and out, nothing between. An official client
 * spends more processor time on a call than most of the servers measured here.
 */
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';

export class GrpcError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const PREFIX_BYTES = 5;
const WINDOW_BYTES = 16 * 1024 * 1024;

function framed(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  out.set(message, PREFIX_BYTES);
  return out;
}

function unframed(data: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + PREFIX_BYTES <= data.length; ) {
    const end = at + PREFIX_BYTES + data.readUInt32BE(at + 1);
    messages.push(data.subarray(at + PREFIX_BYTES, end));
    at = end;
  }
  return messages;
}

/** Made anew when it is needed after it broke, as every client does. */
export class GrpcConnection {
  private current: ClientHttp2Session | undefined;
  private readonly authority: string;

  constructor(address: string) {
    this.authority = address;
  }

  private get session(): ClientHttp2Session {
    if (this.current !== undefined && !this.current.closed && !this.current.destroyed) return this.current;
    const session = connect(`http://${this.authority}`, { settings: { initialWindowSize: WINDOW_BYTES, enablePush: false } });
    session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    session.on('error', () => undefined);
    return (this.current = session);
  }

  /** The messages of the answer: one of a unary method. */
  call(path: string, message: Uint8Array): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        ':method': 'POST', ':path': path, ':scheme': 'http', ':authority': this.authority, 'content-type': 'application/grpc', te: 'trailers',
      });
      const chunks: Buffer[] = [];
      let status: IncomingHttpHeaders | undefined;
      stream.on('response', (headers) => {
        if (headers['grpc-status'] !== undefined) status = headers;
      });
      stream.on('trailers', (trailers) => {
        status = trailers;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('close', () => {
        const code = Number(status?.['grpc-status'] ?? -1);
        const first = chunks[0];
        if (code === 0) resolve(first === undefined ? [] : unframed(chunks.length === 1 ? first : Buffer.concat(chunks)));
        else reject(new GrpcError(code, decodeURIComponent(String(status?.['grpc-message'] ?? `stream closed with ${String(stream.rstCode ?? constants.NGHTTP2_NO_ERROR)}`))));
      });
      stream.end(framed(message));
    });
  }

  async unary(path: string, message: Uint8Array): Promise<Buffer> {
    const [answer] = await this.call(path, message);
    return answer ?? Buffer.alloc(0);
  }

  close(): void {
    this.current?.destroy();
  }
}

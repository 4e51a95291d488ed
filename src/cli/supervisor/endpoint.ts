/**
 * The one endpoint that outlives any node: a listening port whose connections are handed, unread, to node processes. After
 * the hand-over the supervisor has no part in the connection, so that it costs nothing per byte, and a node's death costs
 * its clients a reconnect to the same address. While no node can take a connection it is held for a short time.
 *
 * Handing over works on Linux and macOS alike; sharing the port between processes (SO_REUSEPORT) does not, since macOS
 * does not spread connections over the processes that share.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { errnoOf, messageOf, UserError } from '../output.ts';
import type { Protocol } from '../process-contract.ts';
import { listenOn } from './ports.ts';

export interface EndpointTuning {
  /** How long a connection waits for a node. */
  readonly holdMillis: number;
  /** How many may wait at a time; the ones after are closed at once. */
  readonly heldMax: number;
}

export const ENDPOINT_TUNING: EndpointTuning = { holdMillis: 8_000, heldMax: 1_024 };

interface Held {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

export class Endpoint {
  readonly protocol: Protocol;
  readonly port: number;
  readonly #server: Server;
  readonly #tuning: EndpointTuning;
  readonly #held = new Set<Held>();
  #handOver: ((socket: Socket) => boolean) | undefined;

  private constructor(protocol: Protocol, server: Server, port: number, tuning: EndpointTuning) {
    this.protocol = protocol;
    this.port = port;
    this.#server = server;
    this.#tuning = tuning;
    server.on('connection', (socket) => {
      this.#take(socket);
    });
    // A process out of file descriptors fails to accept, and can again later.
    server.on('error', () => undefined);
  }

  /** Listens on the port (0: any free one). A port that is taken is a UserError that says how to choose another. */
  static async open(protocol: Protocol, port: number, tuning: EndpointTuning = ENDPOINT_TUNING): Promise<Endpoint> {
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    try {
      return new Endpoint(protocol, server, await listenOn(server, port), tuning);
    } catch (error) {
      throw portError(protocol, port, error);
    }
  }

  /** How a connection reaches a node: returns false when no node can take it now. */
  handOverBy(handOver: (socket: Socket) => boolean): void {
    this.#handOver = handOver;
  }

  /** To be called when a node has become able to take connections. */
  retryHeld(): void {
    for (const held of this.#held) {
      if (this.#handOver?.(held.socket) !== true) return;
      clearTimeout(held.timer);
      this.#held.delete(held);
    }
  }

  get heldCount(): number {
    return this.#held.size;
  }

  close(): void {
    this.#server.close();
    for (const held of this.#held) this.#drop(held);
  }

  #take(socket: Socket): void {
    socket.on('error', () => undefined);
    if (this.#handOver?.(socket) === true) return;
    if (this.#held.size >= this.#tuning.heldMax) {
      socket.destroy();
      return;
    }
    const held: Held = {
      socket,
      timer: setTimeout(() => {
        this.#drop(held);
      }, this.#tuning.holdMillis),
    };
    this.#held.add(held);
  }

  #drop(held: Held): void {
    clearTimeout(held.timer);
    this.#held.delete(held);
    held.socket.destroy();
  }
}

function portError(protocol: Protocol, port: number, error: unknown): UserError {
  const option = protocol === 'grpc' ? '--port' : '--http-port';
  const code = errnoOf(error);
  if (code === 'EADDRINUSE') {
    return new UserError(
      `Port ${String(port)} (${protocol === 'grpc' ? 'gRPC' : 'HTTP'}) is taken by another program.\n` +
        `Stop that program (perhaps another Trestle: trestle stop --data-dir …), or choose another port with ${option}.`,
    );
  }
  if (code === 'EACCES') return new UserError(`Not allowed to listen on port ${String(port)}. Choose one above 1023 with ${option}.`);
  return new UserError(`Cannot listen on port ${String(port)}: ${messageOf(error)}. Choose another with ${option}.`);
}

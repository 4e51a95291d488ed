/** A real environment and small helpers for tests over sockets. */
import { createServer, type AddressInfo } from 'node:net';
import type { Environment, Logger } from '../../src/base/env.ts';
import { nodeId, timestamp, type NodeId } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { TcpTransport, type Address } from '../../src/net/tcp.ts';

export interface LogLine {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

export interface TestEnvironment extends Environment {
  readonly lines: LogLine[];
}

export function realEnvironment(seed: number): TestEnvironment {
  const lines: LogLine[] = [];
  const note = (event: string, fields?: Readonly<Record<string, unknown>>): void => {
    lines.push({ event, fields });
  };
  const log: Logger = { debug: note, info: note, warn: note, error: note };
  const now = (): number => performance.now() * 1000;
  return {
    lines,
    log,
    random: new SeededRandom(seed),
    clock: {
      monotonicMicros: now,
      interval: () => ({ monotonic: now(), earliest: timestamp(Math.floor(now())), latest: timestamp(Math.floor(now()) + 1000) }),
    },
    scheduler: {
      after: (delayMicros, run) => {
        const timer = setTimeout(run, delayMicros / 1000);
        return {
          cancel: () => {
            clearTimeout(timer);
          },
        };
      },
      endOfTurn: (run) => {
        setImmediate(run);
      },
    },
    fatal: (reason) => {
      throw new Error(`fatal: ${reason}`);
    },
  };
}

export const N1 = nodeId(1);
export const N2 = nodeId(2);
export const N3 = nodeId(3);

export class TestNode {
  readonly env: TestEnvironment;
  readonly transport: TcpTransport;
  readonly ups: string[] = [];
  address: Address = { host: '127.0.0.1', port: 0 };

  constructor(id: NodeId, clusterId = 'test', seed = Number(id)) {
    this.env = realEnvironment(seed);
    this.transport = new TcpTransport({ self: id, clusterId, env: this.env });
    this.transport.onPeer((peer, up) => {
      this.ups.push(`${peer}${up ? '+' : '-'}`);
    });
  }

  async listen(): Promise<this> {
    this.address = await this.transport.listen('127.0.0.1', this.address.port);
    return this;
  }
}

/** Two nodes that know each other's addresses. */
export async function pair(): Promise<{ a: TestNode; b: TestNode; close: () => Promise<void> }> {
  const a = await new TestNode(N1).listen();
  const b = await new TestNode(N2).listen();
  a.transport.setPeer(N2, b.address);
  b.transport.setPeer(N1, a.address);
  await until(() => a.transport.isUp(N2) && b.transport.isUp(N1));
  return {
    a,
    b,
    close: async () => {
      await a.transport.close();
      await b.transport.close();
    },
  };
}

export async function until(condition: () => boolean, timeoutMillis = 8000): Promise<void> {
  const end = performance.now() + timeoutMillis;
  while (!condition()) {
    if (performance.now() > end) throw new Error('condition not reached in time');
    await sleep(2);
  }
}

export const sleep = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis);
  });

/** A port on which nothing listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });
}

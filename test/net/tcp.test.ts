import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { encodeRawFrame } from '../../src/net/frame.ts';
import { encodeHello } from '../../src/net/hello.ts';
import { MAX_PAYLOAD_BYTES, MAX_QUEUE_BYTES } from '../../src/net/limits.ts';
import { Channel } from '../../src/net/transport.ts';
import { N1, N2, N3, TestNode, freePort, pair, sleep, until } from './support.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function connected(): Promise<{ a: TestNode; b: TestNode; got: string[] }> {
  const { a, b, close } = await pair();
  closers.push(close);
  const got: string[] = [];
  b.transport.onMessage(Channel.paxos, (from, payload) => {
    got.push(`${from}:${payload.toString()}`);
  });
  return { a, b, got };
}

async function node(id = N1, cluster = 'test'): Promise<TestNode> {
  const one = await new TestNode(id, cluster).listen();
  closers.push(() => one.transport.close());
  return one;
}

describe('TcpTransport', () => {
  test('messages arrive in order, a turn in one frame', async () => {
    const { a, b, got } = await connected();
    const before = b.transport.status()[0]?.bytesIn ?? 0;
    for (let i = 0; i < 1000; i++) expect(a.transport.send(N2, Channel.paxos, Buffer.from(String(i)))).toBe(true);
    await until(() => got.length === 1000);
    expect(got).toEqual(Array.from({ length: 1000 }, (_, i) => `1:${i}`));
    // 1000 messages of at most 3 + 2 bytes and one header of 8, with room for signs of life.
    expect((b.transport.status()[0]?.bytesIn ?? 0) - before).toBeLessThan(1000 * 5 + 8 + 8 * 20);
  });

  test('to itself: later, not now', async () => {
    const { a } = await connected();
    const got: string[] = [];
    a.transport.onMessage(Channel.control, (from, payload) => got.push(`${from}:${payload.toString()}`));
    a.transport.send(N1, Channel.control, Buffer.from('me'));
    expect(got).toEqual([]);
    await Promise.resolve();
    expect(got).toEqual(['1:me']);
    expect(a.transport.isUp(N1)).toBe(true);
  });

  test('the largest payload passes, a larger one is refused, and so is one beyond the byte budget', async () => {
    const { a, b, got } = await connected();
    const sizes: number[] = [];
    b.transport.onMessage(Channel.snapshot, (_, payload) => sizes.push(payload.length));
    expect(a.transport.send(N2, Channel.snapshot, Buffer.alloc(MAX_PAYLOAD_BYTES + 1))).toBe(false);
    const big = Buffer.alloc(MAX_PAYLOAD_BYTES);
    let accepted = 0;
    while (a.transport.send(N2, Channel.snapshot, big)) accepted++;
    expect(accepted).toBe(Math.floor((MAX_QUEUE_BYTES - 32) / MAX_PAYLOAD_BYTES));
    await until(() => sizes.length === accepted);
    expect(a.transport.send(N2, Channel.paxos, Buffer.from('small'))).toBe(true);
    await until(() => got.length === 1);
  });

  test('a peer that dies is reported down, and up again when it is back on its port', async () => {
    const { a, b } = await connected();
    await b.transport.close();
    await until(() => !a.transport.isUp(N2));
    expect(a.transport.send(N2, Channel.paxos, Buffer.from('x'))).toBe(false);
    const again = new TestNode(N2, 'test', 77);
    again.address = b.address;
    await again.listen();
    closers.push(() => again.transport.close());
    await until(() => a.transport.isUp(N2));
    expect(a.ups).toEqual(['2+', '2-', '2+']);
  });

  test('one side knowing the other is enough, whichever it is', async () => {
    const low = await node(N1);
    const high = await node(N3);
    high.transport.setPeer(N1, low.address);
    await until(() => low.transport.isUp(N3));
    const mid = await node(N2);
    mid.transport.setPeer(N3, high.address);
    await until(() => high.transport.isUp(N2));
  });

  test('dials a peer that starts later', async () => {
    const a = await node(N1);
    const port = await freePort();
    a.transport.setPeer(N2, { host: '127.0.0.1', port });
    await sleep(100);
    const b = new TestNode(N2);
    b.address = { host: '127.0.0.1', port };
    await b.listen();
    closers.push(() => b.transport.close());
    await until(() => a.transport.isUp(N2));
  });

  test('another cluster, another node than expected: refused on both sides, and logged', async () => {
    const a = await node(N1, 'one');
    const b = await node(N2, 'two');
    a.transport.setPeer(N2, b.address);
    await until(() => b.env.lines.some((line) => line.event === 'net.refused'));
    const c = await node(N3, 'one');
    a.transport.setPeer(N2, c.address);
    await until(() => c.env.lines.some((line) => line.event === 'net.refused'));
    expect(a.ups).toEqual([]);
    expect([...b.ups, ...c.ups]).toEqual([]);
  });

  test('a silent peer is reported down within about a second', async () => {
    // Accepts, says hello, then never another byte: a process under SIGSTOP, or a cable pulled.
    const sockets: Socket[] = [];
    const mute = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        for (const part of encodeRawFrame(encodeHello({ clusterId: 'test', from: N2, to: N1, incarnation: 5 }))) socket.write(part);
        socket.pause();
      });
    });
    await new Promise<void>((resolve) => {
      mute.listen(0, '127.0.0.1', resolve);
    });
    const at = mute.address();
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        mute.close(resolve);
      });
    });
    const a = await node(N1);
    a.transport.setPeer(N2, { host: '127.0.0.1', port: at !== null && typeof at === 'object' ? at.port : 0 });
    await until(() => a.transport.isUp(N2));
    const start = performance.now();
    await until(() => !a.transport.isUp(N2));
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('loss in one direction takes both ends down; lifting it brings them back with nothing lost in between', async () => {
    const { a, b, got } = await connected();
    a.transport.setFault(N2, { drop: 'out' });
    a.transport.send(N2, Channel.paxos, Buffer.from('lost'));
    await until(() => !a.transport.isUp(N2) && !b.transport.isUp(N1));
    a.transport.setFault(N2, undefined);
    await until(() => a.transport.isUp(N2) && b.transport.isUp(N1));
    a.transport.send(N2, Channel.paxos, Buffer.from('after'));
    await until(() => got.length > 0);
    expect(got).toEqual(['1:after']);
  });

  test('a peer that has a large frame to work on may be silent for longer, and not for ever', async () => {
    const { a, b, got } = await connected();
    const isUp = (): boolean => a.transport.isUp(N2) && b.transport.isUp(N1);
    // A quarter of a microsecond a byte: three seconds.
    a.transport.send(N2, Channel.paxos, Buffer.alloc(12 * 1024 * 1024, 'x'));
    await until(() => got.length === 1);
    a.transport.setFault(N2, { drop: 'both' });
    b.transport.setFault(N1, { drop: 'both' });
    await sleep(2_000);
    expect(isUp()).toBe(true);
    await until(() => !a.transport.isUp(N2) && !b.transport.isUp(N1));
    a.transport.setFault(N2, undefined);
    b.transport.setFault(N1, undefined);
    await until(isUp);
  });

  test('a short loss never leaves a hole: the connection breaks', async () => {
    const { a, b, got } = await connected();
    a.transport.send(N2, Channel.paxos, Buffer.from('1'));
    await until(() => got.length === 1);
    b.transport.setFault(N1, { drop: 'in' });
    a.transport.send(N2, Channel.paxos, Buffer.from('2'));
    await sleep(50);
    b.transport.setFault(N1, undefined);
    a.transport.send(N2, Channel.paxos, Buffer.from('3'));
    await until(() => a.ups.includes('2-') && a.transport.isUp(N2) && b.transport.isUp(N1));
    expect(got).toEqual(['1:1']);
  });

  test('added delay keeps the order, also when it shrinks', async () => {
    const { a, got } = await connected();
    a.transport.setFault(N2, { delayMicros: 100_000 });
    const start = performance.now();
    a.transport.send(N2, Channel.paxos, Buffer.from('slow'));
    await sleep(5);
    a.transport.setFault(N2, undefined);
    a.transport.send(N2, Channel.paxos, Buffer.from('fast'));
    await until(() => got.length === 2);
    expect(got).toEqual(['1:slow', '1:fast']);
    expect(performance.now() - start).toBeGreaterThan(95);
  });

  test('strangers who talk nonsense are closed and logged; the node lives on', async () => {
    const { a, b, got } = await connected();
    const random = new SeededRandom(9);
    const valid = Buffer.concat(encodeRawFrame(encodeHello({ clusterId: 'test', from: N3, to: N2, incarnation: 1 })));
    for (let round = 0; round < 60; round++) {
      const noise = Buffer.from(random.hex(1 + random.int(600)), 'hex');
      // A third: noise from the first byte; a third: after a valid hello; a third: a hello cut short and gone.
      const bytes = round % 3 === 0 ? noise : round % 3 === 1 ? Buffer.concat([valid, noise]) : valid.subarray(0, random.int(valid.length));
      await new Promise<void>((resolve) => {
        const socket = connect(b.address.port, b.address.host, () => {
          socket.end(bytes);
        });
        socket.on('error', () => undefined);
        socket.on('close', () => {
          resolve();
        });
        socket.resume();
        setTimeout(() => socket.destroy(), 30);
      });
    }
    a.transport.send(N2, Channel.paxos, Buffer.from('still here'));
    await until(() => got.length === 1);
    await until(() => !b.transport.isUp(N3));
    expect(b.env.lines.filter((line) => line.event === 'net.strangerClosed').length).toBeGreaterThan(20);
  });
});

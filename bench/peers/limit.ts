/** The building blocks alone (bench/limit): how fast a commit could be if Trestle did nothing but pass bytes on and sync them. */
import { connect } from 'node:net';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { freePorts, PeerMissing, until, Workspace, type Peer } from '../harness/peer.ts';
import type { LimitOrder } from '../limit/process.ts';

const PROGRAM = join(import.meta.dirname, '..', 'limit', 'process.ts');

const NODES = 3;

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

const limitBehind = (name: string, edge: LimitOrder['edge']): Peer => ({
  name,
  async start({ nodes, inMemory }) {
    if (nodes !== NODES || inMemory) throw new PeerMissing('it is three processes with disks');
    const space = new Workspace(name);
    const peers = await freePorts(nodes);
    const ports = await freePorts(nodes);
    ports.forEach((port, i) => {
      const order: LimitOrder = { self: i + 1, peers, port, folder: join(space.folder, String(i)), edge };
      space.spawn(`process ${String(i + 1)}`, process.execPath, [PROGRAM, JSON.stringify(order)]);
    });
    await until(`${name} listens`, async () => (await Promise.all(ports.map(answers))).every(Boolean));
    return { version: manifest.version, target: { driver: 'limit', addresses: ports.map((port) => `127.0.0.1:${String(port)}`) }, processes: space.processes, stop: () => space.close() };
  },
});

export const limit = limitBehind('limit', 'own');
export const limitOfParts = limitBehind('limit-grpc-js', 'grpc-js');

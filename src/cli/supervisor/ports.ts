/** Ports for nodes to talk to each other: free ones on the loopback address, chosen when a cluster is made and kept. */
import { createServer, type Server } from 'node:net';
import { errnoOf } from '../output.ts';
import type { NodeAddress } from '../process-contract.ts';

const HOST = '127.0.0.1';

/** A server that listens on the port (0: any). Rejects with the system's error. */
export function listenOn(server: Server, port: number, host = HOST): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });

/** `count` different free ports. They are held open together, so that none is given twice. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(servers.map((server) => listenOn(server, 0)));
  } finally {
    await Promise.all(servers.filter((server) => server.listening).map(closed));
  }
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await listenOn(server, port);
    await closed(server);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE' || errnoOf(error) === 'EACCES') return false;
    throw error;
  }
}

/** The same nodes, with another peer port for each whose own is taken by somebody else. */
export async function withFreePeerPorts(nodes: readonly NodeAddress[]): Promise<readonly NodeAddress[]> {
  const taken = await Promise.all(nodes.map(async (node) => !(await isFree(node.peerPort))));
  const fresh = [...(await freePorts(taken.filter(Boolean).length))];
  return nodes.map((node, i) => (taken[i] === true ? { ...node, peerPort: fresh.pop() ?? node.peerPort } : node));
}

/** Trestle itself, by its built command. */
import manifest from '../../package.json' with { type: 'json' };
import { Cluster } from '../../test/e2e/support.ts';
import type { Peer } from '../harness/peer.ts';

export const trestle: Peer = {
  name: 'trestle',
  async start({ nodes, inMemory, splits }) {
    const cluster = await Cluster.start({ args: ['--nodes', String(nodes), ...(inMemory ? ['--in-memory'] : [])] });
    const status = await cluster.status();
    return {
      version: manifest.version,
      target: { driver: 'spanner', addresses: [cluster.grpcAddress], splits },
      processes: [...status.nodes.map((node) => ({ name: `node ${String(node.nodeId)}`, pid: node.pid ?? 0 })), { name: 'supervisor', pid: status.supervisorPid, alone: true }],
      stop: async () => {
        await cluster[Symbol.asyncDispose]();
      },
    };
  },
};

/** etcd, three nodes, with its defaults: every batch of the log synced. */
import { execFileSync } from 'node:child_process';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { findProgram, freePorts, until, Workspace, type Peer } from '../harness/peer.ts';

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${String(port)}`);
    session.once('connect', () => {
      session.destroy();
      resolve(true);
    });
    session.once('error', () => resolve(false));
  });

export const etcd: Peer = {
  name: 'etcd',
  async start({ nodes }) {
    const program = findProgram('etcd');
    const version = /etcd Version: (\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
    const space = new Workspace('etcd');
    const ports = await freePorts(nodes * 2);
    const members = Array.from({ length: nodes }, (_, i) => ({ name: `n${String(i + 1)}`, client: ports[2 * i] ?? 0, peer: ports[2 * i + 1] ?? 0 }));
    const url = (port: number): string => `http://127.0.0.1:${String(port)}`;
    const cluster = members.map(({ name, peer }) => `${name}=${url(peer)}`).join(',');
    for (const { name, client, peer } of members) {
      space.spawn(`node ${name.slice(1)}`, program, [
        '--name', name, '--data-dir', join(space.folder, name), '--listen-client-urls', url(client), '--advertise-client-urls', url(client),
        '--listen-peer-urls', url(peer), '--initial-advertise-peer-urls', url(peer), '--initial-cluster', cluster, '--initial-cluster-state', 'new',
        '--quota-backend-bytes', String(4 * 1024 ** 3), '--log-level', 'error',
      ]);
    }
    await until('etcd listens', async () => (await Promise.all(members.map(({ client }) => answers(client)))).every(Boolean));
    return {
      version,
      target: { driver: 'etcd', addresses: members.map(({ client }) => `127.0.0.1:${String(client)}`) },
      processes: space.processes,
      stop: () => space.close(),
    };
  },
};

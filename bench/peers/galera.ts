/** MariaDB with Galera, three nodes, each commit synced on the node that takes it. */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import mysql from 'mysql2/promise';
import { findProgram, freePorts, PeerMissing, until, Workspace, type Peer } from '../harness/peer.ts';

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';

async function isSynced(socket: string): Promise<boolean> {
  try {
    const connection = await mysql.createConnection({ socketPath: socket, user: 'root' });
    const [rows] = await connection.query("SHOW STATUS LIKE 'wsrep_ready'");
    await connection.end();
    return JSON.stringify(rows).includes('"ON"');
  } catch {
    return false;
  }
}

export const galera: Peer = {
  name: 'galera',
  async start({ nodes }) {
    const server = findProgram('mariadbd', ['/usr/sbin']);
    const install = findProgram('mariadb-install-db');
    findProgram('rsync');
    if (!existsSync(PROVIDER)) throw new PeerMissing('galera-4 is not installed');
    const version = /(\d+\.\d+\.\d+)/.exec(execFileSync(server, ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
    const space = new Workspace('galera');
    const root = userInfo().uid === 0;
    const owner = root ? { uid: Number(execFileSync('id', ['-u', 'mysql'])), gid: Number(execFileSync('id', ['-g', 'mysql'])) } : undefined;
    if (owner !== undefined) chownSync(space.folder, owner.uid, owner.gid);
    const ports = await freePorts(nodes * 4);
    const members = Array.from({ length: nodes }, (_, i) => {
      const [client = 0, group = 0, state = 0, incremental = 0] = ports.slice(4 * i);
      return { data: join(space.folder, `data${String(i)}`), socket: join(space.folder, `s${String(i)}`), client, group, state, incremental };
    });
    const cluster = `gcomm://${members.map(({ group }) => `127.0.0.1:${String(group)}`).join(',')}`;
    for (const [i, { data, socket, client, group, state, incremental }] of members.entries()) {
      mkdirSync(data);
      if (owner !== undefined) chownSync(data, owner.uid, owner.gid);
      if (i === 0) execFileSync(install, ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...(root ? ['--user=mysql'] : [])], { stdio: 'ignore' });
      space.spawn(`node ${String(i + 1)}`, server, [
        '--no-defaults', `--datadir=${data}`, `--socket=${socket}`, `--port=${String(client)}`, '--bind-address=127.0.0.1', `--pid-file=${socket}.pid`, ...(root ? ['--user=mysql'] : []),
        '--binlog-format=ROW', '--default-storage-engine=InnoDB', '--innodb-autoinc-lock-mode=2', '--innodb-flush-log-at-trx-commit=1', '--innodb-buffer-pool-size=128M', '--max-connections=1100',
        '--wsrep-on=ON', `--wsrep-provider=${PROVIDER}`, `--wsrep-cluster-address=${i === 0 ? 'gcomm://' : cluster}`, '--wsrep-cluster-name=bench', `--wsrep-node-name=n${String(i + 1)}`, '--wsrep-sst-method=rsync',
        '--wsrep-node-address=127.0.0.1', `--wsrep-sst-receive-address=127.0.0.1:${String(state)}`,
        `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${String(group)};ist.recv_addr=127.0.0.1:${String(incremental)};gcs.fc_limit=256`,
        ...(i === 0 ? ['--wsrep-new-cluster'] : []),
      ]);
      await until(`node ${String(i + 1)} of Galera has joined`, () => isSynced(socket));
      if (i === 0) {
        const connection = await mysql.createConnection({ socketPath: socket, user: 'root' });
        await connection.query("CREATE USER bench@'%'");
        await connection.query("GRANT ALL ON *.* TO bench@'%'");
        await connection.end();
      }
    }
    return { version, target: { driver: 'galera', addresses: members.map(({ client }) => `127.0.0.1:${String(client)}`) }, processes: space.processes, stop: () => space.close() };
  },
};

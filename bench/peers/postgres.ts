/** PostgreSQL: a primary and standbys, of which any one must have a commit on disk before it is acknowledged. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import pg from 'pg';
import { findProgram, freePorts, until, Workspace, type Peer } from '../harness/peer.ts';

const VERSIONS = '/usr/lib/postgresql';

/** The newest version's folder on Debian. */
function folders(): string[] {
  if (!existsSync(VERSIONS)) return [];
  return readdirSync(VERSIONS).toSorted((a, b) => Number(b) - Number(a)).map((version) => join(VERSIONS, version, 'bin'));
}

/** PostgreSQL refuses to run as root: then it runs as the user that Debian makes for it. */
function owner(): { uid?: number; gid?: number } {
  if (userInfo().uid !== 0) return {};
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function isUp(port: number): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'bench', database: 'postgres' });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function standbys(port: number): Promise<number> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'bench', database: 'postgres' });
  await client.connect();
  try {
    const { rows } = await client.query<{ n: number }>("SELECT count(*)::int AS n FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'");
    return rows[0]?.n ?? 0;
  } finally {
    await client.end();
  }
}

export const postgres: Peer = {
  name: 'postgres',
  async start({ nodes }) {
    const initdb = findProgram('initdb', folders());
    const server = findProgram('postgres', folders());
    const copy = findProgram('pg_basebackup', folders());
    const version = /(\d+\.\d+)/.exec(execFileSync(server, ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
    const space = new Workspace('postgres');
    const user = owner();
    if (user.uid !== undefined && user.gid !== undefined) chownSync(space.folder, user.uid, user.gid);
    const ports = await freePorts(nodes);
    const [primary = 0] = ports;
    const data = (index: number): string => join(space.folder, `data${String(index)}`);
    execFileSync(initdb, ['-D', data(0), '-U', 'bench', '-A', 'trust', '--locale=C', '-E', 'UTF8'], { ...user, stdio: 'ignore', cwd: space.folder });
    const names = ports.slice(1).map((_, i) => `s${String(i + 1)}`);
    appendFileSync(join(data(0), 'postgresql.conf'), `listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 1100\nshared_buffers = 128MB\n`);
    space.spawn('primary', server, ['-D', data(0), '-p', String(primary)], user);
    await until('PostgreSQL answers', () => isUp(primary));
    for (const [i, name] of names.entries()) {
      execFileSync(copy, ['-h', '127.0.0.1', '-p', String(primary), '-U', 'bench', '-D', data(i + 1), '-R', '-X', 'stream', '-c', 'fast', '-d', `application_name=${name}`], { ...user, stdio: 'ignore', cwd: space.folder });
      appendFileSync(join(data(i + 1), 'postgresql.auto.conf'), `primary_conninfo = 'host=127.0.0.1 port=${String(primary)} user=bench application_name=${name}'\n`);
      space.spawn(`standby ${String(i + 1)}`, server, ['-D', data(i + 1), '-p', String(ports[i + 1])], user);
    }
    if (names.length > 0) {
      const client = new pg.Client({ host: '127.0.0.1', port: primary, user: 'bench', database: 'postgres' });
      await client.connect();
      await client.query(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (${names.join(', ')})'`);
      await client.query('SELECT pg_reload_conf()');
      await client.end();
      await until('the standbys stream', async () => (await standbys(primary)) === names.length);
    }
    return { version, target: { driver: 'postgres', addresses: [`127.0.0.1:${String(primary)}`] }, processes: space.processes, stop: () => space.close() };
  },
};

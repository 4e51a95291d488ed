/** Google's emulator of Cloud Spanner: one process, in memory, one read-write transaction at a time. */
import { execFileSync } from 'node:child_process';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { findProgram, freePort, PeerMissing, until, Workspace, type Peer } from '../harness/peer.ts';

function sdkFolder(): string {
  try {
    return execFileSync('gcloud', ['info', '--format=value(installation.sdk_root)'], { encoding: 'utf8' }).trim();
  } catch {
    throw new PeerMissing('gcloud is not installed');
  }
}

export const emulator: Peer = {
  name: 'emulator',
  async start() {
    const program = findProgram('emulator_main', [join(sdkFolder(), 'bin', 'cloud_spanner_emulator')]);
    const space = new Workspace('emulator');
    const address = `127.0.0.1:${String(await freePort())}`;
    space.spawn('emulator', program, ['--host_port', address]);
    await until('the emulator listens', () => new Promise((resolve) => {
      const session = connect(`http://${address}`);
      session.once('connect', () => {
        session.destroy();
        resolve(true);
      });
      session.once('error', () => resolve(false));
    }));
    const version = execFileSync('gcloud', ['version', '--format=value("cloud-spanner-emulator")'], { encoding: 'utf8' }).trim();
    return { version, target: { driver: 'spanner', addresses: [address] }, processes: space.processes, stop: () => space.close() };
  },
};

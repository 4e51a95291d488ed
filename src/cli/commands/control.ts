/** `trestle kill|pause|resume|start NODE` and `trestle stop`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { dataDirOption } from '../arguments.ts';
import { askSupervisor, type ClusterStatus } from '../control.ts';
import { UserError, type Output } from '../output.ts';
import { isAlive } from '../supervisor/lock.ts';

export type NodeCommandName = 'kill' | 'pause' | 'resume' | 'start';

const DONE: Readonly<Record<NodeCommandName, string>> = {
  kill: 'is killed, and stays down until: trestle start',
  pause: 'is paused, until: trestle resume',
  resume: 'goes on',
  start: 'is ready',
};

/** How long `start` waits for the node to be ready. */
const START_MILLIS_MAX = 60_000;
const POLL_MILLIS = 100;

export async function runNodeCommand(command: NodeCommandName, node: number, dataDir: string, output: Output): Promise<void> {
  const status = await askSupervisor(dataDir, { command, node });
  if (command === 'start') await untilReady(status, node, dataDir);
  const again = command === 'kill' || command === 'pause' ? ` ${String(node)}${dataDirOption(dataDir)}` : '';
  output.out(`Node ${String(node)} ${DONE[command]}${again}`);
}

async function untilReady(first: ClusterStatus, nodeId: number, dataDir: string): Promise<void> {
  let status = first;
  for (const deadline = Date.now() + START_MILLIS_MAX; ; status = await askSupervisor(dataDir, { command: 'status' })) {
    const node = status.nodes.find((each) => each.nodeId === nodeId);
    if (node?.state === 'ready') return;
    if (node?.state === 'failed') throw new UserError(`Node ${String(nodeId)} ${node.remark}`);
    if (Date.now() > deadline) throw new UserError(`Node ${String(nodeId)} is ${node?.state ?? 'gone'} after ${String(START_MILLIS_MAX / 1_000)} s. See its log in ${status.dataDir}/logs.`);
    await sleep(POLL_MILLIS);
  }
}

const EXIT_MILLIS_MAX = 10_000;

/** Returns when the supervisor's process has ended, so that the folder and the ports are free. */
export async function runStop(dataDir: string, output: Output): Promise<void> {
  const { supervisorPid } = await askSupervisor(dataDir, { command: 'stop' });
  for (const deadline = Date.now() + EXIT_MILLIS_MAX; supervisorPid !== process.pid && isAlive(supervisorPid) && Date.now() < deadline; ) await sleep(20);
  output.out('The cluster has stopped.');
}

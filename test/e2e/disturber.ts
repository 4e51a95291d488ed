/**
 * Kills, pauses and restarts nodes drawn at random, one at a time, as `kill -9`, SIGSTOP and a restart do; whatever was done
 * to a node is undone after a while. Two of three nodes work all the time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { askSupervisor } from '../../src/cli/control.ts';
import { until, type Cluster } from './support.ts';

const READY_MILLIS_MAX = 20_000;

/** How long a fault lasts, and how long the cluster is left alone afterwards, milliseconds. */
const AWAY_MILLIS = [200, 1_200, 3_000] as const;
const CALM_MILLIS = [300, 1_500] as const;

const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(Math.random() * choices.length)] as T;

export class Disturber {
  readonly counts = { kill: 0, pause: 0, restart: 0 };
  readonly #cluster: Cluster;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  start(): void {
    this.#running = this.#disturb();
  }

  /** The last fault ends first; afterwards all nodes run. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #disturb(): Promise<void> {
    while (!this.#stopping) {
      const { nodes } = await askSupervisor(this.#cluster.dataDir, { command: 'status' });
      const { nodeId: node, pid } = oneOf(nodes);
      const kind = oneOf(['kill', 'kill', 'pause', 'restart'] as const);
      this.counts[kind]++;
      if (kind !== 'restart') {
        await askSupervisor(this.#cluster.dataDir, { command: kind, node });
        await sleep(oneOf(AWAY_MILLIS));
        await askSupervisor(this.#cluster.dataDir, { command: kind === 'pause' ? 'resume' : 'start', node });
      } else if (pid !== null) {
        // In good order; the supervisor starts it again by itself.
        process.kill(pid, 'SIGTERM');
        await sleep(oneOf(AWAY_MILLIS));
      }
      await this.#allReady(`${kind} of node ${String(node)}`);
      await sleep(oneOf(CALM_MILLIS));
    }
  }

  /** Rejects with what the supervisor says of each node when one does not come back. */
  async #allReady(after: string): Promise<void> {
    let last = '';
    try {
      await until('every node is ready again', READY_MILLIS_MAX, async () => {
        const { nodes } = await askSupervisor(this.#cluster.dataDir, { command: 'status' });
        last = nodes.map(({ nodeId, state, remark }) => `node ${String(nodeId)} ${state} ${remark}`.trim()).join('; ');
        return nodes.every(({ state }) => state === 'ready') ? true : undefined;
      });
    } catch (error) {
      throw new Error(`after ${after}: ${last}`, { cause: error });
    }
  }
}

/** The cluster of docker-compose.yml, in a project of its own and on ports of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:net';
import { getContainerRuntimeClient, type ContainerRuntimeClient } from 'testcontainers';
import type { NodeStatus } from '../../src/cli/process-contract.ts';
import { command, docker, IMAGE } from './engine.ts';

const SERVICES = ['node1', 'node2', 'node3'] as const;
export type Service = (typeof SERVICES)[number];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a port');
  return address.port;
}

export class Compose implements AsyncDisposable {
  readonly project: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #runtime: ContainerRuntimeClient;
  /** gRPC addresses by service, as the host sees them. */
  readonly addresses: Readonly<Record<Service, string>>;

  readonly #statusUrls: readonly string[];

  private constructor(project: string, env: NodeJS.ProcessEnv, addresses: Readonly<Record<Service, string>>, runtime: ContainerRuntimeClient) {
    this.project = project;
    this.#env = env;
    this.#statusUrls = SERVICES.map((_, i) => `http://127.0.0.1:${env[`TRESTLE_HTTP_PORT_${String(i + 1)}`] ?? ''}/status`);
    this.addresses = addresses;
    this.#runtime = runtime;
  }

  static async create(): Promise<Compose> {
    const env: NodeJS.ProcessEnv = { TRESTLE_IMAGE: IMAGE };
    const addresses: Record<Service, string> = { node1: '', node2: '', node3: '' };
    for (const [i, service] of SERVICES.entries()) {
      const port = await freePort();
      env[`TRESTLE_GRPC_PORT_${String(i + 1)}`] = String(port);
      env[`TRESTLE_HTTP_PORT_${String(i + 1)}`] = String(await freePort());
      addresses[service] = `127.0.0.1:${String(port)}`;
    }
    return new Compose(`trestle-test-${String(process.pid)}`, env, addresses, await getContainerRuntimeClient());
  }

  async #run(...args: readonly string[]): Promise<void> {
    const { code, out } = await command('docker', ['compose', '--project-name', this.project, ...args], this.#env);
    if (code === 0) return;
    const { out: logs } = await command('docker', ['compose', '--project-name', this.project, 'logs', '--tail', '15'], this.#env);
    throw new Error(`docker compose ${args.join(' ')} ended with ${String(code)}: ${out}\n${logs}`);
  }

  /** What the README says: resolves when every node is healthy. */
  async up(): Promise<void> {
    await this.#run('up', '--detach', '--no-build', '--wait', '--wait-timeout', '150');
  }

  async down(): Promise<void> {
    await this.#run('down', '--timeout', '5');
  }

  container(service: Service): string {
    return `${this.project}-${service}-1`;
  }

  /** By the engine's own interface, as testcontainers has it. */
  async #do(service: Service, what: 'kill' | 'start' | 'pause' | 'unpause' | 'restart'): Promise<void> {
    await this.#runtime.container.dockerode.getContainer(this.container(service))[what]();
  }
  kill(service: Service): Promise<void> {
    return this.#do(service, 'kill');
  }
  start(service: Service): Promise<void> {
    return this.#do(service, 'start');
  }
  /** A kernel that is busy may not freeze every process in time, and then freezes none. */
  async pause(service: Service): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#do(service, 'pause');
        return;
      } catch (error) {
        if (attempt >= 10 || !/unable to freeze/.test(String(error))) throw error;
        await sleep(500);
      }
    }
  }
  unpause(service: Service): Promise<void> {
    return this.#do(service, 'unpause');
  }

  /** Off the network, clients and peers alike. */
  async cutOff(service: Service): Promise<void> {
    await this.#network().disconnect({ Container: this.container(service) });
  }
  /** Its name has to be given again, or the others do not find it. */
  async reconnect(service: Service): Promise<void> {
    await this.#network().connect({ Container: this.container(service), EndpointConfig: { Aliases: [service, 'trestle'] } });
  }
  #network(): ReturnType<ContainerRuntimeClient['container']['dockerode']['getNetwork']> {
    return this.#runtime.container.dockerode.getNetwork(`${this.project}_cluster`);
  }

  async health(service: Service): Promise<string> {
    const { State } = await this.#runtime.container.dockerode.getContainer(this.container(service)).inspect();
    return State.Health?.Status ?? State.Status;
  }

  async untilHealthy(service: Service, seconds = 60): Promise<void> {
    for (const deadline = Date.now() + seconds * 1_000; (await this.health(service)) !== 'healthy'; await sleep(200)) {
      if (Date.now() > deadline) throw new Error(`${service} is not healthy after ${String(seconds)} s: ${await docker('logs', '--tail', '20', this.container(service))}`);
    }
  }

  /** Until every replica votes: a node that has lost its data first gets them as read-only ones. */
  async untilAllVote(seconds = 60): Promise<void> {
    for (const deadline = Date.now() + seconds * 1_000; !(await this.#allVote()); await sleep(300)) {
      if (Date.now() > deadline) throw new Error(`not every replica votes after ${String(seconds)} s`);
    }
  }

  /** As the leaders say: each split has one, with three voters that follow. */
  async #allVote(): Promise<boolean> {
    const nodes = await Promise.all(this.#statusUrls.map(async (url) => (await (await fetch(url)).json()) as Pick<NodeStatus, 'splits'>));
    const led = nodes.flatMap(({ splits }) => splits.filter((split) => split.role === 'leader'));
    const known = new Set(nodes.flatMap(({ splits }) => splits.map((split) => split.id)));
    return known.size > 0 && [...known].every((id) => led.some((split) => split.id === id && split.replicas.length === SERVICES.length && split.replicas.every(({ kind, state }) => kind === 'read-write' && (state === 'leading' || state === 'following'))));
  }

  /** Removes a node's container and its volume: its data is gone. */
  async lose(service: Service): Promise<void> {
    await docker('rm', '--force', this.container(service));
    await docker('volume', 'rm', `${this.project}_${service}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run('down', '--volumes', '--timeout', '1');
  }
}

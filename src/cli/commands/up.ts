/**
 * `trestle up`: starts a cluster and stays with it until it is stopped. Everything is checked before anything is made
 * (prepare.ts); then the nodes start, the database is made where one was asked for, and `Trestle is ready: …` is printed.
 */
import { rmSync } from 'node:fs';
import { messageOf, UserError, type Output } from '../output.ts';
import type { LogLevel } from '../process-contract.ts';
import { writeClusterFile } from '../supervisor/cluster-file.ts';
import { removeLock } from '../supervisor/lock.ts';
import type { NodeCommand, NodeProcess, NodeProcessTuning } from '../supervisor/node-process.ts';
import { prepare, withDiskErrors, type Prepared, type PrepareOptions, type ProcessMarks } from '../supervisor/prepare.ts';
import { Supervisor } from '../supervisor/supervisor.ts';

/** What to make once the cluster serves, over the public API. */
export interface Foundation {
  run(grpcAddress: string, prepared: Prepared, output: Output): Promise<void>;
}

export interface UpOptions extends PrepareOptions {
  readonly logLevel: LogLevel;
  /** The defaults apply where these are undefined. */
  readonly clockUncertaintyMicros?: number | undefined;
  readonly idleTransactionMicros?: number | undefined;
  /** undefined: no database was asked for. */
  readonly foundation: Foundation | undefined;
}

export interface UpSurroundings {
  readonly output: Output;
  readonly command: NodeCommand;
  readonly marks: ProcessMarks;
  /** Aborted to stop the cluster: Ctrl-C, SIGTERM. */
  readonly signal: AbortSignal;
  readonly tuning?: NodeProcessTuning;
  /** Called after the ready line. */
  readonly onReady?: (supervisor: Supervisor) => void;
}

const WAITING_NOTICE_MILLIS = 10_000;

/** Resolves with the exit code when the cluster has stopped. */
export async function runUp(options: UpOptions, surroundings: UpSurroundings): Promise<number> {
  const { output, signal } = surroundings;
  const startedAt = performance.now();
  const prepared = await prepare(options, surroundings.marks);
  const { cluster, layout, endpoints, controlPath, log } = prepared;
  const where = options.inMemory ? 'in memory' : `data in ${layout.root}`;
  output.out(`${prepared.isNew ? 'Starting a new cluster' : 'Starting the cluster'} of ${nodesOf(cluster.nodes.length)}, ${where}`);
  const supervisor = new Supervisor({
    cluster,
    layout,
    inMemory: options.inMemory,
    endpoints,
    controlPath,
    command: surroundings.command,
    log,
    logLevel: options.logLevel,
    clockUncertaintyMicros: options.clockUncertaintyMicros,
    idleTransactionMicros: options.idleTransactionMicros,
    report: (text) => {
      output.err(text);
    },
    ...(surroundings.tuning === undefined ? {} : { tuning: surroundings.tuning }),
  });
  const onAbort = (): void => {
    output.err('Stopping …');
    supervisor.stop().catch((error: unknown) => {
      output.err(messageOf(error));
    });
  };
  const onBug = (error: unknown): void => {
    log.error('the supervisor fails', { stack: error instanceof Error ? error.stack : String(error) });
  };
  process.on('uncaughtExceptionMonitor', onBug);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await bringUp(supervisor, options, prepared, surroundings, startedAt);
    await supervisor.stopped;
    output.out('Stopped.');
    return 0;
  } catch (error) {
    await supervisor.stop();
    if (signal.aborted) return 130;
    throw error;
  } finally {
    process.off('uncaughtExceptionMonitor', onBug);
    signal.removeEventListener('abort', onAbort);
    removeLock(layout.lockFile);
    if (options.inMemory) rmSync(controlPath, { force: true });
  }
}

async function bringUp(supervisor: Supervisor, options: UpOptions, prepared: Prepared, surroundings: UpSurroundings, startedAt: number): Promise<void> {
  const { output } = surroundings;
  await startNodes(supervisor, output);
  if (!options.inMemory && !prepared.cluster.founded) await withDiskErrors(prepared.layout, () => markFounded(prepared));
  const grpc = `127.0.0.1:${String(prepared.endpoints[0]?.port ?? 0)}`;
  const http = `http://127.0.0.1:${String(prepared.endpoints[1]?.port ?? 0)}`;
  output.out(`Every split has a leader after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  if (options.foundation !== undefined) await Promise.race([options.foundation.run(grpc, prepared, output), stoppedEarly(supervisor)]);
  output.out(`Trestle is ready: grpc ${grpc}, http ${http}`);
  surroundings.onReady?.(supervisor);
}

function markFounded(prepared: Prepared): Promise<void> {
  writeClusterFile(prepared.layout.clusterFile, { ...prepared.cluster, founded: true });
  return Promise.resolve();
}

async function stoppedEarly(supervisor: Supervisor): Promise<never> {
  await supervisor.stopped;
  throw new UserError('Stopped before the database was made.');
}

/** Says which nodes are ready as they become so, and what the others do when it takes long. */
async function startNodes(supervisor: Supervisor, output: Output): Promise<void> {
  const announced = new Set<number>();
  let latest: readonly NodeProcess[] = [];
  const timer = setInterval(() => {
    const waiting = latest.filter((node) => node.state !== 'ready');
    output.out(`Still waiting for ${waiting.map((node) => `node ${String(node.nodeId)} (${node.remark === '' ? node.state : node.remark})`).join(', ')}`);
  }, WAITING_NOTICE_MILLIS);
  const announce = (nodes: readonly NodeProcess[]): void => {
    latest = nodes;
    for (const node of nodes) {
      if (node.state !== 'ready' || announced.has(node.nodeId)) continue;
      announced.add(node.nodeId);
      output.out(`  node ${String(node.nodeId)} is ready (pid ${String(node.pid)})`);
    }
  };
  try {
    await supervisor.start(announce);
    announce(latest);
  } finally {
    clearInterval(timer);
  }
}

const nodesOf = (count: number): string => (count === 1 ? 'one node' : `${String(count)} nodes`);

/** `command` is what the user types for trestle: `npx trestle` in a clone. */
export function howToConnect(grpcAddress: string, dataDirOption: string, command = 'trestle'): string {
  return [
    '',
    'Connect an application that uses any Cloud Spanner client library:',
    `  export SPANNER_EMULATOR_HOST=${grpcAddress}`,
    'Look around:',
    `  ${command} sql${dataDirOption}        a SQL prompt`,
    `  ${command} status${dataDirOption}     nodes, splits and their leaders`,
    `  ${command} kill 1${dataDirOption}     take a node away, and bring it back with: ${command} start 1${dataDirOption}`,
    `Stop with Ctrl-C, or from elsewhere with: ${command} stop${dataDirOption}`,
  ].join('\n');
}

/** `trestle status`: the cluster's nodes and splits as text, or as JSON. */
import Table from 'cli-table3';
import { setTimeout as sleep } from 'node:timers/promises';
import { askSupervisor, type ClusterStatus, type NodeReport } from '../control.ts';
import type { Output } from '../output.ts';
import type { CallCounts, ReplicaStatus, SplitStatus } from '../process-contract.ts';

/** Only rules between columns: reads well, and copies well. */
const PLAIN = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ',
};

export function plainTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ head: [...head], chars: PLAIN, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const megabytes = (bytes: number | null): string => (bytes === null ? '-' : `${(bytes / 1024 / 1024).toFixed(0)} MB`);

function nodeRow(node: NodeReport): readonly string[] {
  const remark = [node.restarts > 0 ? `restarted ${String(node.restarts)}×` : '', node.remark].filter((text) => text !== '').join('; ');
  return [String(node.nodeId), node.zone, node.region, node.pid === null ? '-' : String(node.pid), node.state, node.peerAddress, megabytes(node.rssBytes), remark];
}

function replicaText(replica: ReplicaStatus): string {
  const kind = replica.kind === 'read-write' ? '' : ` ${replica.kind}`;
  const state = replica.state === 'unknown' ? '' : ` ${replica.state}`;
  const lag = replica.lagSlots === null || replica.lagSlots === 0 ? '' : ` lag ${String(replica.lagSlots)}`;
  return `${String(replica.node)}${kind}${state}${lag}`;
}

function splitRow(split: SplitStatus): readonly string[] {
  const range = `${split.range.from === '' ? '(start)' : split.range.from} … ${split.range.to === '' ? '(end)' : split.range.to}`;
  return [String(split.id), split.database ?? '(metadata)', range, split.leader === null ? 'none' : String(split.leader), split.replicas.map(replicaText).join(', ')];
}

/** Calls of all nodes by priority; nothing when no client gave any. */
function callsText(nodes: readonly NodeReport[]): string {
  const sum = (of: keyof CallCounts): number => nodes.reduce((total, { calls }) => total + (calls?.[of] ?? 0), 0);
  const given = (['high', 'medium', 'low'] as const).map((priority) => ({ priority, count: sum(priority) }));
  if (given.every(({ count }) => count === 0)) return '';
  return `Calls by priority: ${given.map(({ priority, count }) => `${String(count)} ${priority}`).join(', ')}, ${String(sum('unspecified'))} without`;
}

export function formatStatus(status: ClusterStatus): string {
  const lines = [
    `Cluster ${status.clusterId} (${status.inMemory ? 'in memory' : status.dataDir}), supervisor pid ${String(status.supervisorPid)}`,
    `gRPC ${status.grpcAddress}, HTTP ${status.httpAddress}${status.ready ? '' : ', starting'}`,
    '',
    plainTable(['NODE', 'ZONE', 'REGION', 'PID', 'STATE', 'PEER ADDRESS', 'MEMORY', ''], status.nodes.map(nodeRow)),
    ...[callsText(status.nodes)].filter((text) => text !== ''),
    '',
    plainTable(['SPLIT', 'DATABASE', 'RANGE', 'LEADER', 'REPLICAS'], status.splits.map(splitRow)),
  ];
  if (status.splits.length < status.splitCount) lines.push(`(${String(status.splits.length)} of ${String(status.splitCount)} splits)`);
  return lines.join('\n');
}

export interface StatusOptions {
  readonly dataDir: string;
  readonly json: boolean;
  readonly watch: boolean;
}

const WATCH_INTERVAL_MILLIS = 1_000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

export async function runStatus(options: StatusOptions, output: Output, signal: AbortSignal): Promise<void> {
  for (;;) {
    const status = await askSupervisor(options.dataDir, { command: 'status' });
    // With --watch every JSON document is one line, so that a program can read them as they come.
    const text = options.json ? JSON.stringify(status, null, options.watch ? 0 : 2) : formatStatus(status);
    output.out(options.watch && !options.json ? `${CLEAR_SCREEN}${text}` : text);
    if (!options.watch) return;
    try {
      await sleep(WATCH_INTERVAL_MILLIS, undefined, { signal });
    } catch {
      return;
    }
  }
}

/** What a node says of itself: process, memory, and its replicas. */
import type { CallCounts, NodeAddress, NodeConfig, NodeStatus, ReplicaStatus, SplitStatus } from '../cli/process-contract.ts';
import { STATUS_SPLITS_MAX } from '../cli/process-contract.ts';
import type { HostedSplit } from '../splits/hosted.ts';
import type { NodeBackend } from './backend.ts';
import type { NodeCore } from './core.ts';
import { databaseNumberOf } from './keyspace.ts';
import { printKey } from './split-points.ts';

/** A member that has not answered for this long counts as unreachable, microseconds. */
const SILENT_MICROS = 2_000_000;

/** Learns the names of databases that were not used here yet, for the next status. */
function learnNames(core: NodeCore, backend: NodeBackend): void {
  const unknown = [...core.host.all()].some((hosted) => {
    const number = databaseNumberOf(hosted.descriptor().from);
    // The first database begins where the last split of a new cluster does, and lies in that one.
    return number > 0 && backend.catalog.numbered(number) === undefined;
  });
  if (unknown) backend.catalog.learnAll().catch((error: unknown) => core.env.log.debug('status.learnFailed', { error: String(error) }));
}

export function nodeStatus(config: NodeConfig, core: NodeCore, backend: NodeBackend, calls: CallCounts, state: NodeStatus['state']): NodeStatus {
  const own = config.nodes.find(({ id }) => id === config.nodeId) as NodeAddress;
  const memory = process.memoryUsage();
  if (state === 'ready') learnNames(core, backend);
  const splits = [...core.host.all()].sort((a, b) => a.split - b.split);
  return {
    nodeId: own.id,
    zone: own.zone,
    region: own.region,
    pid: process.pid,
    state,
    grpcAddress: config.grpcAddress,
    httpAddress: config.httpAddress,
    peerAddress: `${own.host}:${own.peerPort}`,
    memory: { rssBytes: memory.rss, heapUsedBytes: memory.heapUsed },
    calls,
    splits: splits.slice(0, STATUS_SPLITS_MAX).map((hosted) => splitStatus(core, backend, hosted)),
    splitCount: splits.length,
  };
}

function splitStatus(core: NodeCore, backend: NodeBackend, hosted: HostedSplit): SplitStatus {
  const { replica } = hosted;
  const { from, to } = hosted.descriptor();
  const database = backend.catalog.numbered(databaseNumberOf(from));
  const progress = replica.role === 'leader' ? replica.progress(core.host.instant()) : [];
  const replicas = replica.membership.members.map((member): ReplicaStatus => {
    const known = progress.find((other) => other.node === member.node);
    const base = { node: member.node, kind: member.kind };
    if (replica.role === 'leader' && member.node === core.self) return { ...base, state: 'leading', lagSlots: 0 };
    if (known === undefined) return { ...base, state: 'unknown', lagSlots: null };
    if (known.silentMicros > SILENT_MICROS) return { ...base, state: 'unreachable', lagSlots: known.lag };
    return { ...base, state: known.needsSnapshot ? 'catching-up' : 'following', lagSlots: known.lag };
  });
  const me = replica.membership.members.find((member) => member.node === core.self);
  return {
    id: hosted.split,
    range: { from: printKey(database, from), to: printKey(database, to) },
    database: database?.stored.name ?? null,
    leader: hosted.leaderHint() ?? null,
    role: me?.kind === 'read-only' ? 'learner' : replica.role,
    replicas,
  };
}

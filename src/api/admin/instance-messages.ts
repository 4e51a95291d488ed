/** google.spanner.admin.instance.v1.Instance and InstanceConfig of records. */
import type { InstanceConfigRecord, InstanceRecord } from '../backend.ts';
import { toTimestamp } from '../descriptor.ts';

export function instanceMessage(instance: InstanceRecord): Readonly<Record<string, unknown>> {
  return {
    name: instance.name,
    config: instance.config,
    displayName: instance.displayName,
    nodeCount: instance.nodeCount,
    processingUnits: instance.processingUnits,
    state: 'READY',
    instanceType: 'PROVISIONED',
    labels: instance.labels,
    ...(instance.edition === undefined ? {} : { edition: instance.edition }),
    ...(instance.autoscaling === undefined ? {} : { autoscalingConfig: instance.autoscaling }),
    createTime: toTimestamp(instance.createMicros),
    updateTime: toTimestamp(instance.updateMicros),
  };
}

const REPLICA_TYPES = { readWrite: 'READ_WRITE', readOnly: 'READ_ONLY', witness: 'WITNESS' } as const;

const QUORUMS = { region: 'REGION', dualRegion: 'DUAL_REGION', multiRegion: 'MULTI_REGION' } as const;

export function configMessage(project: string, config: InstanceConfigRecord): Readonly<Record<string, unknown>> {
  return {
    name: `${project}/instanceConfigs/${config.id}`,
    displayName: config.displayName,
    configType: 'GOOGLE_MANAGED',
    replicas: config.replicas.map(({ location, type, defaultLeader }) => ({ location, type: REPLICA_TYPES[type], defaultLeaderLocation: defaultLeader })),
    leaderOptions: config.leaderOptions,
    state: 'READY',
    freeInstanceAvailability: 'UNSUPPORTED',
    quorumType: QUORUMS[config.quorum],
  };
}

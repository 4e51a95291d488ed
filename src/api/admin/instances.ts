/** google.spanner.admin.instance.v1.InstanceAdmin. Source: spanner_instance_admin.proto. */
import { invalidArgument, notFound } from '../../base/errors.ts';
import type { Backend, InstanceRecord, OperationKind } from '../backend.ts';
import { EMPTY_MESSAGE } from '../call.ts';
import { codec } from '../descriptor.ts';
import { MAX_LABELS } from '../limits.ts';
import { checkConfig, checkInstance, checkLabels, checkProject, newInstanceName } from '../names.ts';
import { labelField, parseFilter, type Fields } from '../filter.ts';
import { configMessage, instanceMessage } from './instance-messages.ts';
import { encodeOperation, encodeOperations } from './operations.ts';
import { pageOf } from './paging.ts';

const PACKAGE = 'google.spanner.admin.instance.v1';
const UNITS_PER_NODE = 1000;
const MAX_DISPLAY_NAME_CHARS = 30;
const MAX_AUTOSCALING_CHARS = 10_000;
const DEFAULT_CONFIG_MARK = '/instanceConfigs/';

interface InstanceFields {
  readonly name: string;
  readonly config: string;
  readonly displayName: string;
  readonly nodeCount: number;
  readonly processingUnits: number;
  readonly autoscalingConfig: Readonly<Record<string, unknown>> | null;
  readonly edition: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Paged {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

const LIST_CONFIGS = codec<Paged>(`${PACKAGE}.ListInstanceConfigsRequest`);
const CONFIGS = codec(`${PACKAGE}.ListInstanceConfigsResponse`);
const GET_CONFIG = codec<{ name: string }>(`${PACKAGE}.GetInstanceConfigRequest`);
const CONFIG = codec(`${PACKAGE}.InstanceConfig`);
const LIST = codec<Paged & { readonly filter: string }>(`${PACKAGE}.ListInstancesRequest`);
const LISTED = codec(`${PACKAGE}.ListInstancesResponse`);
const GET = codec<{ name: string }>(`${PACKAGE}.GetInstanceRequest`);
const INSTANCE = codec(`${PACKAGE}.Instance`);
const LIST_CONFIG_OPERATIONS = codec<Paged & { readonly filter: string }>(`${PACKAGE}.ListInstanceConfigOperationsRequest`);
const CREATE = codec<{ parent: string; instanceId: string; instance: InstanceFields | null }>(`${PACKAGE}.CreateInstanceRequest`);
const UPDATE = codec<{ instance: InstanceFields | null; fieldMask: { paths: string[] } | null }>(`${PACKAGE}.UpdateInstanceRequest`);
const DELETE = codec<{ name: string }>(`${PACKAGE}.DeleteInstanceRequest`);

export function listInstanceConfigs(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = LIST_CONFIGS.decode(bytes);
  const project = checkProject(request.parent);
  const page = pageOf(request);
  const configs = [...backend.instances.configs()].sort((a, b) => (a.id < b.id ? -1 : 1)).filter((config) => config.id >= page.pageToken);
  const instanceConfigs = configs.slice(0, page.pageSize).map((config) => configMessage(project, config));
  return Promise.resolve(CONFIGS.encode({ instanceConfigs, nextPageToken: configs[page.pageSize]?.id ?? '' }));
}

export function getInstanceConfig(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { name } = GET_CONFIG.decode(bytes);
  checkConfig(name);
  const [project = '', id = ''] = name.split(DEFAULT_CONFIG_MARK);
  const config = backend.instances.configs().find((each) => each.id === id);
  if (config === undefined) throw notFound(`Instance config not found: ${name}`);
  return Promise.resolve(CONFIG.encode(configMessage(project, config)));
}

export async function listInstances(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = LIST.decode(bytes);
  const filter = parseFilter(request.filter);
  const page = await backend.instances.list(checkProject(request.parent), pageOf(request), (instance) => filter(fieldsOf(instance)));
  return LISTED.encode({ instances: page.items.map(instanceMessage), nextPageToken: page.nextPageToken ?? '' });
}

const fieldsOf =
  (instance: InstanceRecord): Fields =>
  (field) => {
    if (field === 'name') return instance.name;
    if (field === 'display_name' || field === 'displayName') return instance.displayName;
    if (field === 'config') return instance.config;
    if (field === 'state') return 'READY';
    return labelField(instance.labels, field);
  };

/** Instance configs cannot be made or changed, so that no operation has ever worked on one. */
export function listInstanceConfigOperations(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const request = LIST_CONFIG_OPERATIONS.decode(bytes);
  checkProject(request.parent);
  parseFilter(request.filter);
  pageOf(request);
  return encodeOperations(backend, `${PACKAGE}.ListInstanceConfigOperationsResponse`, [], '');
}

export async function getInstance(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { name } = GET.decode(bytes);
  return INSTANCE.encode(instanceMessage(await backend.instances.get(checkInstance(name))));
}

/** Capacity as nodes or as processing units, not both. */
function capacity(fields: InstanceFields): { nodeCount: number; processingUnits: number } {
  const { nodeCount, processingUnits } = fields;
  if (nodeCount < 0 || processingUnits < 0) throw invalidArgument('Capacity must not be negative.');
  if (nodeCount > 0 && processingUnits > 0) throw invalidArgument('Give either node_count or processing_units, not both.');
  const units = processingUnits > 0 ? processingUnits : nodeCount > 0 ? nodeCount * UNITS_PER_NODE : UNITS_PER_NODE;
  const step = units < UNITS_PER_NODE ? 100 : UNITS_PER_NODE;
  if (units % step !== 0) throw invalidArgument(`processing_units must be a multiple of ${String(step)}.`);
  return { nodeCount: Math.floor(units / UNITS_PER_NODE), processingUnits: units };
}

function editionOf({ edition }: InstanceFields): { edition?: string } {
  return edition === '' || edition === 'EDITION_UNSPECIFIED' ? {} : { edition };
}

/** Autoscaling is kept and shown; there is nothing here that it could scale. Capacity is then its lower limit. */
function autoscalingOf({ autoscalingConfig: config, nodeCount, processingUnits }: InstanceFields): { autoscaling?: Readonly<Record<string, unknown>> } {
  if (config === null) return {};
  if (nodeCount > 0 || processingUnits > 0) throw invalidArgument('Give either autoscaling_config, node_count or processing_units.');
  if (JSON.stringify(config).length > MAX_AUTOSCALING_CHARS) throw invalidArgument('The autoscaling_config is too large.');
  return { autoscaling: config };
}

function checkDisplayName(displayName: string): string {
  if (displayName.length > MAX_DISPLAY_NAME_CHARS) throw invalidArgument(`The display name has more than ${String(MAX_DISPLAY_NAME_CHARS)} characters.`);
  return displayName;
}

export async function createInstance(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { parent, instanceId, instance } = CREATE.decode(bytes);
  const name = newInstanceName(checkProject(parent), instanceId);
  if (instance === null) throw invalidArgument('CreateInstance needs an instance.');
  if (instance.name !== '' && instance.name !== name) throw invalidArgument(`The instance is named ${instance.name.slice(0, 200)}, not ${name}.`);
  checkConfig(instance.config);
  checkLabels(instance.labels, MAX_LABELS);
  const displayName = checkDisplayName(instance.displayName === '' ? instanceId.slice(0, MAX_DISPLAY_NAME_CHARS) : instance.displayName);
  const created = await backend.instances.create({ name, config: instance.config, displayName, labels: instance.labels, ...capacity(instance), ...editionOf(instance), ...autoscalingOf(instance) });
  return finished(backend, 'createInstance', created);
}

export async function updateInstance(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { instance, fieldMask } = UPDATE.decode(bytes);
  if (instance === null) throw invalidArgument('UpdateInstance needs an instance.');
  const name = checkInstance(instance.name);
  const paths = fieldMask?.paths ?? [];
  if (paths.length === 0) throw invalidArgument('UpdateInstance needs a field mask.');
  let change: Parameters<Backend['instances']['update']>[1] = {};
  for (const path of paths) {
    if (path === 'display_name' || path === 'displayName') change = { ...change, displayName: checkDisplayName(instance.displayName) };
    else if (path === 'labels') {
      checkLabels(instance.labels, MAX_LABELS);
      change = { ...change, labels: instance.labels };
    } else if (path === 'node_count' || path === 'nodeCount') change = { ...change, ...capacity({ ...instance, processingUnits: 0 }) };
    else if (path === 'processing_units' || path === 'processingUnits') change = { ...change, ...capacity({ ...instance, nodeCount: 0 }) };
    else if (path === 'edition') change = { ...change, ...editionOf(instance) };
    else if (path.startsWith('autoscaling_config') || path.startsWith('autoscalingConfig')) change = { ...change, ...autoscalingOf(instance) };
    else throw invalidArgument(`The field ${path.slice(0, 100)} of an instance cannot be updated.`);
  }
  return finished(backend, 'updateInstance', await backend.instances.update(name, change));
}

/** Instances are changed at once: the operation is done when it is answered. */
async function finished(backend: Backend, kind: OperationKind, instance: InstanceRecord): Promise<Buffer> {
  const operation = await backend.operations.record({
    operationId: undefined,
    kind,
    target: instance.name,
    statements: [],
    progress: [],
    commitTimestamps: [],
    startMicros: instance.updateMicros,
    endMicros: instance.updateMicros,
    cancelMicros: undefined,
    done: true,
    error: undefined,
  });
  return encodeOperation(backend, operation);
}

export async function deleteInstance(backend: Backend, bytes: Buffer): Promise<Buffer> {
  const { name } = DELETE.decode(bytes);
  await backend.instances.delete(checkInstance(name));
  return EMPTY_MESSAGE;
}

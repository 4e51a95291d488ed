/**
 * Reads the configuration of a node from JSON: from the supervisor, or from a file that a person wrote for `trestle node`.
 * Everything is checked, and an error names the field, what it must be, and what it was.
 */
import { LOG_LEVELS, type ListenAddress, type LogLevel, type NodeAddress, type NodeConfig, type NodeLimits } from './process-contract.ts';

export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

export const DEFAULT_LIMITS: NodeLimits = { cacheBytes: 48 * 1024 * 1024, queryMemoryBytes: 256 * 1024 * 1024, connectionsMax: 2_000 };
/** Nodes of one machine share its clock: the bound covers what reading it costs (node/clock.ts). */
export const DEFAULT_CLOCK_UNCERTAINTY_MICROS = 250;
/** Leases are made for clocks within this bound (paxos/tuning.ts). */
export const MAX_CLOCK_UNCERTAINTY_MICROS = 50_000;
export const DEFAULT_IDLE_TRANSACTION_MICROS = 10_000_000;
export const MIN_IDLE_TRANSACTION_MICROS = 100_000;
export const MAX_IDLE_TRANSACTION_MICROS = 86_400_000_000;

const NODES_MAX = 64;
const NODE_ID_MAX = 1023;

type Fields = Readonly<Record<string, unknown>>;

const show = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 100));

function fail(path: string, expected: string, value: unknown): never {
  throw new ConfigError(`Node configuration: "${path}" must be ${expected}; it is ${show(value)}.`);
}

function object(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(path, 'an object', value);
  return Object.fromEntries(Object.entries(value));
}

function text(fields: Fields, name: string, path: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') fail(path + name, 'a string that is not empty', value);
  return value;
}

function integer(fields: Fields, name: string, path: string, low: number, high: number): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < low || value > high) fail(path + name, `an integer from ${String(low)} to ${String(high)}`, value);
  return value;
}

function nodeAddress(value: unknown, path: string): NodeAddress {
  const fields = object(value, path);
  return {
    id: integer(fields, 'id', `${path}.`, 1, NODE_ID_MAX),
    zone: text(fields, 'zone', `${path}.`),
    region: text(fields, 'region', `${path}.`),
    host: text(fields, 'host', `${path}.`),
    peerPort: integer(fields, 'peerPort', `${path}.`, 1, 65_535),
  };
}

function listenAddress(value: unknown, path: string): ListenAddress {
  const fields = object(value, path);
  return { host: text(fields, 'host', `${path}.`), port: integer(fields, 'port', `${path}.`, 1, 65_535) };
}

function nodes(value: unknown, ownId: number): readonly NodeAddress[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > NODES_MAX) fail('nodes', `a list of 1 to ${String(NODES_MAX)} nodes`, value);
  const list = value.map((each: unknown, i) => nodeAddress(each, `nodes[${String(i)}]`));
  const ids = new Set(list.map((node) => node.id));
  if (ids.size !== list.length) fail('nodes', 'a list without the same id twice', list.map((node) => node.id));
  if (!ids.has(ownId)) fail('nodeId', 'the id of one of "nodes"', ownId);
  return list.toSorted((a, b) => a.id - b.id);
}

function logLevel(value: unknown): LogLevel {
  const level = LOG_LEVELS.find((each) => each === value);
  return level ?? fail('logLevel', `one of ${LOG_LEVELS.join(', ')}`, value);
}

function limits(value: unknown): NodeLimits {
  if (value === undefined) return DEFAULT_LIMITS;
  const fields = { ...DEFAULT_LIMITS, ...object(value, 'limits') };
  return {
    cacheBytes: integer(fields, 'cacheBytes', 'limits.', 0, 2 ** 40),
    queryMemoryBytes: integer(fields, 'queryMemoryBytes', 'limits.', 2 ** 20, 2 ** 40),
    connectionsMax: integer(fields, 'connectionsMax', 'limits.', 1, 1_000_000),
  };
}

/** Optional fields have the defaults of this file. */
export function parseNodeConfig(json: string): NodeConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new ConfigError(`Node configuration is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const fields = object(parsed, '(whole)');
  const clusterId = text(fields, 'clusterId', '');
  if (!/^[0-9a-f]{32}$/.test(clusterId)) fail('clusterId', '32 hexadecimal digits', clusterId);
  const nodeId = integer(fields, 'nodeId', '', 1, NODE_ID_MAX);
  const { dataDir, listen, founding } = fields;
  if (dataDir !== undefined && (typeof dataDir !== 'string' || dataDir === '')) fail('dataDir', 'a path, or absent for memory', dataDir);
  if (typeof founding !== 'boolean' && founding !== 'auto') fail('founding', 'true, false or "auto"', founding);
  return {
    clusterId,
    nodeId,
    nodes: nodes(fields['nodes'], nodeId),
    ...(dataDir === undefined ? {} : { dataDir }),
    founding,
    clockUncertaintyMicros: integer({ clockUncertaintyMicros: DEFAULT_CLOCK_UNCERTAINTY_MICROS, ...fields }, 'clockUncertaintyMicros', '', 0, MAX_CLOCK_UNCERTAINTY_MICROS),
    idleTransactionMicros: integer({ idleTransactionMicros: DEFAULT_IDLE_TRANSACTION_MICROS, ...fields }, 'idleTransactionMicros', '', MIN_IDLE_TRANSACTION_MICROS, MAX_IDLE_TRANSACTION_MICROS),
    grpcAddress: text(fields, 'grpcAddress', ''),
    httpAddress: text(fields, 'httpAddress', ''),
    ...(listen === undefined ? {} : { listen: parseListen(listen) }),
    logLevel: logLevel(fields['logLevel'] ?? 'info'),
    limits: limits(fields['limits']),
  };
}

function parseListen(value: unknown): NonNullable<NodeConfig['listen']> {
  const fields = object(value, 'listen');
  return { grpc: listenAddress(fields['grpc'], 'listen.grpc'), http: listenAddress(fields['http'], 'listen.http') };
}

/** DirectedReadOptions and QueryOptions: rare, and so decoded only where they are used. Source: spanner.proto. */
import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { ReplicaSelection } from '../../txn/types.ts';
import { ProtoReader } from './reader.ts';

const MAX_SELECTIONS = 10;
const MAX_LOCATION_CHARS = 100;
const REPLICA_TYPES = [undefined, 'read-write', 'read-only'] as const;

type Selection = ReplicaSelection['selections'][number];

function readSelection(reader: ProtoReader): Selection {
  let location = '';
  let type = 0;
  while (reader.next()) {
    if (reader.field === 1) location = reader.string();
    else if (reader.field === 2) type = reader.int32();
    else reader.skip();
  }
  if (type < 0 || type >= REPLICA_TYPES.length) throw invalidArgument('Unknown type in a replica selection.');
  if (location === '' && type === 0) throw invalidArgument('A replica selection must name a location or a type.');
  if (location.length > MAX_LOCATION_CHARS) throw invalidArgument('The location of a replica selection is too long.');
  return { location, type: REPLICA_TYPES[type] };
}

function readReplicas(reader: ProtoReader, kind: ReplicaSelection['kind']): ReplicaSelection {
  const selections: Selection[] = [];
  let failover = true;
  while (reader.next()) {
    if (reader.field === 1) selections.push(reader.message(readSelection));
    else if (reader.field === 2 && kind === 'include') failover = !reader.bool();
    else reader.skip();
  }
  if (selections.length === 0) throw invalidArgument('Directed read options must have at least one replica selection.');
  if (selections.length > MAX_SELECTIONS) throw invalidArgument(`Directed read options have at most ${String(MAX_SELECTIONS)} replica selections.`);
  return { kind, selections, failover };
}

/** undefined when none were given. */
export function decodeDirectedRead(bytes: Uint8Array): ReplicaSelection | undefined {
  if (bytes.length === 0) return undefined;
  const reader = new ProtoReader(bytes);
  let selection: ReplicaSelection | undefined;
  while (reader.next()) {
    const kind = reader.field === 1 ? 'include' : reader.field === 2 ? 'exclude' : undefined;
    if (kind === undefined) reader.skip();
    else if (selection !== undefined) throw invalidArgument('Directed read options either include or exclude replicas, not both.');
    else selection = reader.message((inner) => readReplicas(inner, kind));
  }
  return selection;
}

export const directedReadInReadWrite = (): Error => failedPrecondition('Directed reads can only be used in read-only transactions.');

const MAX_OPTIMIZER_VERSION = 8;

/** There is one optimizer: versions are checked, and make no difference. */
export function checkQueryOptions(bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const reader = new ProtoReader(bytes);
  let version = '';
  let statistics = '';
  while (reader.next()) {
    if (reader.field === 1) version = reader.string();
    else if (reader.field === 2) statistics = reader.string();
    else reader.skip();
  }
  const known = version === '' || version === 'latest' || version === 'default' || (/^[1-9]\d?$/.test(version) && Number(version) <= MAX_OPTIMIZER_VERSION);
  if (!known) throw invalidArgument(`Query optimizer version: ${version.slice(0, 50)} is not supported.`);
  if (statistics !== '' && statistics !== 'latest' && !/^auto_\w{1,100}$/.test(statistics)) throw invalidArgument(`Query optimizer statistics package: ${statistics.slice(0, 100)} does not exist.`);
}

/** One row, or a hundred in a row: commits, reads, SQL. */
import { randomInt, type Workload } from '../harness/workload.ts';

/** Keys of new rows: far above those that are there. */
const NEW_KEYS = 1_000_000_000;
const NEW_KEY_RANGE = 2 ** 40;
const SCANNED = 100;

export const POINTS: readonly Workload[] = [
  { name: 'insert', about: 'commit of one new row of 256 bytes', operation: (client) => () => client.insert(NEW_KEYS + randomInt(NEW_KEY_RANGE)) },
  { name: 'update', about: 'update of one row', operation: (client, { rows }) => (client.update === undefined ? undefined : async () => client.update?.(randomInt(rows))) },
  { name: 'read', about: 'strong read of one row', operation: (client, { rows }) => (client.read === undefined ? undefined : async () => client.read?.(randomInt(rows))) },
  {
    name: 'stale',
    about: 'stale read of one row at the node that is asked',
    operation: (client, { rows }) => (client.staleRead === undefined ? undefined : async () => client.staleRead?.(randomInt(rows))),
  },
  {
    name: 'scan',
    about: `scan of ${String(SCANNED)} rows`,
    operation: (client, { rows }) => (client.scan === undefined ? undefined : async () => client.scan?.(randomInt(rows - SCANNED), SCANNED)),
  },
  {
    name: 'select',
    about: 'SQL SELECT of one row by key',
    operation: (client, { rows }) => (client.select === undefined ? undefined : async () => client.select?.(randomInt(rows))),
  },
  {
    name: 'dml',
    about: 'SQL UPDATE of one row, and its commit',
    operation: (client, { rows }) => (client.dml === undefined ? undefined : async () => client.dml?.(randomInt(rows))),
  },
];

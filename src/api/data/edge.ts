/** What the handlers of the data plane share: the cluster, the transactions of this node, the clock, and sessions looked up. */
import type { Logger } from '../../base/env.ts';
import type { Backend, DatabaseHandle, SessionRecord } from '../backend.ts';
import { sessionNotFound } from '../messages.ts';
import { databaseOfSession } from '../names.ts';
import type { TransactionRegistry } from '../registry.ts';
import type { PartitionedDmlRuns } from './partitioned-dml.ts';
import type { SessionCalls } from './session-calls.ts';

export interface Edge {
  readonly backend: Backend;
  readonly registry: TransactionRegistry;
  readonly partitionedDml: PartitionedDmlRuns;
  readonly sessionCalls: SessionCalls;
  readonly log: Logger;
  /** Wall time in microseconds since the epoch. */
  readonly nowMicros: () => number;
  /** Makes the ids of read-only transactions differ. */
  readonly nextNumber: () => number;
}

export interface OpenSession {
  readonly session: SessionRecord;
  readonly database: DatabaseHandle;
}

export async function openSession(edge: Edge, name: string): Promise<OpenSession> {
  const databaseName = databaseOfSession(name);
  const found = edge.backend.sessions.get(name);
  const session = found instanceof Promise ? await found : found;
  if (session === undefined) throw sessionNotFound(name);
  return { session, database: await edge.backend.open(databaseName) };
}

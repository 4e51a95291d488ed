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

/** Without a promise where this node knows both. */
export function openSession(edge: Edge, name: string): OpenSession | Promise<OpenSession> {
  const databaseName = databaseOfSession(name);
  const session = edge.backend.sessions.get(name);
  if (session instanceof Promise) return session.then((found) => opened(edge, name, found, databaseName));
  return opened(edge, name, session, databaseName);
}

function opened(edge: Edge, name: string, session: SessionRecord | undefined, databaseName: string): OpenSession | Promise<OpenSession> {
  if (session === undefined) throw sessionNotFound(name);
  const database = edge.backend.open(databaseName);
  return database instanceof Promise ? database.then((found) => ({ session, database: found })) : { session, database };
}

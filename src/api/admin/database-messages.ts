/** google.spanner.admin.database.v1.Database of a record. */
import type { DatabaseRecord } from '../backend.ts';
import { toTimestamp } from '../descriptor.ts';

export function databaseMessage(database: DatabaseRecord): Readonly<Record<string, unknown>> {
  return {
    name: database.name,
    state: database.state === 'ready' ? 'READY' : 'CREATING',
    createTime: toTimestamp(database.createMicros),
    versionRetentionPeriod: database.versionRetentionPeriod,
    earliestVersionTime: toTimestamp(database.earliestVersionMicros),
    defaultLeader: database.defaultLeader,
    databaseDialect: database.dialect === 'postgreSql' ? 'POSTGRESQL' : 'GOOGLE_STANDARD_SQL',
    enableDropProtection: database.dropProtection,
  };
}

/** Errors that the edge itself raises, with the codes that Cloud Spanner gives them. */
import { failedPrecondition, invalidArgument, notFound, type TrestleError } from '../base/errors.ts';

const SESSION_TYPE = 'type.googleapis.com/google.spanner.v1.Session';
const DATABASE_TYPE = 'type.googleapis.com/google.spanner.admin.database.v1.Database';
const INSTANCE_TYPE = 'type.googleapis.com/google.spanner.admin.instance.v1.Instance';

function missing(what: string, resourceType: string, name: string, description: string): TrestleError {
  return notFound(`${what} not found: ${name}`, [{ kind: 'resourceInfo', resourceType, resourceName: name, description }]);
}

/** Clients look for the text `Session not found` and for the resource type. */
export const sessionNotFound = (name: string): TrestleError => missing('Session', SESSION_TYPE, name, 'Session does not exist.');
export const databaseNotFound = (name: string): TrestleError => missing('Database', DATABASE_TYPE, name, 'Database does not exist.');
export const instanceNotFound = (name: string): TrestleError => missing('Instance', INSTANCE_TYPE, name, 'Instance does not exist.');
export const operationNotFound = (name: string): TrestleError => notFound(`Operation not found: ${name}`);

export const transactionNotFound = (): TrestleError => notFound('Transaction not found in this session.');
export const invalidTransactionId = (): TrestleError => invalidArgument('The transaction id is not one that this database has given out.');
export const transactionEnded = (): TrestleError =>
  failedPrecondition('The transaction has been committed or rolled back; it takes no more reads, queries or DML.');
export const transactionClosed = (): TrestleError =>
  failedPrecondition('The transaction was closed because its session went on with a newer transaction.');
export const transactionFailed = (): TrestleError =>
  failedPrecondition('The transaction takes no more reads or queries, because a constraint was violated in it. Roll it back.');
export const lastStatementRan = (): TrestleError =>
  failedPrecondition('The transaction takes no more statements after the one marked as its last. Commit it or roll it back.');
export const commitOfReadOnly = (): TrestleError => failedPrecondition('Cannot commit or roll back a read-only or partitioned DML transaction.');
export const commitAfterRollback = (): TrestleError => failedPrecondition('Cannot commit a transaction after it has been rolled back.');
export const rollbackAfterCommit = (): TrestleError => failedPrecondition('Cannot roll back a transaction after it has been committed.');
export const modeRequired = (): TrestleError => invalidArgument('TransactionOptions must name a mode: read_write, read_only or partitioned_dml.');
export const dmlNeedsReadWrite = (): TrestleError => invalidArgument('DML statements can only be performed in a read-write or partitioned-dml transaction.');
export const dmlInSingleUse = (): TrestleError => invalidArgument('DML statements may not be performed in single-use transactions, to avoid replay.');
export const readInPartitionedDml = (): TrestleError => invalidArgument('A partitioned DML transaction can only run one UPDATE or DELETE statement.');
export const seqnoOutOfOrder = (seqno: number): TrestleError =>
  invalidArgument(`Sequence number ${String(seqno)} is out of order: it must be larger than those of earlier DML statements of the transaction.`);
export const seqnoReused = (seqno: number): TrestleError => invalidArgument(`Sequence number ${String(seqno)} was already used for a different request.`);

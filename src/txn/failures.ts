/** What a participant's call can fail with, besides an error for the client. */
import { Code, TrestleError } from '../base/errors.ts';
import type { WriteConflict } from './types.ts';

/** A commit or prepare whose precondition failed. The transaction is over, its locks are released. */
export class WriteConflictError extends TrestleError {
  readonly conflict: WriteConflict;

  constructor(conflict: WriteConflict) {
    super(conflict.kind === 'exists' ? Code.ALREADY_EXISTS : Code.NOT_FOUND, conflict.kind === 'exists' ? 'Row already exists' : 'Row not found');
    this.conflict = conflict;
  }
}

/** This replica cannot lead now: the caller should look for the leader again. The call may or may not have taken effect. */
export class NotLeading extends Error {}

/** The split was cut since its caller looked: part of what the transaction read or writes may lie elsewhere now. */
export class RangeMoved extends Error {}

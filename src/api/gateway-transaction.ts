/**
 * A read-write transaction at its gateway, as clients see it: what it still accepts, what it answers to a repeated call.
 *
 * Once it has ended it stays known for a while, because clients repeat calls: a repeated Commit answers as the first
 * did, a repeated DML statement (same sequence number, same request) has its first result. A constraint that was
 * violated ends it for everything but Rollback, and Commit and DML repeat that error. ABORTED ends it likewise.
 */
import { aborted, Code, TrestleError } from '../base/errors.ts';
import type { CommitResult, ReadWriteTransaction } from '../txn/types.ts';
import type { DatabaseHandle, SessionRecord } from './backend.ts';
import { TransactionMeter } from './data/meter.ts';
import { MAX_REPLAY_ROWS } from './limits.ts';
import { lastStatementRan, seqnoOutOfOrder, seqnoReused, transactionClosed, transactionEnded, transactionFailed } from './messages.ts';
import type { DmlResult, PreparedStatement } from './sql.ts';
import { cleanTag, type TransactionEnd } from './statistics.ts';

export type GatewayState =
  | { readonly kind: 'active' }
  /** `outcome` is there before the commit is: a repeated Commit waits for the first. */
  | { readonly kind: 'committing'; readonly outcome: Promise<CommitAnswer> }
  | { readonly kind: 'rolledBack' }
  /** Its session, which takes one transaction at a time, has gone on with another. */
  | { readonly kind: 'superseded' }
  /** A constraint was violated. */
  | { readonly kind: 'failed'; readonly error: TrestleError }
  | { readonly kind: 'aborted'; readonly error: TrestleError };

export interface CommitAnswer extends CommitResult {
  /** undefined when another node had to be asked for the outcome. */
  readonly mutationCount: number | undefined;
}

export interface StatementOutcome {
  readonly statement: PreparedStatement;
  readonly result: DmlResult;
}

/** One DML request: a statement, or a batch. */
interface Reply {
  readonly fingerprint: string;
  /** undefined once it was given up to bound memory. */
  answer: Promise<unknown> | undefined;
  rows: number;
}

/** Codes of a DML statement that was interrupted: the transaction may succeed when it is begun anew. Others would come again. */
const INTERRUPTIONS: ReadonlySet<Code> = new Set([Code.ABORTED, Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED]);

/** What was thrown was not about the statement, but about the moment. */
export function isInterruption(failure: unknown): boolean {
  if (failure instanceof TrestleError) return INTERRUPTIONS.has(failure.code);
  return failure instanceof Error && failure.name === 'AbortError';
}

/** How it was begun, for the statistics. */
export interface TransactionBeginning {
  readonly tag: string;
  readonly repeatableRead: boolean;
  /** It takes over the age of one that was aborted. */
  readonly retries: boolean;
}

export class GatewayTransaction {
  /** As clients hold it. */
  readonly id: Buffer;
  readonly session: SessionRecord;
  readonly database: DatabaseHandle;
  readonly transaction: ReadWriteTransaction;
  state: GatewayState = { kind: 'active' };
  mutationCount = 0;
  readonly meter = new TransactionMeter();
  private readonly beginMicros: number;
  private begun: TransactionBeginning;
  private reported = false;
  /** Calls that are running: the transaction is not idle meanwhile. */
  running = 0;
  lastUseMicros: number;
  /** A statement marked as the last one has run. */
  private closedForStatements = false;
  private precommitSequence = 0;
  private highestSeqno = 0;
  private readonly replies = new Map<number, Reply>();
  private replyRows = 0;
  private statements: Promise<unknown> = Promise.resolve();

  constructor(id: Buffer, session: SessionRecord, database: DatabaseHandle, transaction: ReadWriteTransaction, nowMicros: number, begun: TransactionBeginning) {
    this.id = id;
    this.beginMicros = nowMicros;
    this.begun = begun;
    this.session = session;
    this.database = database;
    this.transaction = transaction;
    this.lastUseMicros = nowMicros;
  }

  /** Clients name the tag with their statements and the commit, and not always when they begin. */
  noteTag(tag: string): void {
    if (this.begun.tag === '' && tag !== '') this.begun = { ...this.begun, tag: cleanTag(tag) };
  }

  /** Reports the end to the statistics, the first time that this is called. */
  reportEnd(ending: TransactionEnd['ending'], nowMicros: number, commitMicros = 0): void {
    if (this.reported) return;
    this.reported = true;
    const { footprints, writes, deletedRows } = this.meter;
    this.database.statistics.transaction({
      ...this.begun, footprints, writes, deletedRows, ending, commitMicros,
      participants: this.transaction.participants ?? 0,
      totalMicros: nowMicros - this.beginMicros,
    });
  }

  get active(): boolean {
    return this.state.kind === 'active';
  }

  /** Throws unless the transaction takes statements. */
  checkOpen(use: 'read' | 'dml'): void {
    const state = this.state;
    if (state.kind === 'active') {
      if (this.closedForStatements) throw lastStatementRan();
      return;
    }
    if (state.kind === 'aborted') throw state.error;
    if (state.kind === 'failed') throw use === 'dml' ? state.error : transactionFailed();
    throw state.kind === 'superseded' ? transactionClosed() : transactionEnded();
  }

  closeForStatements(): void {
    this.closedForStatements = true;
  }

  /** The number of the next MultiplexedSessionPrecommitToken. */
  nextPrecommitSequence(): number {
    return ++this.precommitSequence;
  }

  /**
   * Takes in an error of an operation of this transaction. ABORTED ends it. A DML statement that failed may have written
   * a part of its rows, so it ends it too: by its own error when that would come again, by ABORTED when not.
   */
  noteError(failure: unknown, use: 'read' | 'dml'): void {
    if (this.state.kind !== 'active') return;
    if (failure instanceof TrestleError && failure.code === Code.ABORTED) this.state = { kind: 'aborted', error: failure };
    else if (this.transaction.state === 'aborted') this.state = { kind: 'aborted', error: aborted('The transaction was aborted.') };
    else if (use === 'read') return;
    else if (isInterruption(failure)) this.abort('The transaction was aborted: a statement in it was interrupted.');
    else this.fail(failure instanceof TrestleError ? failure : new TrestleError(Code.INTERNAL, 'A statement of the transaction failed.'));
  }

  /** Nothing but Rollback can follow, so the locks go now; the rollback is not waited for. */
  fail(violation: TrestleError): void {
    this.state = { kind: 'failed', error: violation };
    this.transaction.rollback().catch(() => undefined);
  }

  /** Ends the transaction so that the client begins it anew. Answers the error to throw. */
  abort(reason: string): TrestleError {
    const abortion = aborted(reason);
    this.state = { kind: 'aborted', error: abortion };
    this.transaction.rollback().catch(() => undefined);
    return abortion;
  }

  /**
   * Runs DML once per sequence number, one request at a time. The same number with the same request has the first
   * answer; with another request, or a number below one already used, INVALID_ARGUMENT. 0 is no number: always run.
   */
  runOnce<T>(seqno: number, fingerprint: string, run: () => Promise<T>, rowsOf: (answer: T) => number): Promise<T> {
    const earlier = seqno > 0 ? this.replies.get(seqno) : undefined;
    if (earlier !== undefined) {
      if (earlier.fingerprint !== fingerprint) throw seqnoReused(seqno);
      if (earlier.answer === undefined) throw aborted('The first result of this statement is no longer kept.');
      return earlier.answer as Promise<T>;
    }
    this.checkOpen('dml');
    if (seqno > 0 && seqno < this.highestSeqno) throw seqnoOutOfOrder(seqno);
    const answer = this.statements.then(run);
    this.statements = answer.catch(() => undefined);
    if (seqno <= 0) return answer;
    this.highestSeqno = seqno;
    const reply: Reply = { fingerprint, answer, rows: 0 };
    this.replies.set(seqno, reply);
    answer.then(
      (value) => this.keep(reply, rowsOf(value)),
      (error: unknown) => {
        // The transaction has ended: a repeat must hear ABORTED and not UNAVAILABLE, which it would try again for ever.
        if (isInterruption(error)) this.replies.delete(seqno);
      },
    );
    return answer;
  }

  /** Bounds the rows kept: the oldest results go first, and a repeat of those statements is then ABORTED. */
  private keep(reply: Reply, rows: number): void {
    reply.rows = rows;
    this.replyRows += rows;
    for (const old of this.replies.values()) {
      if (this.replyRows <= MAX_REPLAY_ROWS || old === reply) return;
      this.replyRows -= old.rows;
      old.rows = 0;
      old.answer = undefined;
    }
  }

  /** Resolves when the DML that was handed in has run. */
  settled(): Promise<unknown> {
    return this.statements;
  }

  forgetReplies(): void {
    this.replies.clear();
  }
}

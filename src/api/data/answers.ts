/** A run of a statement or read made into its answer: one ResultSet, or a stream of PartialResultSets. */
import { cancelled, failedPrecondition } from '../../base/errors.ts';
import type { Signal } from '../../base/signal.ts';
import { MAX_UNARY_RESULT_BYTES } from '../limits.ts';
import { ResultStream } from '../result-stream.ts';
import { encodeResumeToken, type ResumePoint } from '../resume.ts';
import { LIST_VALUES_TAG, RowEncoder } from '../wire/cells.ts';
import { writeMetadata, writePrecommitToken, writeStats } from '../wire/results.ts';
import { ProtoWriter } from '../wire/writer.ts';
import type { AnswerMeter } from './meter.ts';
import type { Run } from './statement-run.ts';

const ROWS_FIELD = 2;
const STATS_FIELD = 3;
const PRECOMMIT_FIELD = 5;

export async function answerAtOnce(run: Run, meter: AnswerMeter, signal: Signal): Promise<Buffer> {
  let isHeard = false;
  try {
    const writer = new ProtoWriter();
    writeMetadata(writer, run.metadata);
    const encoder = new RowEncoder(run.metadata.columns);
    let rowCount = 0;
    for (let batch = await run.next(); batch !== undefined; batch = await run.next()) {
      for (const row of batch) {
        const start = writer.begin(ROWS_FIELD);
        encoder.write(writer, LIST_VALUES_TAG, row);
        writer.end(start);
        rowCount++;
        if (writer.size > MAX_UNARY_RESULT_BYTES) {
          throw failedPrecondition('The result is larger than 10 MiB. Use the streaming method.');
        }
      }
    }
    const stats = run.stats(rowCount);
    if (stats !== undefined) writeStats(writer, STATS_FIELD, stats);
    if (run.precommit !== undefined) writePrecommitToken(writer, PRECOMMIT_FIELD, run.precommit);
    meter.rows = rowCount;
    meter.bytes = writer.size;
    isHeard = !signal.aborted;
    return writer.finish();
  } finally {
    if (!isHeard) run.abandon?.();
    await run.close();
  }
}

/** A run on its way out, and what is to be done when it has ended: well, with an error, or because the client takes no more. */
export interface Answering {
  readonly run: Run;
  readonly fingerprint: number;
  readonly resume: ResumePoint | undefined;
  readonly meter: AnswerMeter;
}

/**
 * The answer of a streaming method: begun when the first set is asked for. No generator: most answers are one set, and
 * each level of generators costs more than that.
 */
export class AnswerStream implements AsyncIterableIterator<Buffer, undefined> {
  private readonly start: () => Promise<Answering>;
  private readonly ended: (error?: unknown) => void;
  private readonly nowMicros: () => number;
  private answering: Answering | undefined;
  private sets: ResultStream | undefined;
  private isHeard = false;
  private isOver = false;
  private pending: Promise<unknown> | undefined;
  private yieldedAt = 0;

  /** `ended` is called once, with the error if there was one. */
  constructor(nowMicros: () => number, start: () => Promise<Answering>, ended: (error?: unknown) => void) {
    this.nowMicros = nowMicros;
    this.start = start;
    this.ended = ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.isOver) return Promise.resolve(OVER);
    const step = this.step();
    this.pending = step;
    return step;
  }

  private async step(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      if (this.sets === undefined) await this.begin();
      else this.taken();
      const set = await this.sets?.next();
      if (set === undefined) {
        await this.finish(undefined);
        return OVER;
      }
      if (this.answering !== undefined) this.answering.meter.bytes += set.length;
      this.yieldedAt = this.nowMicros();
      return { done: false, value: set };
    } catch (error) {
      if (!this.isOver) await this.finish(error);
      throw error;
    }
  }

  /** The client takes no more. What is under way ends first, as in a generator: it may only now begin what has to be closed. */
  async return(): Promise<IteratorResult<Buffer, undefined>> {
    await this.pending?.catch(() => undefined);
    if (!this.isOver) await this.finish(cancelled('The client takes no more of the answer.'));
    return OVER;
  }

  private async begin(): Promise<void> {
    const answering = await this.start();
    this.answering = answering;
    const { run, fingerprint, resume, meter } = answering;
    const { readTimestamp, begunId: transactionId } = run;
    // Of a transaction that goes on the client has the id.
    this.isHeard = resume !== undefined;
    const firstRow = resume?.before ?? 0;
    // Where a stream that is resumed would go on: behind the batch before the one that is going out.
    let mark = { after: resume?.after, before: firstRow };
    let answered = firstRow;
    this.sets = new ResultStream({
      metadata: run.metadata,
      next: async () => {
        const after = run.lastKey();
        if (after !== undefined) mark = { after, before: answered };
        const batch = await run.next();
        answered += batch?.length ?? 0;
        return batch;
      },
      firstRow,
      skipRows: resume?.rows ?? 0,
      skipChunks: resume?.chunks ?? 0,
      token: (rows, chunks) => (run.resumable ? encodeResumeToken(fingerprint, { rows, chunks, ...mark, readTimestamp, transactionId }) : undefined),
      stats: (rowCount) => {
        meter.rows = rowCount - (resume?.rows ?? 0);
        return run.stats(rowCount);
      },
      precommit: run.precommit,
    });
  }

  /** The set before has gone out. */
  private taken(): void {
    this.isHeard = true;
    if (this.answering !== undefined) this.answering.meter.clientWaitMicros += this.nowMicros() - this.yieldedAt;
  }

  private async finish(error: unknown): Promise<void> {
    this.isOver = true;
    const run = this.answering?.run;
    try {
      if (!this.isHeard) run?.abandon?.();
      await run?.close();
    } finally {
      this.ended(error);
    }
  }
}

const OVER: IteratorResult<Buffer, undefined> = { done: true, value: undefined };

/** A run of a statement or read made into its answer: one ResultSet, or a stream of PartialResultSets. */
import { failedPrecondition } from '../../base/errors.ts';
import type { Signal } from '../../base/signal.ts';
import { MAX_UNARY_RESULT_BYTES } from '../limits.ts';
import { resultStream } from '../result-stream.ts';
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

export async function* answerInSets(run: Run, fingerprint: number, resume: ResumePoint | undefined, meter: AnswerMeter, nowMicros: () => number): AsyncGenerator<Buffer, void, undefined> {
  const { readTimestamp, begunId: transactionId } = run;
  // Of a transaction that goes on the client has the id.
  let isHeard = resume !== undefined;
  const firstRow = resume?.before ?? 0;
  // Where a stream that is resumed would go on: behind the batch before the one that is going out.
  let mark = { after: resume?.after, before: firstRow };
  let answered = firstRow;
  const next = async (): Promise<Awaited<ReturnType<Run['next']>>> => {
    const after = run.lastKey();
    if (after !== undefined) mark = { after, before: answered };
    const batch = await run.next();
    answered += batch?.length ?? 0;
    return batch;
  };
  const token = (rows: number, chunks: number): Buffer | undefined =>
    run.resumable ? encodeResumeToken(fingerprint, { rows, chunks, ...mark, readTimestamp, transactionId }) : undefined;
  try {
    const sets = resultStream({
      metadata: run.metadata,
      next,
      firstRow,
      skipRows: resume?.rows ?? 0,
      skipChunks: resume?.chunks ?? 0,
      token,
      stats: (rowCount) => {
        meter.rows = rowCount - (resume?.rows ?? 0);
        return run.stats(rowCount);
      },
      precommit: run.precommit,
    });
    for await (const set of sets) {
      meter.bytes += set.length;
      const before = nowMicros();
      yield set;
      isHeard = true;
      meter.clientWaitMicros += nowMicros() - before;
    }
  } finally {
    if (!isHeard) run.abandon?.();
    await run.close();
  }
}

/**
 * Rows as a stream of PartialResultSets. Sets hold about 1 MiB; a row that is larger begins a set of its own and is cut
 * into pieces. Every set ends with a resume token; the last one is marked and carries the statistics. There is always
 * at least one set, because the client needs the metadata. Source: result_set.proto, PartialResultSet.
 *
 * One finished set is held back, since only the end of the rows shows whether it is the last.
 */
import type { SqlRow } from './sql.ts';
import { EAGER_SET_BYTES, RESULT_SET_BYTES } from './limits.ts';
import { RowEncoder, SET_VALUES_TAG, writeWireValue } from './wire/cells.ts';
import { cutRow } from './wire/chunks.ts';
import { writeMetadata, writePrecommitToken, writeStats, type ResultMetadata, type ResultStats } from './wire/results.ts';
import { ProtoWriter } from './wire/writer.ts';

const CHUNKED_FIELD = 3;
const TOKEN_FIELD = 4;
const STATS_FIELD = 5;
const PRECOMMIT_FIELD = 8;
const LAST_FIELD = 9;

export interface ResultStreamSpec {
  readonly metadata: ResultMetadata;
  /** Batches of rows; undefined at the end. */
  readonly next: () => Promise<readonly SqlRow[] | undefined>;
  /** Rows before the first that `next` answers, which it leaves out. */
  readonly firstRow: number;
  /** Rows, those before `firstRow` among them, and pieces of the row after them, that the client already has. */
  readonly skipRows: number;
  readonly skipChunks: number;
  /** The token that says that the client has `rows` rows and `chunks` pieces of the next; undefined for no tokens. */
  readonly token: (rows: number, chunks: number) => Buffer | undefined;
  /** Called at the end. */
  readonly stats: (rowCount: number) => ResultStats | undefined;
  /** Sequence number of the precommit token; undefined for none. */
  readonly precommit: number | undefined;
}

class SetBuilder {
  private readonly spec: ResultStreamSpec;
  private readonly encoder: RowEncoder;
  private readonly writer = new ProtoWriter();
  /** Rows that the sets made so far complete, those of earlier streams included. */
  private rows: number;
  private setHasRows = false;
  readonly finished: Buffer[] = [];

  constructor(spec: ResultStreamSpec) {
    this.spec = spec;
    this.rows = spec.firstRow;
    this.encoder = new RowEncoder(spec.metadata.columns);
    writeMetadata(this.writer, spec.metadata);
  }

  addRow(row: SqlRow): void {
    if (this.rows < this.spec.skipRows) {
      this.rows++;
      return;
    }
    const resumesHere = this.rows === this.spec.skipRows && this.spec.skipChunks > 0;
    const start = this.writer.size;
    this.encoder.write(this.writer, SET_VALUES_TAG, row);
    if (this.writer.size - start > RESULT_SET_BYTES || resumesHere) {
      this.writer.truncate(start);
      this.addPieces(row, resumesHere ? this.spec.skipChunks : 0);
    } else if (this.writer.size > RESULT_SET_BYTES && this.setHasRows) {
      const bytes = this.writer.slice(start);
      this.writer.truncate(start);
      this.finishSet(0);
      this.writer.raw(bytes);
      this.setHasRows = true;
      this.rows++;
    } else {
      this.setHasRows = true;
      this.rows++;
    }
  }

  private addPieces(row: SqlRow, skip: number): void {
    if (this.setHasRows) this.finishSet(0);
    const pieces = [...cutRow(this.encoder.toWire(row), RESULT_SET_BYTES)];
    for (const [i, piece] of pieces.entries()) {
      if (i < skip) continue;
      for (const value of piece.values) {
        this.writer.byte(SET_VALUES_TAG);
        writeWireValue(this.writer, value);
      }
      this.writer.bool(CHUNKED_FIELD, piece.chunked);
      if (i === pieces.length - 1) {
        this.rows++;
        this.finishSet(0);
      } else this.finishSet(i + 1);
    }
  }

  endOfBatch(): void {
    if (this.setHasRows && this.writer.size >= EAGER_SET_BYTES) this.finishSet(0);
  }

  private finishSet(chunks: number): void {
    const token = this.spec.token(this.rows, chunks);
    if (token !== undefined) this.writer.bytes(TOKEN_FIELD, token);
    this.finished.push(this.writer.finish());
    this.writer.reset();
    this.setHasRows = false;
  }

  /** The last set, made of the one held back and what has been written since. */
  end(held: Buffer | undefined): Buffer[] {
    const out: Buffer[] = [];
    if (held !== undefined && this.writer.size === 0) this.writer.raw(held);
    else {
      if (held !== undefined) out.push(held);
      const token = this.spec.token(this.rows, 0);
      if (token !== undefined) this.writer.bytes(TOKEN_FIELD, token);
    }
    const stats = this.spec.stats(this.rows);
    if (stats !== undefined) writeStats(this.writer, STATS_FIELD, stats);
    if (this.spec.precommit !== undefined) writePrecommitToken(this.writer, PRECOMMIT_FIELD, this.spec.precommit);
    this.writer.bool(LAST_FIELD, true);
    out.push(this.writer.finish());
    return out;
  }
}

export class ResultStream {
  private readonly spec: ResultStreamSpec;
  private readonly builder: SetBuilder;
  private batch: readonly SqlRow[] = [];
  private at = 0;
  private held: Buffer | undefined;
  /** To be answered, in order. */
  private ready: Buffer[] = [];
  private ended = false;

  constructor(spec: ResultStreamSpec) {
    this.spec = spec;
    this.builder = new SetBuilder(spec);
  }

  /** The next set; undefined behind the last. */
  async next(): Promise<Buffer | undefined> {
    while (this.ready.length === 0 && !this.ended) {
      if (this.at < this.batch.length) this.encode();
      else {
        const batch = await this.spec.next();
        if (batch === undefined) this.end();
        else {
          this.batch = batch;
          this.at = 0;
        }
      }
    }
    return this.ready.shift();
  }

  /** Goes on with the batch, until there is something to answer: a batch of large rows is not all in memory twice. */
  private encode(): void {
    while (this.at < this.batch.length && this.ready.length === 0) {
      this.builder.addRow(this.batch[this.at++] as SqlRow);
      if (this.builder.finished.length > 1) this.release();
    }
    if (this.at < this.batch.length) return;
    this.builder.endOfBatch();
    this.release();
  }

  private release(): void {
    for (const set of this.builder.finished.splice(0)) {
      if (this.held !== undefined) this.ready.push(this.held);
      this.held = set;
    }
  }

  private end(): void {
    this.ended = true;
    this.ready = this.builder.end(this.held);
  }
}

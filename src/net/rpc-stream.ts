/**
 * The two ends of a stream of chunks. The consumer grants credit, one unit a chunk; the producer asks its source for the
 * next chunk only while it has credit. So at most `window` chunks are held between source and consumer.
 */
import type { TrestleError } from '../base/errors.ts';

export interface ConsumerLink {
  credit(count: number): void;
  cancel(): void;
}

type Result = IteratorResult<Buffer, undefined>;
const DONE: Result = { done: true, value: undefined };

interface Waiter {
  resolve(result: Result): void;
  reject(error: TrestleError): void;
}

/** The consumer's end. `next` gives chunks in order, then `done`; it throws the producer's or the network's error. One `next` at a time. */
export class RpcStream implements AsyncIterableIterator<Buffer, undefined> {
  private readonly link: ConsumerLink;
  private readonly window: number;
  private readonly chunks: Buffer[] = [];
  private waiter: Waiter | undefined;
  private ended = false;
  private error: TrestleError | undefined;
  /** Chunks consumed for which no credit has been given back yet. */
  private owed = 0;

  constructor(window: number, link: ConsumerLink) {
    this.window = window;
    this.link = link;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const chunk = this.chunks.shift();
    if (chunk !== undefined) {
      this.giveBack();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.ended) {
      const error = this.error;
      this.error = undefined;
      return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
    }
    if (this.waiter !== undefined) return Promise.reject(new TypeError('a second next() while one is waiting'));
    return new Promise<Result>((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  /** Ends the stream early: the producer is cancelled. Idempotent. */
  return(): Promise<Result> {
    if (!this.ended) {
      this.end(undefined);
      this.link.cancel();
    }
    this.chunks.length = 0;
    return Promise.resolve(DONE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** A chunk arrived. False when the producer sent more than it had credit for. */
  push(chunk: Buffer): boolean {
    if (this.ended) return true;
    const waiter = this.waiter;
    if (waiter === undefined) return this.chunks.push(chunk) <= this.window;
    this.waiter = undefined;
    this.giveBack();
    waiter.resolve({ done: false, value: chunk });
    return true;
  }

  /** Nothing more will arrive. */
  end(error: TrestleError | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    const waiter = this.waiter;
    if (waiter === undefined) return;
    this.waiter = undefined;
    this.error = undefined;
    if (error === undefined) waiter.resolve(DONE);
    else waiter.reject(error);
  }

  /** Credit goes back in halves of the window: one message for several chunks, and the producer never runs dry. */
  private giveBack(): void {
    this.owed++;
    if (this.ended || this.owed * 2 < this.window) return;
    this.link.credit(this.owed);
    this.owed = 0;
  }
}

export interface ProducerLink {
  chunk(chunk: Uint8Array): void;
  end(error: unknown): void;
}

/** The producer's end: pulls from the source while there is credit. */
export class StreamProducer {
  private readonly link: ProducerLink;
  private available: number;
  private source: AsyncIterator<Uint8Array> | undefined;
  private pulling = false;
  private stopped = false;

  constructor(credit: number, link: ProducerLink) {
    this.available = credit;
    this.link = link;
  }

  start(source: AsyncIterable<Uint8Array>): void {
    this.source = source[Symbol.asyncIterator]();
    this.pull();
  }

  credit(count: number): void {
    this.available += count;
    this.pull();
  }

  /** The consumer is gone: the source is closed and nothing more is sent. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    // A source that fails while closing has nobody left to tell.
    this.source?.return?.().then(undefined, () => undefined);
  }

  private pull(): void {
    if (this.pulling || this.stopped || this.available <= 0 || this.source === undefined) return;
    this.pulling = true;
    this.source.next().then(
      (result) => {
        this.pulling = false;
        this.pulled(result);
        return undefined;
      },
      (error: unknown) => {
        this.pulling = false;
        if (this.stopped) return;
        this.stopped = true;
        this.link.end(error);
      },
    );
  }

  private pulled(result: IteratorResult<Uint8Array>): void {
    if (this.stopped) return;
    if (result.done === true) {
      this.stopped = true;
      this.link.end(undefined);
      return;
    }
    this.available--;
    this.link.chunk(result.value);
    this.pull();
  }
}

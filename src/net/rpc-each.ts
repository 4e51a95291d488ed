/**
 * Several calls of one method to one node, which travel as one: what is open of them at the caller, and the answers that
 * gather at the callee. Whatever is answered in the same turn goes back in one message; who has to wait holds nobody back.
 */
import { TrestleError, resourceExhausted } from '../base/errors.ts';
import { MAX_PAYLOAD_BYTES } from './limits.ts';
import type { EachAnswer } from './rpc-wire.ts';

/** Called once for each call, with its place among them. */
export type OnAnswer = (index: number, answer: Buffer | TrestleError) => void;

/** A message of answers that has grown to this is sent, and another one begun. */
const FULL_BYTES = 1 << 20;
const ANSWER_OVERHEAD_BYTES = 16;

/** At the caller. */
export class OpenCalls {
  private readonly onAnswer: OnAnswer;
  private readonly answered: boolean[];
  private left: number;

  constructor(count: number, onAnswer: OnAnswer) {
    this.onAnswer = onAnswer;
    this.answered = Array.from({ length: count }, () => false);
    this.left = count;
  }

  /** True when it was the last. An answer to nothing, or a second one, says nothing. */
  take(index: number, answer: Buffer | TrestleError): boolean {
    if (this.answered[index] === false) {
      this.answered[index] = true;
      this.left--;
      this.onAnswer(index, answer);
    }
    return this.left === 0;
  }

  /** Ends what has no answer yet. */
  fail(error: TrestleError): void {
    for (let index = 0; index < this.answered.length; index++) this.take(index, error);
  }
}

/** At the callee. */
export class GatheredAnswers {
  private readonly send: (answers: readonly EachAnswer[], isLast: boolean) => void;
  private ready: EachAnswer[] = [];
  private left: number;
  private isFlushing = false;

  constructor(count: number, send: (answers: readonly EachAnswer[], isLast: boolean) => void) {
    this.left = count;
    this.send = send;
  }

  add(index: number, answer: Buffer | TrestleError): void {
    const tooLong = !(answer instanceof TrestleError) && answer.length + ANSWER_OVERHEAD_BYTES > MAX_PAYLOAD_BYTES;
    this.ready.push({ index, answer: tooLong ? resourceExhausted(`answer of ${answer.length} bytes exceeds ${MAX_PAYLOAD_BYTES}`) : answer });
    this.left--;
    if (this.isFlushing) return;
    this.isFlushing = true;
    // Answers that wait for the same thing come in one row of microtasks.
    queueMicrotask(() => {
      this.isFlushing = false;
      this.flush();
    });
  }

  private flush(): void {
    const { ready } = this;
    this.ready = [];
    let from = 0;
    let bytes = 0;
    for (let i = 0; i < ready.length; i++) {
      const answer = ready[i]?.answer;
      const size = answer instanceof Uint8Array ? answer.length : 0;
      if (i > from && bytes + size > FULL_BYTES) {
        this.send(ready.slice(from, i), false);
        from = i;
        bytes = 0;
      }
      bytes += size;
    }
    this.send(from === 0 ? ready : ready.slice(from), this.left === 0);
  }
}

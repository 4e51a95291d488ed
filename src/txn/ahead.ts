/**
 * A range read ahead of its reader: parts of it that lie in different splits are asked for at the same time, and the next
 * answers are on their way while the reader works on one. Answers are handed out in the order of the scan.
 *
 * For reads that leave nothing behind where they are served, and for those of which the reader will want everything, since
 * locks are for what it has seen. What is read ahead is bounded in bytes, and by how much the reader has taken, unless it is known to want everything: one
 * that stops after a few rows has caused no more than a few answers, and those under way are given up.
 */
import { cancelled } from '../base/errors.ts';
import type { Key } from '../base/ids.ts';
import { FollowingSignal, type Signal } from '../base/signal.ts';
import { intersect } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import { AnswerCursor, type FetchBatch } from './cursor.ts';
import type { ScanSpec } from './protocol.ts';
import type { KeyRange, Portion, PortionCursor, RangeReadOptions } from './types.ts';

/** Parts of the range, each within a split, that are asked at the same time. */
const MAX_PARTS = 8;
/** Answers ahead of the reader: their bytes, and how many when it is not known to want everything. */
const MAX_AHEAD_BYTES = 2 * 1024 * 1024;
const MAX_AHEAD_ANSWERS = 16;
/** What an answer that is not there yet is taken for, at first, and at least. */
const FIRST_ANSWER_BYTES = 128 * 1024;
const ANSWER_BYTES = 256;
const NOTHING: KeyRange = { from: '' as Key, to: '' as Key };

export type FetchAhead = (split: SplitDescriptor, spec: ScanSpec, signal: Signal | undefined) => ReturnType<FetchBatch>;

/** Answers of a range, read ahead as far as the options and the reader allow it. `isHeld`: what is read is locked, or must be unchanged later. */
export function answersOf(router: Router, range: KeyRange, options: RangeReadOptions, fragment: Uint8Array, isHeld: boolean, fetch: (split: SplitDescriptor, spec: ScanSpec, options: RangeReadOptions) => ReturnType<FetchBatch>): PortionCursor {
  const { readAhead, limit = Infinity } = options;
  const mayReadAhead = limit === Infinity && (readAhead === 'everything' || (readAhead === 'growing' && !isHeld));
  if (!mayReadAhead) return new AnswerCursor(router, range, options, fragment, (split, spec) => fetch(split, spec, options));
  return new AheadCursor(router, range, options, fragment, (split, spec, signal) => fetch(split, spec, signal === undefined ? options : { ...options, signal }));
}

/** Part of the range, with the answers that were not taken yet, in order. */
class Part {
  readonly answers: { readonly portion: Portion; readonly bytes: number }[] = [];
  isEnd = false;
  failure: { readonly error: unknown } | undefined;
  /** The answer that is on its way. */
  asked: Promise<void> | undefined;
  private readonly cursor: AnswerCursor;

  constructor(cursor: AnswerCursor) {
    this.cursor = cursor;
  }

  get canAsk(): boolean {
    return !this.isEnd && this.failure === undefined && this.asked === undefined;
  }

  /** Never rejects. */
  ask(came: (bytes: number) => void): void {
    const keep = (portion: Portion | undefined): void => {
      if (portion === undefined) this.isEnd = true;
      else {
        const bytes = portion.rows.reduce((sum, { key, record }) => sum + key.length + record.length, ANSWER_BYTES);
        this.answers.push({ portion, bytes });
        came(bytes);
      }
    };
    this.asked = this.cursor.next().then(keep).catch((error: unknown) => void (this.failure = { error })).finally(() => (this.asked = undefined));
  }
}

export class AheadCursor implements PortionCursor {
  private readonly router: Router;
  private readonly options: RangeReadOptions;
  private readonly fragment: Uint8Array;
  private readonly fetch: FetchBatch;
  /** Gives up what is under way; made when something is read ahead. */
  private stop: FollowingSignal | undefined;
  /** What no part has been made of. */
  private rest: KeyRange;
  private readonly parts: Part[] = [];
  private bytes = 0;
  private answerBytes = FIRST_ANSWER_BYTES;
  private taken = 0;
  private isClosed = false;

  constructor(router: Router, range: KeyRange, options: RangeReadOptions, fragment: Uint8Array, fetch: FetchAhead) {
    this.router = router;
    this.rest = range;
    this.options = options;
    this.fragment = fragment;
    this.fetch = (split, spec) => fetch(split, spec, this.signal());
  }

  async next(): Promise<Portion | undefined> {
    while (!this.isClosed) {
      const part = this.parts[0] ?? (await this.open());
      if (part === undefined) return undefined;
      if (part.answers.length === 0 && part.canAsk) this.ask(part);
      await this.readAhead();
      if (part.answers.length === 0) await part.asked;
      const answer = part.answers.shift();
      if (answer !== undefined) {
        this.bytes -= answer.bytes;
        this.taken++;
        // The next one is asked for before the reader works on this one.
        await this.readAhead();
        return answer.portion;
      }
      if (part.failure !== undefined && !this.isClosed) throw part.failure.error;
      if (part.isEnd) this.parts.shift();
    }
    return undefined;
  }

  private signal(): Signal | undefined {
    const { signal: outer, readAhead } = this.options;
    if (this.stop === undefined && this.taken < 2 && readAhead !== 'everything') return outer;
    this.stop ??= new FollowingSignal(outer);
    return this.stop;
  }

  private ask(part: Part): void {
    part.ask((bytes) => {
      this.bytes += bytes;
      this.answerBytes = bytes;
    });
  }

  /** Asks for as much as may be ahead now. Waits for nothing but the places of splits. */
  private async readAhead(): Promise<void> {
    // First those that have nothing, so that many splits are at work; then more of the same.
    for (const part of this.parts) if (part.canAsk && part.answers.length === 0 && this.room() > 0) this.ask(part);
    while (this.parts.length < MAX_PARTS && this.room() > 0) {
      const part = await this.open();
      if (part === undefined) break;
      this.ask(part);
    }
    for (const part of this.parts) if (part.canAsk && this.room() > 0) this.ask(part);
  }

  /** How many more answers may be asked for. The one that the reader waits for counts, too. */
  private room(): number {
    const asked = this.parts.reduce((n, part) => n + (part.asked === undefined ? 0 : 1), 0);
    const held = this.parts.reduce((n, part) => n + part.answers.length, 0);
    const byBytes = Math.floor((MAX_AHEAD_BYTES - this.bytes) / this.answerBytes) - asked;
    return this.options.readAhead === 'everything' ? byBytes : Math.min(byBytes, Math.min(this.taken - 1, MAX_AHEAD_ANSWERS) - asked - held);
  }

  /** The next part of the range. */
  private async open(): Promise<Part | undefined> {
    const next = this.options.within?.find((part) => part.to > this.rest.from);
    if (this.options.within !== undefined) this.rest = (next && intersect({ from: next.from, to: this.rest.to }, this.rest)) ?? NOTHING;
    const { from, to } = this.rest;
    if (from >= to || this.isClosed) return undefined;
    const reverse = this.options.reverse === true;
    const located = this.router.locate(reverse ? to : from, reverse);
    const range = intersect(located instanceof Promise ? await located : located, this.rest);
    if (range === undefined) return undefined;
    this.rest = reverse ? { from, to: range.from } : { from: range.to, to };
    const part = new Part(new AnswerCursor(this.router, range, this.options, this.fragment, this.fetch));
    this.parts.push(part);
    return part;
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.parts.length = 0;
    this.rest = NOTHING;
    this.stop?.abort(cancelled('The scan was closed.'));
    this.stop?.release();
    return Promise.resolve();
  }
}

/**
 * One answer to a scan, or to a read by key: rows of the engine as of a timestamp, or what a fragment makes of them. It is bounded by what it
 * returns and by what it looks at, so that a condition which few rows meet neither keeps others waiting nor the reader.
 */
import type { Key, Timestamp } from '../base/ids.ts';
import { scanAt, scanRangesAt } from '../storage/mvcc.ts';
import type { Engine } from '../storage/types.ts';
import { MAX_ANSWER_BYTES, MAX_ANSWER_ROWS, MAX_GET_BYTES, MAX_LOOKED_BYTES, MAX_LOOKED_ROWS } from './limits.ts';
import type { GetAnswer, GetRequest, ScanAnswer, ScanSpec } from './protocol.ts';
import { PagedLook } from './paged-look.ts';
import type { Fragment, FragmentCompiler, FragmentResult, Row } from './types.ts';

export type Collected = Omit<ScanAnswer, 'token'>;

/** Rows that a scan reads at first, not knowing how large they are. */
const FIRST_SCAN_ROWS = 128;
/** Rows put through a fragment in one turn of the event loop. */
const LOOK_ROWS = 1024;

export function collect(engine: Engine, spec: ScanSpec, at: Timestamp, compile: FragmentCompiler): Promise<Collected> {
  if (spec.fragment.length === 0) return spec.within.length > 0 ? collectWithin(engine, spec, at, new PlainRows(spec)) : collectRows(engine, spec, at);
  const fragment = compile(spec.fragment, { rows: Math.min(spec.limit, MAX_ANSWER_ROWS), bytes: MAX_ANSWER_BYTES });
  return spec.within.length > 1 || spec.each > 0 || spec.within[0]?.tag !== undefined ? collectWithin(engine, spec, at, fragment) : collectThrough(engine, { ...spec, ...spec.within[0] }, at, fragment);
}

/** Rows as they are. */
class PlainRows implements Fragment {
  private readonly rows: Row[] = [];
  private readonly limit: number;
  private bytes = 0;

  constructor({ limit }: Pick<ScanSpec, 'limit'>) {
    this.limit = Math.min(limit, MAX_ANSWER_ROWS);
  }

  get given(): number {
    return this.rows.length;
  }

  get isFull(): boolean {
    return this.rows.length >= this.limit || this.bytes >= MAX_ANSWER_BYTES;
  }

  look(key: Key, record: Uint8Array): void {
    this.rows.push({ key, record });
    this.bytes += key.length + record.length;
  }

  skipTo(): undefined {
    return undefined;
  }

  finish(): FragmentResult {
    return { rows: this.rows, scanned: this.rows.length };
  }
}

/** Of several ranges, of each of which some rows may be enough. */
async function collectWithin(engine: Engine, { within, each }: ScanSpec, at: Timestamp, fragment: Fragment): Promise<Collected> {
  const cursor = scanRangesAt(engine, within, at);
  let range = 0;
  let givenBefore = 0;
  let last: Key | undefined;
  let looked = 0;
  let bytes = 0;
  const isEnough = (): boolean => each > 0 && fragment.given - givenBefore >= each;
  const answer = (done: boolean): Collected => ({ ...fragment.finish(), last, done });
  const enter = (): void => fragment.enter?.(within[range]?.tag ?? 0);
  enter();
  try {
    for (;;) {
      const batch = await cursor.next(LOOK_ROWS);
      if (batch.length === 0) return answer(true);
      for (const { key, record } of batch) {
        while (key >= (within[range]?.to ?? '')) {
          range++;
          givenBefore = fragment.given;
          enter();
        }
        if (isEnough()) continue;
        last = key;
        looked++;
        bytes += key.length + record.length;
        fragment.look(key, record);
        if (fragment.isFull) return answer(false);
      }
      if (looked >= MAX_LOOKED_ROWS || bytes >= MAX_LOOKED_BYTES) return answer(false);
      const next = isEnough() ? within[range]?.to : last === undefined ? undefined : fragment.skipTo(last);
      if (next !== undefined) cursor.skipTo(next);
    }
  } finally {
    await cursor.close();
  }
}

async function collectRows(engine: Engine, spec: ScanSpec, at: Timestamp): Promise<Collected> {
  const limit = Math.min(spec.limit, MAX_ANSWER_ROWS);
  const cursor = scanAt(engine, spec.from, spec.to, at, { reverse: spec.reverse });
  const rows: Row[] = [];
  let bytes = 0;
  const answer = (done: boolean): Collected => ({ rows, scanned: rows.length, last: rows.at(-1)?.key, done });
  try {
    for (;;) {
      const fitting = bytes === 0 ? FIRST_SCAN_ROWS : Math.ceil(((MAX_ANSWER_BYTES - bytes) * rows.length) / bytes);
      const batch = await cursor.next(Math.min(limit - rows.length, fitting));
      if (batch.length === 0) return answer(true);
      for (const { key, record } of batch) {
        rows.push({ key, record });
        bytes += key.length + record.length;
        if (bytes >= MAX_ANSWER_BYTES) return answer(false);
      }
      if (rows.length >= limit) return answer(false);
    }
  } finally {
    await cursor.close();
  }
}

async function collectThrough(engine: Engine, spec: ScanSpec, at: Timestamp, fragment: Fragment): Promise<Collected> {
  if (fragment.pages !== undefined && !spec.reverse) {
    const look = new PagedLook(engine, spec, at, fragment, fragment.pages);
    const done = await look.run();
    return { ...fragment.finish(), last: look.last, done };
  }
  const cursor = scanAt(engine, spec.from, spec.to, at, { reverse: spec.reverse });
  let last: Key | undefined;
  let looked = 0;
  let bytes = 0;
  const answer = (done: boolean): Collected => ({ ...fragment.finish(), last, done });
  try {
    for (;;) {
      const fitting = looked === 0 ? FIRST_SCAN_ROWS : Math.ceil((MAX_ANSWER_BYTES * looked) / bytes);
      const batch = await cursor.next(Math.min(LOOK_ROWS, fitting));
      if (batch.length === 0) return answer(true);
      for (const { key, record } of batch) {
        last = key;
        bytes += key.length + record.length;
        fragment.look(key, record);
        if (fragment.isFull) return answer(false);
      }
      looked += batch.length;
      if (looked >= MAX_LOOKED_ROWS || bytes >= MAX_LOOKED_BYTES) return answer(false);
      const next = spec.reverse || last === undefined ? undefined : fragment.skipTo(last);
      if (next === undefined) continue;
      if (next >= spec.to) return answer(true);
      cursor.skipTo(next);
    }
  } finally {
    await cursor.close();
  }
}

/** The answer to a read by key, which is given the records of the keys in their order until it is full. */
export class Gathering {
  private readonly keys: readonly Key[];
  private readonly fragment: Fragment | undefined;
  private readonly records: (Uint8Array | undefined)[] = [];
  private scanned = 0;
  private bytes = 0;

  constructor({ keys, fragment }: Pick<GetRequest, 'keys' | 'fragment'>, compile: FragmentCompiler) {
    this.keys = keys;
    this.fragment = fragment.length === 0 ? undefined : compile(fragment, { rows: keys.length, bytes: MAX_GET_BYTES });
  }

  /** The key whose record is to be given next; undefined when it is full. */
  next(): Key | undefined {
    const isFull = this.fragment === undefined ? this.bytes >= MAX_GET_BYTES : this.fragment.isFull || this.bytes >= MAX_LOOKED_BYTES;
    return isFull ? undefined : this.keys[this.records.length];
  }

  take(key: Key, record: Uint8Array | undefined): void {
    this.records.push(this.fragment === undefined ? record : undefined);
    if (record === undefined) return;
    this.scanned++;
    this.bytes += record.length;
    this.fragment?.look(key, record);
  }

  finish(): GetAnswer {
    const { records, fragment, scanned } = this;
    if (fragment === undefined) return { records, scanned };
    const kept = new Map(fragment.finish().rows.map((row) => [row.key, row.record]));
    return { records: records.map((_, i) => kept.get(this.keys[i] as Key)), scanned };
  }
}

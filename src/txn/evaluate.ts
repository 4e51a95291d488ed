/**
 * Turns a transaction's writes, in their order, into physical writes: what each key holds afterwards. Runs at the leader
 * under exclusive locks, so the newest versions cannot change meanwhile. Preconditions are checked here.
 */
import { latestVersion, scanLatest } from '../storage/mvcc.ts';
import { encodeRecord, hasPlaceholder, mergeRecord, resolveCommitTimestamps } from '../storage/record.ts';
import { SortedMap } from '../storage/sorted.ts';
import type { Engine } from '../storage/types.ts';
import type { Key, Timestamp } from '../base/ids.ts';
import { invalidArgument } from '../base/errors.ts';
import type { PhysicalWrite } from './commands.ts';
import { MAX_ENTRY_BYTES, MAX_SPLIT_BYTES, MAX_TRANSACTION_BYTES } from './limits.ts';
import type { Span } from './locks.ts';
import type { KeyRange, WriteConflict, WriteOp } from './types.ts';

/** `bytes`: what the writes, and what was read beside them, take in the log. */
export interface EvaluatedWrites {
  readonly writes: readonly PhysicalWrite[];
  readonly bytes: number;
}
export type Evaluated = EvaluatedWrites | { readonly conflict: WriteConflict };

/** What the writes touch, in key order, each key once. */
export function spansOf(ops: readonly WriteOp[]): Span[] {
  const [first] = ops;
  // Most commits by far.
  if (first !== undefined && ops.length === 1) return [first.kind === 'deleteRange' ? { from: first.from, to: first.to } : { from: first.key, to: undefined }];
  const keys = new Set<Key>();
  const spans: Span[] = [];
  for (const op of ops) {
    if (op.kind === 'deleteRange') spans.push({ from: op.from, to: op.to });
    else keys.add(op.key);
  }
  for (const key of keys) spans.push({ from: key, to: undefined });
  return spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
}

/** Bytes that a write takes in a command beside its key and record, at most. */
const WRITE_OVERHEAD_BYTES = 16;

/** Cloud Spanner's words for a commit that is too large. */
export const tooLarge = (): Error =>
  invalidArgument(`The transaction exceeds the maximum total bytes-size that can be handled by Spanner. Please reduce the size or number of the writes, or use fewer indexes. (Maximum size: ${MAX_TRANSACTION_BYTES})`);

/** Synchronous unless a range is deleted. Throws INVALID_ARGUMENT when the writes, or one row, or `reads`, are more than may be logged. */
export function evaluate(engine: Engine, ops: readonly WriteOp[], reads: readonly Span[] = []): Evaluated | Promise<Evaluated> {
  const hasRanges = ops.some((op) => op.kind === 'deleteRange');
  const readBytes = spanBytes(reads);
  if (readBytes > MAX_ENTRY_BYTES) throw invalidArgument(`The transaction reads too many rows by key in one split: their keys have ${readBytes} bytes, of at most ${MAX_ENTRY_BYTES}. Read ranges, or in a read-only transaction.`);
  const pending = new Pending(engine, readBytes, hasRanges);
  return hasRanges ? evaluateWithRanges(engine, ops, pending) : evaluatePoints(ops, pending);
}

/** What reads take in the same log entry. */
function spanBytes(spans: readonly Span[]): number {
  let bytes = 0;
  for (const { from, to } of spans) bytes += from.length + (to?.length ?? 0) + WRITE_OVERHEAD_BYTES;
  return bytes;
}

/** The rows as the writes so far leave them. */
class Pending {
  private readonly engine: Engine;
  readonly rows = new Map<Key, Uint8Array | undefined>();
  /** Those that are there, in order, when ranges of them may be deleted. */
  private readonly present: SortedMap<true> | undefined;
  /** Those that were looked for, and have neither a version nor a tombstone. */
  private absent: Set<Key> | undefined;
  private bytes: number;

  constructor(engine: Engine, bytes: number, hasRanges: boolean) {
    this.engine = engine;
    this.bytes = bytes;
    this.present = hasRanges ? new SortedMap() : undefined;
  }

  read(key: Key): Uint8Array | undefined {
    if (this.rows.has(key)) return this.rows.get(key);
    const version = latestVersion(this.engine, key);
    if (version === undefined) (this.absent ??= new Set()).add(key);
    return version?.record;
  }

  set(key: Key, record: Uint8Array | undefined): void {
    this.bytes += (record?.length ?? 0) + (this.rows.has(key) ? -(this.rows.get(key)?.length ?? 0) : key.length + WRITE_OVERHEAD_BYTES);
    if (this.bytes > MAX_SPLIT_BYTES) throw tooLarge();
    if (record !== undefined && record.length > MAX_ENTRY_BYTES) throw invalidArgument(`A row has ${record.length} bytes; at most ${MAX_ENTRY_BYTES} are allowed.`);
    this.rows.set(key, record);
    if (record === undefined) this.present?.delete(key);
    else this.present?.set(key, true);
  }

  clear(range: KeyRange): void {
    if (this.present === undefined) return;
    const found: Key[] = [];
    for (const walk = this.present.walk(range.from, range.to, false); walk.key !== undefined; walk.advance()) found.push(walk.key as Key);
    for (const key of found) this.set(key, undefined);
  }

  /** Applies one write to one key; the conflict if its precondition does not hold. */
  apply(op: Exclude<WriteOp, { kind: 'deleteRange' }>): WriteConflict | undefined {
    switch (op.kind) {
      case 'insert':
        if (this.read(op.key) !== undefined) return { kind: 'exists', key: op.key };
        this.set(op.key, encodeRecord(op.cells));
        return undefined;
      case 'update': {
        const existing = this.read(op.key);
        if (existing === undefined) return { kind: 'missing', key: op.key };
        this.set(op.key, mergeRecord(existing, op.cells));
        return undefined;
      }
      case 'upsert': {
        const existing = this.read(op.key);
        this.set(op.key, existing === undefined ? encodeRecord(op.cells) : mergeRecord(existing, op.cells));
        return undefined;
      }
      case 'put':
        this.set(op.key, encodeRecord(op.cells));
        return undefined;
      case 'delete':
        this.set(op.key, undefined);
        return undefined;
      default:
        return op satisfies never;
    }
  }

  evaluated(): EvaluatedWrites {
    const out: PhysicalWrite[] = [];
    for (const [key, record] of this.rows) {
      // Deleting what was never there needs no tombstone.
      if (record === undefined && latestVersion(this.engine, key)?.record === undefined) continue;
      out.push({ key, record, isNew: this.absent?.has(key) === true });
    }
    return { writes: out, bytes: this.bytes };
  }
}

function evaluatePoints(ops: readonly WriteOp[], pending: Pending): Evaluated {
  for (const op of ops) {
    if (op.kind === 'deleteRange') continue;
    const conflict = pending.apply(op);
    if (conflict !== undefined) return { conflict };
  }
  return pending.evaluated();
}

async function evaluateWithRanges(engine: Engine, ops: readonly WriteOp[], pending: Pending): Promise<Evaluated> {
  for (const op of ops) {
    if (op.kind === 'deleteRange') {
      pending.clear(op);
      for await (const key of scanLatest(engine, op.from, op.to)) if (!pending.rows.has(key)) pending.set(key, undefined);
      continue;
    }
    const conflict = pending.apply(op);
    if (conflict !== undefined) return { conflict };
  }
  return pending.evaluated();
}

/** The writes with the placeholder of the commit timestamp filled in. */
export function withCommitTimestamp(writes: readonly PhysicalWrite[], at: Timestamp): readonly PhysicalWrite[] {
  if (!writes.some(({ record }) => record !== undefined && hasPlaceholder(record))) return writes;
  return writes.map((write) => (write.record === undefined ? write : { ...write, record: resolveCommitTimestamps(write.record, at) }));
}

/**
 * A transaction's own writes, laid over what it reads: read-your-writes (invariant: a later read of the transaction sees
 * its buffered rows and index entries, and nobody else does).
 */
import type { Key } from '../base/ids.ts';
import { encodeRecord, mergeRecord } from '../storage/record.ts';
import { SortedMap } from '../storage/sorted.ts';
import { keyAfter } from '../splits/ranges.ts';
import type { KeyRange, WriteConflict, WriteOp } from './types.ts';

type PointOp = Exclude<WriteOp, { kind: 'deleteRange' }>;

/** What is known of one key: a base (undefined: whatever the database has) and the writes since. */
interface KeyWrites {
  /** True: the base is "no row", because a range delete covered the key. */
  readonly cleared: boolean;
  readonly ops: PointOp[];
}

/** Whether the outcome of a write does not depend on what was there (given that its precondition holds). */
const determines = (op: PointOp): boolean => op.kind === 'insert' || op.kind === 'put' || op.kind === 'delete';

export class Overlay {
  /** The first write, which nothing has looked at yet: most transactions have no other. */
  private first: WriteOp | undefined;
  private written: SortedMap<KeyWrites> | undefined;
  /** Ranges that were deleted, joined where they meet: where each ends, by its beginning. */
  private ranges: SortedMap<Key> | undefined;

  get isEmpty(): boolean {
    return this.first === undefined && this.keys.size === 0 && this.deleted.size === 0;
  }

  private get keys(): SortedMap<KeyWrites> {
    this.addFirst();
    return (this.written ??= new SortedMap());
  }

  private get deleted(): SortedMap<Key> {
    this.addFirst();
    return (this.ranges ??= new SortedMap());
  }

  private addFirst(): void {
    const { first } = this;
    if (first === undefined) return;
    this.first = undefined;
    this.addNow(first);
  }

  /** The conflict with an earlier write of the same transaction, if its precondition is known not to hold. */
  add(op: WriteOp): WriteConflict | undefined {
    if (this.written !== undefined || this.ranges !== undefined || this.first !== undefined) return this.addNow(op);
    this.first = op;
    return undefined;
  }

  private addNow(op: WriteOp): WriteConflict | undefined {
    if (op.kind === 'deleteRange') {
      for (const key of this.keysIn(op, false)) this.keys.set(key, { cleared: true, ops: [] });
      this.deleteRange(op);
      return undefined;
    }
    const writes = this.keys.get(op.key) ?? { cleared: this.isDeleted(op.key), ops: [] };
    const known = this.resolve(writes, undefined);
    if (known !== undefined && op.kind === 'insert' && known.record !== undefined) return { kind: 'exists', key: op.key };
    if (known !== undefined && op.kind === 'update' && known.record === undefined) return { kind: 'missing', key: op.key };
    writes.ops.push(op);
    this.keys.set(op.key, writes);
    return undefined;
  }

  /** Whether the row at `key` is known without asking the database; then `record` is it. */
  known(key: Key): { readonly record: Uint8Array | undefined } | undefined {
    const writes = this.keys.get(key);
    if (writes !== undefined) return this.resolve(writes, undefined);
    return this.isDeleted(key) ? { record: undefined } : undefined;
  }

  /** The row at `key`, given what the database has. */
  over(key: Key, base: Uint8Array | undefined): Uint8Array | undefined {
    const writes = this.keys.get(key);
    if (writes !== undefined) return this.resolve(writes, { record: base })?.record;
    return this.isDeleted(key) ? undefined : base;
  }

  /** Whether the row at the key may be other than the database has it. */
  holds(key: Key): boolean {
    return this.keys.has(key) || this.isDeleted(key);
  }

  /** Whether rows of the range may be other than the database has them. */
  touches(range: KeyRange): boolean {
    if (this.keys.walk(range.from, range.to, false).key !== undefined) return true;
    return this.isDeleted(range.from) || this.deleted.walk(range.from, range.to, false).key !== undefined;
  }

  /** Keys written in the range, in order. */
  keysIn(range: KeyRange, reverse: boolean): Key[] {
    const found: Key[] = [];
    for (const walk = this.keys.walk(range.from, range.to, reverse); walk.key !== undefined; walk.advance()) found.push(walk.key as Key);
    return found;
  }

  private isDeleted(key: Key): boolean {
    const { value: to } = this.deleted.walk('', keyAfter(key), true);
    return to !== undefined && key < to;
  }

  private deleteRange(range: KeyRange): void {
    if (range.from >= range.to) return;
    let { from, to } = range;
    const before = this.deleted.walk('', from, true);
    if (before.key !== undefined && before.value !== undefined && before.value >= from) from = before.key as Key;
    const joined: string[] = [];
    for (const walk = this.deleted.walk(from, keyAfter(to), false); walk.key !== undefined; walk.advance()) {
      joined.push(walk.key);
      if (walk.value !== undefined && walk.value > to) to = walk.value;
    }
    for (const each of joined) this.deleted.delete(each);
    this.deleted.set(from, to);
  }

  /** Undefined when it depends on a base that is not given. */
  private resolve(writes: KeyWrites, base: { readonly record: Uint8Array | undefined } | undefined): { readonly record: Uint8Array | undefined } | undefined {
    let from = 0;
    for (let i = writes.ops.length - 1; i >= 0; i--) {
      if (!determines(writes.ops[i] as PointOp)) continue;
      from = i;
      break;
    }
    const first = writes.ops[from];
    const start = writes.cleared ? { record: undefined } : base;
    if (start === undefined && (first === undefined || !determines(first))) return undefined;
    let record = start?.record;
    for (let i = from; i < writes.ops.length; i++) record = applyOp(writes.ops[i] as PointOp, record);
    return { record };
  }
}

function applyOp(op: PointOp, record: Uint8Array | undefined): Uint8Array | undefined {
  switch (op.kind) {
    case 'insert':
    case 'put':
      return encodeRecord(op.cells);
    case 'update':
      return record === undefined ? undefined : mergeRecord(record, op.cells);
    case 'upsert':
      return record === undefined ? encodeRecord(op.cells) : mergeRecord(record, op.cells);
    case 'delete':
      return undefined;
    default:
      return op satisfies never;
  }
}

/** What a buffered write counts for, in bytes. */
export function sizeOf(op: WriteOp): number {
  if (op.kind === 'deleteRange') return op.from.length + op.to.length;
  if (op.kind === 'delete') return op.key.length;
  let bytes = op.key.length;
  for (const { value } of op.cells) bytes += value.length;
  return bytes;
}

const OP_OVERHEAD_BYTES = 64;

/** Room for a request that carries the writes, so that a large one is not copied as it grows. */
export const capacityFor = (ops: readonly WriteOp[]): number => ops.reduce((sum, op) => sum + sizeOf(op) + OP_OVERHEAD_BYTES, 4 * OP_OVERHEAD_BYTES);

/**
 * A transaction's own writes, laid over what it reads: read-your-writes (invariant: a later read of the transaction sees
 * its buffered rows and index entries, and nobody else does).
 */
import type { Key } from '../base/ids.ts';
import { encodeRecord, mergeRecord } from '../storage/record.ts';
import { isWithin } from '../splits/ranges.ts';
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
  private readonly keys = new Map<Key, KeyWrites>();
  private readonly deleted: KeyRange[] = [];

  get isEmpty(): boolean {
    return this.keys.size === 0 && this.deleted.length === 0;
  }

  /** The conflict with an earlier write of the same transaction, if its precondition is known not to hold. */
  add(op: WriteOp): WriteConflict | undefined {
    if (op.kind === 'deleteRange') {
      for (const key of this.keys.keys()) if (isWithin(key, op)) this.keys.set(key, { cleared: true, ops: [] });
      this.deleted.push({ from: op.from, to: op.to });
      return undefined;
    }
    const writes = this.keys.get(op.key) ?? { cleared: this.deleted.some((range) => isWithin(op.key, range)), ops: [] };
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
    return this.deleted.some((range) => isWithin(key, range)) ? { record: undefined } : undefined;
  }

  /** The row at `key`, given what the database has. */
  over(key: Key, base: Uint8Array | undefined): Uint8Array | undefined {
    const writes = this.keys.get(key);
    if (writes !== undefined) return this.resolve(writes, { record: base })?.record;
    return this.deleted.some((range) => isWithin(key, range)) ? undefined : base;
  }

  /** Whether the row at the key may be other than the database has it. */
  holds(key: Key): boolean {
    return this.keys.has(key) || this.deleted.some((range) => isWithin(key, range));
  }

  /** Whether rows of the range may be other than the database has them. */
  touches(range: KeyRange): boolean {
    if (this.deleted.some(({ from, to }) => from < range.to && range.from < to)) return true;
    for (const key of this.keys.keys()) if (isWithin(key, range)) return true;
    return false;
  }

  /** Keys written in the range, in order. */
  keysIn(range: KeyRange, reverse: boolean): Key[] {
    const found: Key[] = [];
    for (const key of this.keys.keys()) if (isWithin(key, range)) found.push(key);
    found.sort();
    return reverse ? found.reverse() : found;
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

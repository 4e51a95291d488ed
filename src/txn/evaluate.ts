/**
 * Turns a transaction's writes, in their order, into physical writes: what each key holds afterwards. Runs at the leader
 * under exclusive locks, so the newest versions cannot change meanwhile. Preconditions are checked here.
 */
import { isWithin } from '../splits/ranges.ts';
import { latestVersion, scanLatest } from '../storage/mvcc.ts';
import { encodeRecord, mergeRecord } from '../storage/record.ts';
import type { Engine } from '../storage/types.ts';
import type { Key } from '../base/ids.ts';
import type { PhysicalWrite } from './commands.ts';
import type { Span } from './locks.ts';
import type { WriteConflict, WriteOp } from './types.ts';

export type Evaluated = { readonly writes: readonly PhysicalWrite[] } | { readonly conflict: WriteConflict };

/** Exclusive locks that the writes need, in key order, each once. */
export function spansOf(ops: readonly WriteOp[]): Span[] {
  const keys = new Set<Key>();
  const spans: Span[] = [];
  for (const op of ops) {
    if (op.kind === 'deleteRange') spans.push({ from: op.from, to: op.to });
    else keys.add(op.key);
  }
  for (const key of keys) spans.push({ from: key, to: undefined });
  return spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
}

/** Synchronous unless a range is deleted. */
export function evaluate(engine: Engine, ops: readonly WriteOp[]): Evaluated | Promise<Evaluated> {
  return ops.some((op) => op.kind === 'deleteRange') ? evaluateWithRanges(engine, ops) : evaluatePoints(engine, ops);
}

/** The rows as the writes so far leave them. */
class Pending {
  private readonly engine: Engine;
  readonly rows = new Map<Key, Uint8Array | undefined>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  read(key: Key): Uint8Array | undefined {
    return this.rows.has(key) ? this.rows.get(key) : latestVersion(this.engine, key)?.record;
  }

  /** Applies one write to one key; the conflict if its precondition does not hold. */
  apply(op: Exclude<WriteOp, { kind: 'deleteRange' }>): WriteConflict | undefined {
    switch (op.kind) {
      case 'insert':
        if (this.read(op.key) !== undefined) return { kind: 'exists', key: op.key };
        this.rows.set(op.key, encodeRecord(op.cells));
        return undefined;
      case 'update': {
        const existing = this.read(op.key);
        if (existing === undefined) return { kind: 'missing', key: op.key };
        this.rows.set(op.key, mergeRecord(existing, op.cells));
        return undefined;
      }
      case 'upsert': {
        const existing = this.read(op.key);
        this.rows.set(op.key, existing === undefined ? encodeRecord(op.cells) : mergeRecord(existing, op.cells));
        return undefined;
      }
      case 'put':
        this.rows.set(op.key, encodeRecord(op.cells));
        return undefined;
      case 'delete':
        this.rows.set(op.key, undefined);
        return undefined;
      default:
        return op satisfies never;
    }
  }

  writes(): PhysicalWrite[] {
    const out: PhysicalWrite[] = [];
    for (const [key, record] of this.rows) {
      // Deleting what was never there needs no tombstone.
      if (record === undefined && latestVersion(this.engine, key)?.record === undefined) continue;
      out.push({ key, record });
    }
    return out;
  }
}

function evaluatePoints(engine: Engine, ops: readonly WriteOp[]): Evaluated {
  const pending = new Pending(engine);
  for (const op of ops) {
    if (op.kind === 'deleteRange') continue;
    const conflict = pending.apply(op);
    if (conflict !== undefined) return { conflict };
  }
  return { writes: pending.writes() };
}

async function evaluateWithRanges(engine: Engine, ops: readonly WriteOp[]): Promise<Evaluated> {
  const pending = new Pending(engine);
  for (const op of ops) {
    if (op.kind === 'deleteRange') {
      for (const [key, record] of pending.rows) if (record !== undefined && isWithin(key, op)) pending.rows.set(key, undefined);
      for await (const key of scanLatest(engine, op.from, op.to)) if (!pending.rows.has(key)) pending.rows.set(key, undefined);
      continue;
    }
    const conflict = pending.apply(op);
    if (conflict !== undefined) return { conflict };
  }
  return { writes: pending.writes() };
}

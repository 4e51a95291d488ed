/** Grouping what a transaction touches by the splits that hold it. */
import type { Key, SplitId } from '../base/ids.ts';
import { intersect, isWithin, rangeCovers } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import type { Span } from './locks.ts';
import type { WriteOp } from './types.ts';

export interface Group<T> {
  readonly split: SplitDescriptor;
  readonly items: T[];
}

/** What a transaction writes, and has read, in one split. */
export interface Part {
  readonly split: SplitDescriptor;
  readonly ops: readonly WriteOp[];
  readonly reads: readonly Span[];
}

/** A part that is being put together. */
interface Growing extends Part {
  readonly ops: WriteOp[];
  readonly reads: Span[];
}

export class Groups<T> {
  private readonly router: Router;
  readonly bySplit = new Map<SplitId, Group<T>>();

  constructor(router: Router) {
    this.router = router;
  }

  private add(split: SplitDescriptor, item: T): void {
    const group = this.bySplit.get(split.id);
    if (group === undefined) this.bySplit.set(split.id, { split, items: [item] });
    else group.items.push(item);
  }

  /** Undefined when its split is known. */
  addAt(key: Key, item: T): Promise<void> | undefined {
    const located = this.router.locate(key);
    if (located instanceof Promise) return located.then((split) => this.add(split, item));
    this.add(located, item);
    return undefined;
  }

  /** Adds the parts of the range, each at its split. */
  async addRange(from: Key, to: Key, part: (from: Key, to: Key) => T): Promise<void> {
    for (let at = from; at < to; ) {
      const located = this.router.locate(at);
      const split = located instanceof Promise ? await located : located;
      const piece = intersect(split, { from: at, to });
      if (piece === undefined) return;
      this.add(split, part(piece.from, piece.to));
      at = piece.to;
    }
  }
}

async function groupOps(router: Router, ops: readonly WriteOp[]): Promise<Groups<WriteOp>> {
  const groups = new Groups<WriteOp>(router);
  for (const op of ops) {
    if (op.kind === 'deleteRange') await groups.addRange(op.from, op.to, (from, to) => ({ kind: 'deleteRange', from, to }));
    else {
      const unknown = groups.addAt(op.key, op);
      if (unknown !== undefined) await unknown;
    }
  }
  return groups;
}

async function groupSpans(router: Router, spans: readonly Span[]): Promise<Groups<Span>> {
  const groups = new Groups<Span>(router);
  for (const span of spans) {
    if (span.to === undefined) {
      const unknown = groups.addAt(span.from, span);
      if (unknown !== undefined) await unknown;
    } else await groups.addRange(span.from, span.to, (from, to) => ({ from, to }));
  }
  return groups;
}

export function partsOf(router: Router, ops: readonly WriteOp[], spans: readonly Span[]): Part[] | Promise<Part[]> {
  const split = onlySplit(router, ops, spans);
  return split === undefined ? groupedBySplit(router, ops, spans) : [{ split, ops, reads: spans }];
}

/** The split that holds all of it, if that is known without asking; most transactions have one. */
function onlySplit(router: Router, ops: readonly WriteOp[], spans: readonly Span[]): SplitDescriptor | undefined {
  const [op] = ops;
  if (op === undefined) return undefined;
  const split = router.locate(op.kind === 'deleteRange' ? op.from : op.key);
  if (split instanceof Promise) return undefined;
  for (const other of ops) if (other.kind === 'deleteRange' ? !rangeCovers(split, other) : !isWithin(other.key, split)) return undefined;
  for (const { from, to } of spans) if (to === undefined ? !isWithin(from, split) : !rangeCovers(split, { from, to })) return undefined;
  return split;
}

async function groupedBySplit(router: Router, ops: readonly WriteOp[], spans: readonly Span[]): Promise<Part[]> {
  const parts = new Map<SplitId, Growing>();
  const at = (split: SplitDescriptor): Growing => {
    let part = parts.get(split.id);
    if (part === undefined) parts.set(split.id, (part = { split, ops: [], reads: [] }));
    return part;
  };
  for (const { split, items } of (await groupOps(router, ops)).bySplit.values()) at(split).ops.push(...items);
  for (const { split, items } of (await groupSpans(router, spans)).bySplit.values()) at(split).reads.push(...items);
  return [...parts.values()];
}

/**
 * The order in which to prepare where one part takes long, because it is large: first the coordinator, which everybody asks
 * who has waited for a while, and those that were only read last, since what they promise holds for no longer than a lease.
 */
export function inTurns(parts: readonly Part[], coordinator: SplitId): readonly (readonly Part[])[] {
  const turns: [Part[], Part[], Part[]] = [[], [], []];
  for (const part of parts) turns[part.split.id === coordinator ? 0 : part.ops.length > 0 ? 1 : 2].push(part);
  return turns.filter((turn) => turn.length > 0);
}

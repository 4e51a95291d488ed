/** What a transaction has written so far, in order, with the bounds of a transaction; and as its own reads see it. */
import { invalidArgument } from '../base/errors.ts';
import type { Key } from '../base/ids.ts';
import { tooLarge } from './evaluate.ts';
import { WriteConflictError } from './failures.ts';
import { MAX_TRANSACTION_BYTES, MAX_WRITES } from './limits.ts';
import { Overlay, sizeOf } from './overlay.ts';
import type { WriteOp } from './types.ts';

export class WriteBuffer {
  readonly overlay = new Overlay();
  readonly ops: WriteOp[] = [];
  bytes = 0;

  /** Throws INVALID_ARGUMENT beyond the bounds, WriteConflictError for a precondition that an earlier write has made fail. */
  add(ops: readonly WriteOp[]): void {
    for (const op of ops) {
      this.bytes += sizeOf(op);
      if (this.ops.length >= MAX_WRITES) throw invalidArgument(`The transaction writes too many rows and index entries: at most ${MAX_WRITES}.`);
      if (this.bytes > MAX_TRANSACTION_BYTES) throw tooLarge();
      const conflict = this.overlay.add(op);
      if (conflict !== undefined) throw new WriteConflictError(conflict);
      this.ops.push(op);
    }
  }

  /** Of single rows, each once. */
  keys(): Key[] {
    return [...new Set(this.ops.flatMap((op) => (op.kind === 'deleteRange' ? [] : [op.key])))];
  }
}

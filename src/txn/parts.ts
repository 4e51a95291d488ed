/**
 * Writes of transactions that are too many for one entry of the log: they go into it in parts, each an entry, and the commit,
 * prepare or decide that follows names how many there are. Until then a part changes nothing but this state; what follows
 * makes all of them count at once, or none ever does.
 *
 * Invariants
 *  1. The parts of a transaction here are the first ones of one attempt to log it, without a hole: an attempt belongs to one
 *     leadership, whose entries come after all of those before it, and begins with part 0, which makes older ones void.
 *  2. A command that names parts is logged by the leadership that logged them, so they are all here when it is applied.
 *  3. Parts that no command has named are `unfinished`. A leader that is not at work on them discards them, through the log.
 *
 * In the engine, per split: 'w' ++ split ++ txn ++ index (4 bytes) → the part's command.
 */
import { assert } from '../base/assert.ts';
import type { Key, SplitId, TxnId } from '../base/ids.ts';
import type { Engine, WriteOp } from '../storage/types.ts';
import { decodeCommand, type PhysicalWrite } from './commands.ts';

/** Hexadecimal digits of a transaction's id, and after them those of the part's index. */
const TXN_CHARS = 32;
const INDEX_CHARS = 8;
/** A part is large. */
const SCAN_BATCH = 2;

export class LoggedParts {
  private readonly engine: Engine;
  private readonly prefix: string;
  /** How many parts there are that no command has named, by transaction; as of the last applied entry. */
  readonly unfinished = new Map<TxnId, number>();

  constructor(engine: Engine, split: SplitId) {
    this.engine = engine;
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(split));
    this.prefix = `w${bytes.toString('latin1')}`;
  }

  range(): { readonly from: Key; readonly to: Key; readonly shared: false; readonly isLarge: true } {
    return { from: this.prefix as Key, to: `${this.prefix}g` as Key, shared: false, isLarge: true };
  }

  private key(txn: TxnId, index: number): Key {
    return `${this.prefix}${txn}${index.toString(16).padStart(INDEX_CHARS, '0')}` as Key;
  }

  /** `bytes`: the command as it is in the log. */
  add(txn: TxnId, index: number, bytes: Uint8Array, ops: WriteOp[]): void {
    const before = this.unfinished.get(txn) ?? 0;
    // The one before it was lost with its leader, whose successor found only this one: nothing will name them.
    if (index !== 0 && index !== before) return;
    if (index === 0) this.discard(txn, ops);
    this.unfinished.set(txn, index + 1);
    ops.push({ key: this.key(txn, index), value: bytes, isNew: index === before });
  }

  /** The command that names them is being applied: they are no longer unfinished. */
  name(txn: TxnId, count: number): void {
    assert(this.unfinished.get(txn) === count, 'the parts that a command names are there');
    this.unfinished.delete(txn);
  }

  *writes(txn: TxnId, count: number): Generator<PhysicalWrite> {
    for (let index = 0; index < count; index++) {
      const bytes = this.engine.get(this.key(txn, index));
      assert(bytes !== undefined, 'a part that is named is there');
      const part = decodeCommand(bytes);
      assert(part.kind === 'part', 'a part is a part');
      yield* part.writes;
    }
  }

  drop(txn: TxnId, count: number, ops: WriteOp[]): void {
    for (let index = 0; index < count; index++) ops.push({ key: this.key(txn, index), value: undefined });
  }

  discard(txn: TxnId, ops: WriteOp[]): void {
    this.drop(txn, this.unfinished.get(txn) ?? 0, ops);
    this.unfinished.delete(txn);
  }

  /** Derives the memory from the engine. `isNamed`: by a prepare that waits for its outcome. */
  async load(isNamed: (txn: TxnId) => boolean): Promise<void> {
    this.unfinished.clear();
    const { from, to } = this.range();
    const cursor = this.engine.scan(from, to);
    try {
      for (let batch = await cursor.next(SCAN_BATCH); batch.length > 0; batch = await cursor.next(SCAN_BATCH)) {
        for (const { key } of batch) {
          const txn = key.slice(this.prefix.length, this.prefix.length + TXN_CHARS) as TxnId;
          if (!isNamed(txn)) this.unfinished.set(txn, (this.unfinished.get(txn) ?? 0) + 1);
        }
      }
    } finally {
      await cursor.close();
    }
  }
}

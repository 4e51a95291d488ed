/**
 * The least version of its database's schema that a split still takes writes under. It is raised when the schema
 * changes, so that a gateway that has not heard of the change can commit nothing built with an older one, nor read with it
 * (docs/decisions/0013-schema-fence.md, 0021-fence-for-readers.md). To a split a version is a number that travels with every
 * commit, prepare and snapshot read.
 *
 * Invariants
 *  1. It is part of the split's state: raised by an entry of the log, handed to the right half of a cut.
 *  2. Its leader refuses older versions from the moment that it proposes to raise it. Whatever passed before holds its
 *     locks until it has ended, so that work that reads rows under locks after the raise sees all of it.
 *  3. Any replica refuses a snapshot read at or above a fence, of now or before, with a schema below it. A change may therefore
 *     go on to a version that no longer maintains what the version below the fence reads, whoever has not heard of it.
 *
 * In the engine, per split: 'f' ++ split → the versions that it was raised to, in order.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { aborted, unavailable } from '../base/errors.ts';
import { timestamp, type Key, type SplitId, type Timestamp } from '../base/ids.ts';
import type { Engine, WriteOp } from '../storage/types.ts';

/** Of writes that no schema was used for: the cluster's metadata, and the work of schema changes itself. */
export const ANY_VERSION: Timestamp = timestamp(0);

function keyOf(split: SplitId): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(split));
  return `f${bytes.toString('latin1')}`;
}

/** Past fences that are remembered. Reads by an older schema than the first of them are refused: nobody knows better. */
const MAX_REMEMBERED = 256;

export class SchemaFence {
  private readonly engine: Engine;
  private readonly key: string;
  private known: readonly Timestamp[] | undefined;
  private expected: Timestamp = ANY_VERSION;

  constructor(engine: Engine, split: SplitId) {
    this.engine = engine;
    this.key = keyOf(split);
  }

  /** As of the applied entries. */
  now(): Timestamp {
    return this.fences().at(-1) ?? ANY_VERSION;
  }

  private fences(): readonly Timestamp[] {
    if (this.known === undefined) {
      const fences: Timestamp[] = [];
      const input = new ByteReader(this.engine.get(this.key as Key) ?? new Uint8Array());
      while (input.remaining > 0) fences.push(timestamp(input.varint()));
      this.known = fences;
    }
    return this.known;
  }

  /** At the leader: it is about to be raised to `version`. */
  expect(version: Timestamp): void {
    if (version > this.expected) this.expected = version;
  }

  /** ABORTED for writes under a version that is over. */
  check(version: Timestamp): void {
    if (version !== ANY_VERSION && version < Math.max(this.now(), this.expected)) throw aborted('Transaction was aborted: the schema changed.');
  }

  /**
   * UNAVAILABLE for a reader at `at` with a version that was over there. By applied entries: what is written under a newer
   * version comes behind the fence in the log, so a replica that has it to show has the fence, too.
   */
  checkRead(version: Timestamp, at: Timestamp): void {
    if (version === ANY_VERSION || version >= this.now()) return;
    const fences = this.fences();
    const reached = fences.findLast((fence) => fence <= at) ?? (fences.length < MAX_REMEMBERED ? ANY_VERSION : fences[0]);
    if (reached !== undefined && version < reached) throw unavailable('The schema has changed, and this node has not heard of it yet; try again.');
  }

  apply(version: Timestamp, ops: WriteOp[]): void {
    if (version > this.now()) this.remember([...this.fences(), version].slice(-MAX_REMEMBERED), ops);
  }

  private remember(fences: readonly Timestamp[], ops: WriteOp[]): void {
    this.known = fences;
    const out = new ByteWriter(8 * fences.length);
    for (const fence of fences) out.varint(fence);
    ops.push({ key: this.key as Key, value: out.finish() });
  }

  /** The right half of a cut begins with what holds here. */
  handTo(right: SchemaFence, ops: WriteOp[]): void {
    if (this.now() > ANY_VERSION) right.remember(this.fences(), ops);
  }

  /** The stored state was replaced. */
  reload(): void {
    this.known = undefined;
  }

  /** Where it is kept, for snapshots of the split. */
  ranges(): { readonly from: Key; readonly to: Key; readonly shared: boolean }[] {
    return [{ from: this.key as Key, to: `${this.key}\0` as Key, shared: false }];
  }
}

/**
 * How far back one replica can be read: versions that only reads below its horizon could see have been collected.
 *
 * Invariants
 *  1. The horizon is written before anything is removed on its account, so a restart does not forget it.
 *  2. It never passes a read that is under way here, and never goes back, except with the rows (a snapshot of a peer).
 *
 * In the engine, per split: 'v' ++ split ++ 'a' → the horizon. A split that was cut from another has at least its horizon
 * of the time of the cut.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { timestamp, type Key, type SplitId, type Timestamp } from '../base/ids.ts';
import type { Engine } from '../storage/types.ts';

const NONE = timestamp(0);

function prefixOf(split: SplitId): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(split));
  return `v${bytes.toString('latin1')}`;
}

export class VersionHorizon {
  private readonly engine: Engine;
  /** Of this split, then of those that it was cut from. */
  private readonly prefixes: readonly string[];
  private known: Timestamp | undefined;
  /** Timestamps of the reads under way, and how many there are of each. */
  private readonly reading = new Map<Timestamp, number>();

  constructor(engine: Engine, split: SplitId, ancestors: readonly SplitId[]) {
    this.engine = engine;
    this.prefixes = [split, ...ancestors].map(prefixOf);
  }

  /** Reads below it are to be refused. */
  now(): Timestamp {
    this.known ??= timestamp(Math.max(...this.prefixes.map((prefix) => this.stored(prefix))));
    return this.known;
  }

  private stored(prefix: string): Timestamp {
    const bytes = this.engine.get(`${prefix}a` as Key);
    return bytes === undefined ? NONE : timestamp(new ByteReader(bytes).varint());
  }

  /** Where it is kept, for snapshots of the split. */
  ranges(): { readonly from: Key; readonly to: Key; readonly shared: boolean }[] {
    return this.prefixes.map((prefix, index) => ({ from: prefix as Key, to: `${prefix}b` as Key, shared: index > 0 }));
  }

  /** The stored state was replaced. */
  reload(): void {
    this.known = undefined;
  }

  /** A read at `at` begins; what this answers is called at its end. */
  enter(at: Timestamp): () => void {
    this.reading.set(at, (this.reading.get(at) ?? 0) + 1);
    return () => {
      const left = (this.reading.get(at) ?? 1) - 1;
      if (left > 0) this.reading.set(at, left);
      else this.reading.delete(at);
    };
  }

  /** Moves on to `to`, or as far as the reads under way allow; answers the horizon from now on. */
  raise(to: Timestamp): Timestamp {
    let next: number = to;
    for (const at of this.reading.keys()) next = Math.min(next, at);
    if (next > this.now()) {
      this.known = timestamp(next);
      this.engine.writeState([{ key: `${this.prefixes[0] ?? ''}a` as Key, value: new ByteWriter(8).varint(next).finish() }]);
    }
    return this.now();
  }

  /** The other half of a cut begins where this one is. */
  handTo(right: VersionHorizon): void {
    right.raise(this.now());
  }
}

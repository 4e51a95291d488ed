/**
 * How far partitioned DML statements are, with the cluster's metadata: a statement whose gateway died goes on at another
 * node, when its client repeats the call. Each slice of a statement commits together with its checkpoint, so that no slice
 * is done twice, and the count of rows is that of what is done.
 *
 * A run that takes a statement over writes its own name into the record; an earlier run that still lives finds it there
 * before it changes anything more. One record a statement: a position, not a list. It stays for a while after the end,
 * for a client that did not hear of it, and is swept (housekeeping.ts).
 */
import type { PartitionedRun } from '../api/sql.ts';
import type { Environment } from '../base/env.ts';
import { invalidArgument } from '../base/errors.ts';
import type { Key } from '../base/ids.ts';
import type { ReadWriteTransaction } from '../txn/types.ts';
import { Kind, putRecord, type MetaStore } from './meta.ts';

/** How long after its last slice a statement can be gone on with, or its count be asked for. */
const KEPT_MICROS = 3_600_000_000;

export interface Checkpoint {
  /** Everything before it is done; undefined at the beginning. */
  readonly position: Key | undefined;
  readonly rows: number;
  readonly done: boolean;
}

interface StoredCheckpoint {
  readonly fingerprint: string;
  readonly runner: string;
  /** Hexadecimal; empty at the beginning. */
  readonly position: string;
  readonly rows: number;
  readonly done: boolean;
  readonly updatedMicros: number;
}

/** One run of a statement. */
export class DmlCheckpoints {
  private readonly meta: MetaStore;
  private readonly env: Environment;
  private readonly run: PartitionedRun;
  private readonly runner: string;

  constructor(meta: MetaStore, env: Environment, run: PartitionedRun) {
    this.meta = meta;
    this.env = env;
    this.run = run;
    this.runner = env.random.hex(8);
  }

  /** Makes this run the one that goes on. Answers how far the statement is. */
  async takeOver(): Promise<Checkpoint> {
    // With the age of the statement: it wounds what an earlier run, whose node may be gone, has open.
    const { result } = await this.meta.transact(async (transaction) => {
      const stored = await this.read(transaction);
      if (stored !== undefined && stored.fingerprint !== this.run.fingerprint) throw invalidArgument('A partitioned DML transaction can only run one statement.');
      const checkpoint = stored === undefined ? { position: undefined, rows: 0, done: false } : checkpointOf(stored);
      await this.write(transaction, checkpoint);
      return checkpoint;
    }, this.run.age);
    return result;
  }

  /** As the transaction of a slice finds it; undefined when another run has taken over. */
  async current(transaction: ReadWriteTransaction): Promise<Checkpoint | undefined> {
    const stored = await this.read(transaction);
    return stored?.runner === this.runner ? checkpointOf(stored) : undefined;
  }

  /** Commits with the slice. */
  async write(transaction: ReadWriteTransaction, { position, rows, done }: Checkpoint): Promise<void> {
    const stored: StoredCheckpoint = {
      fingerprint: this.run.fingerprint,
      runner: this.runner,
      position: position === undefined ? '' : Buffer.from(position, 'latin1').toString('hex'),
      rows, done,
      updatedMicros: this.env.clock.interval().latest,
    };
    await transaction.write([putRecord(Kind.partitionedDml, this.run.id, stored)]);
  }

  private read(transaction: ReadWriteTransaction): Promise<StoredCheckpoint | undefined> {
    return this.meta.read<StoredCheckpoint>(transaction, Kind.partitionedDml, this.run.id, true);
  }
}

const checkpointOf = ({ position, rows, done }: StoredCheckpoint): Checkpoint => ({
  position: position === '' ? undefined : (Buffer.from(position, 'hex').toString('latin1') as Key), rows, done,
});

/** Forgets statements that nobody has gone on with for long. */
export async function sweepCheckpoints(meta: MetaStore, env: Environment): Promise<void> {
  const horizon = env.clock.interval().latest - KEPT_MICROS;
  await meta.sweep<StoredCheckpoint>(Kind.partitionedDml, ({ updatedMicros }) => updatedMicros < horizon);
}

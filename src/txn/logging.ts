/**
 * How a leader's commands get into its split's log: whole, or, when their writes are many, in parts (parts.ts) of which a few
 * are on their way at a time, so that neither disks nor connections have much to do at once. Parts of one transaction at a
 * time at each node: what follows them makes all of them rows in one write to the disk.
 */
import { ByteWriter } from '../base/bytes.ts';
import { timestamp } from '../base/ids.ts';
import type { SplitContext } from '../splits/types.ts';
import type { CommitBatch } from './batching.ts';
import { writeCommand, type Command, type PhysicalWrite } from './commands.ts';
import type { EvaluatedWrites } from './evaluate.ts';
import { NotLeading } from './failures.ts';
import type { Leadership, LeaderTxn } from './leadership.ts';
import { PARTS_BACKLOG_BYTES, PARTS_IN_FLIGHT, PART_BYTES } from './limits.ts';

/** Bytes that a write takes in a part beside its key and record, about. */
const WRITE_OVERHEAD_BYTES = 16;
/**
 * How long an outcome waits for other entries of its node, to share the round between replicas. Long enough for the next
 * commit of a client that goes on at once; short beside what replicas that follow are behind anyway.
 */
const OUTCOME_WAIT_MICROS = 5_000;
/** Commands are encoded in the same place, which is not kept when it has grown beyond this: `propose` copies them. */
const ENCODER_BYTES = 64 << 10;
const NO_TIMESTAMP = timestamp(0);
const noop = (): void => undefined;

/** One after the other, in the order in which they came. */
export class Turns {
  private last: Promise<void> = Promise.resolve();

  /** Resolves when it is its turn, which ends when what it answers is called. */
  async next(): Promise<() => void> {
    const before = this.last;
    let end = noop;
    this.last = new Promise((resolve) => (end = resolve));
    await before;
    return end;
  }
}

let encoder = new ByteWriter();

function encoded(command: Command): Uint8Array {
  if (encoder.size > ENCODER_BYTES) encoder = new ByteWriter();
  return writeCommand(encoder.reset(), command).view();
}

/** What is the same for all splits of a node. */
export interface LogOptions {
  readonly turns: Turns;
  /** Outcomes that are known and not logged yet: what goes into any log makes a turn of the node in which all may go. */
  readonly outcomes: CommitBatch;
  /** Default PART_BYTES. */
  readonly partBytes?: number | undefined;
}

/** What a command is to say of its writes. */
export interface LoggedWrites {
  readonly writes: readonly PhysicalWrite[];
  readonly parts?: number;
}

/** The writes in groups of about `partBytes`. */
export function* partsOf(writes: readonly PhysicalWrite[], partBytes: number): Generator<readonly PhysicalWrite[]> {
  let from = 0;
  let bytes = 0;
  for (const [at, { key, record }] of writes.entries()) {
    const size = key.length + (record?.length ?? 0) + WRITE_OVERHEAD_BYTES;
    if (at > from && bytes + size > partBytes) {
      yield writes.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < writes.length) yield writes.slice(from);
}

export class CommandLog {
  private readonly context: SplitContext;
  /** Undefined while this replica does not lead. */
  private readonly leadership: () => Leadership | undefined;
  private readonly turns: Turns;
  private readonly partBytes: number;
  private readonly outcomes: CommitBatch;

  constructor(context: SplitContext, leadership: () => Leadership | undefined, { turns, outcomes, partBytes = PART_BYTES }: LogOptions) {
    this.context = context;
    this.leadership = leadership;
    this.turns = turns;
    this.partBytes = partBytes;
    this.outcomes = outcomes;
  }

  isLarge({ bytes, writes }: EvaluatedWrites): boolean {
    return bytes > this.partBytes && writes.length > 0;
  }

  /** Resolves with the next command of the node, or after a moment. For outcomes that nobody waits for. */
  company(): Promise<void> {
    return this.outcomes.join(OUTCOME_WAIT_MICROS, this.context.env.clock.monotonicMicros());
  }

  /** Whatever waits for company goes now. */
  hurry(): void {
    this.outcomes.go();
  }

  /** Resolves when the command is applied; NotLeading when leadership was lost, whatever becomes of the command. */
  propose(leadership: Leadership, command: Command, ended: () => void = noop): Promise<void> {
    this.hurry();
    return new Promise((resolve, reject) => {
      const settle = (applied: boolean): void => {
        ended();
        if (applied && this.leadership() === leadership) resolve();
        else reject(new NotLeading());
      };
      if (!this.context.propose(encoded(command), (outcome) => settle(outcome === 'applied'))) settle(false);
    });
  }

  /** A command of the transaction. */
  command(leadership: Leadership, txn: LeaderTxn, command: Command): Promise<void> {
    txn.logging = true;
    return this.propose(leadership, command, () => {
      txn.logging = false;
    });
  }

  /**
   * Logs the writes in parts. What follows names them; the caller has to see first whether it still may. NotLeading when
   * leadership was lost: then they are void.
   */
  async parts(leadership: Leadership, txn: LeaderTxn, writes: readonly PhysicalWrite[]): Promise<LoggedWrites> {
    const end = await this.turns.next();
    const inFlight: Promise<void>[] = [];
    let count = 0;
    try {
      if (this.leadership() !== leadership || !leadership.isAlive(txn)) throw new NotLeading();
      txn.logging = true;
      for (const some of partsOf(writes, this.partBytes)) {
        txn.parts = count + 1;
        const part = this.propose(leadership, { kind: 'part', txn: txn.owner.id, timestamp: NO_TIMESTAMP, index: count++, writes: some });
        part.catch(noop);
        inFlight.push(part);
        if (inFlight.length >= PARTS_IN_FLIGHT) await inFlight.shift();
        await this.diskHasRoom();
      }
      await Promise.all(inFlight);
      return { writes: [], parts: count };
    } catch (error) {
      txn.parts = undefined;
      throw error;
    } finally {
      txn.logging = false;
      end();
    }
  }

  /** A majority may be faster than this node's own disk. */
  private async diskHasRoom(): Promise<void> {
    const { engine } = this.context;
    if (engine.status().pendingBytes > PARTS_BACKLOG_BYTES) await new Promise<void>((resolve) => engine.sync(resolve));
  }
}

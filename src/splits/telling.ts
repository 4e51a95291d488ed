/**
 * When followers are told what is chosen. An accept says it by the way, so with entries coming the news is never a message
 * of its own: it waits TELL_AFTER_MICROS for the next one. For each commit of a client alone, and for each round of many,
 * that is a message less to each follower, and a turn less there.
 */
import type { Environment, TimerHandle } from '../base/env.ts';
import type { Slot } from '../base/ids.ts';

/** Longer than a client takes to come back with its next commit; short beside everything that waits for a follower. */
const TELL_AFTER_MICROS = 20_000;
/**
 * Where so many splits wait, the next entry of each takes longer to come, and they wait for longer: else most entries of a
 * hundred splits under load would be told of by a message of their own.
 */
const MANY_SPLITS = 8;
const TELL_MANY_AFTER_MICROS = 100_000;

/** A split, as far as this is concerned (paxos/replica.ts). */
export interface Teller {
  readonly replica: { readonly chosenSlot: Slot; readonly toldSlot: Slot };
}

export class Telling<T extends Teller> {
  private readonly env: Environment;
  private readonly tell: (split: T) => void;
  /** Splits with something to tell, and what was chosen when they began to wait. */
  private readonly waiting = new Map<T, Slot>();
  private timer: TimerHandle | undefined;
  private hasWaitedLonger = false;

  constructor(env: Environment, tell: (split: T) => void) {
    this.env = env;
    this.tell = tell;
  }

  /** To be called when something may have been chosen. */
  look(split: T): void {
    const { chosenSlot, toldSlot } = split.replica;
    if (toldSlot >= chosenSlot || this.waiting.has(split)) return;
    this.waiting.set(split, chosenSlot);
    this.timer ??= this.env.scheduler.after(TELL_AFTER_MICROS, () => this.due());
  }

  private due(): void {
    this.timer = undefined;
    if (this.waiting.size >= MANY_SPLITS && !this.hasWaitedLonger) {
      this.hasWaitedLonger = true;
      this.timer = this.env.scheduler.after(TELL_MANY_AFTER_MICROS - TELL_AFTER_MICROS, () => this.due());
      return;
    }
    this.hasWaitedLonger = false;
    const due = [...this.waiting];
    this.waiting.clear();
    for (const [split, slot] of due) {
      // What was chosen since then waits for its own turn.
      if (split.replica.toldSlot < slot) this.tell(split);
      else this.look(split);
    }
  }

  stop(): void {
    this.timer?.cancel();
    this.waiting.clear();
  }
}

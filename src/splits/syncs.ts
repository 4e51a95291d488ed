/**
 * When what the replicas of a node wrote goes to its disk: at the end of the turn, as a rule. A turn in which this node as a
 * leader proposed many commands may wait OWN_VOTES_WAIT_MICROS for what others wait for, which then goes with it in one sync:
 * it is only this node's own votes that wait, and its followers can choose without them. One command does not wait; its client
 * would wait for the slower of two followers.
 */
import type { Environment, TimerHandle } from '../base/env.ts';
import type { Envelope } from '../paxos/effects.ts';
import type { Engine } from '../storage/types.ts';

/** About what a follower takes to answer: own votes that are needed all the same, since one is slow, are late by this. */
const OWN_VOTES_WAIT_MICROS = 1_000;
/** So many commands are of more than one commit, or of one that has many splits. */
const MANY_COMMANDS = 4;

/** What the replica of a split wrote, and what it says when that is durable. */
export interface Unsynced<T> {
  readonly split: T;
  /** See paxos/effects.ts; undefined: nothing was written. */
  readonly sequence: number | undefined;
  readonly held: readonly Envelope[];
}

export class Syncs<T> {
  private readonly env: Environment;
  private readonly engine: Engine;
  private readonly onSynced: (done: readonly Unsynced<T>[]) => void;
  private unsynced: Unsynced<T>[] = [];
  /** Commands that only own votes wait for. */
  private ownCommands = 0;
  private isUrgent = false;
  private timer: TimerHandle | undefined;

  constructor(env: Environment, engine: Engine, onSynced: (done: readonly Unsynced<T>[]) => void) {
    this.env = env;
    this.engine = engine;
    this.onSynced = onSynced;
  }

  /** Somebody else waits for it. */
  add(unsynced: Unsynced<T>): void {
    this.unsynced.push(unsynced);
    this.isUrgent = true;
  }

  /** Only this node's own votes wait for it, and can be spared. */
  addOwn(unsynced: Unsynced<T>, commands: number): void {
    this.unsynced.push(unsynced);
    this.ownCommands += commands;
  }

  /** Ends the turn. */
  flush(): void {
    if (this.isUrgent || (this.ownCommands > 0 && this.ownCommands < MANY_COMMANDS)) this.sync();
    else if (this.ownCommands > 0) this.timer ??= this.env.scheduler.after(OWN_VOTES_WAIT_MICROS, () => this.sync());
  }

  private sync(): void {
    const { unsynced } = this;
    this.stop();
    this.engine.sync(() => this.onSynced(unsynced));
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.isUrgent = false;
    this.ownCommands = 0;
    this.unsynced = [];
  }
}

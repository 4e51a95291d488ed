/**
 * Commits that may be delayed (`max_commit_delay`): they wait for each other, and go in one turn of the event loop, so
 * that they share a message to each follower and a sync of the disk. The batch goes when the first of them can wait no
 * longer, when it is full, or along with a commit that does not wait.
 *
 * So do the outcomes of prepared transactions, for a moment, at each node: nobody waits for them as long as nobody wants
 * their locks, and the next entries of the node carry them for next to nothing (logging.ts).
 */
import type { Scheduler, TimerHandle } from '../base/env.ts';

const MAX_WAITING = 256;

export class CommitBatch {
  private readonly scheduler: Scheduler;
  private waiting: (() => void)[] = [];
  private timer: TimerHandle | undefined;
  private dueMicros = Infinity;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** Resolves when the batch goes, `maxMicros` from now at the latest. */
  join(maxMicros: number, nowMicros: number): Promise<void> {
    const joined = new Promise<void>((resolve) => this.waiting.push(resolve));
    const due = nowMicros + maxMicros;
    if (due < this.dueMicros) {
      this.dueMicros = due;
      this.timer?.cancel();
      this.timer = this.scheduler.after(maxMicros, () => this.go());
    }
    if (this.waiting.length >= MAX_WAITING) this.go();
    return joined;
  }

  go(): void {
    if (this.waiting.length === 0) return;
    this.timer?.cancel();
    this.timer = undefined;
    this.dueMicros = Infinity;
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/**
 * Safe time of a replica that follows: the highest timestamp at which it can be read (Spanner, OSDI 2012, §4.1.3).
 *
 * safe time = min(what the leader has closed, as far as its entries are applied here; just below every transaction that
 * is prepared and undecided). It never goes back.
 */
import { timestamp, type Timestamp } from '../base/ids.ts';
import type { SplitContext } from '../splits/types.ts';
import type { Ledger } from './ledger.ts';

interface Waiter {
  readonly at: Timestamp;
  readonly wake: (safe: boolean) => void;
}

export class SafeTime {
  private readonly context: SplitContext;
  private readonly ledger: Ledger;
  private safe: Timestamp = timestamp(0);
  private waiters: Waiter[] = [];

  constructor(context: SplitContext, ledger: Ledger) {
    this.context = context;
    this.ledger = ledger;
  }

  now(): Timestamp {
    const closed = this.context.closed();
    let bound: number = closed.slot <= this.context.appliedSlot() ? closed.timestamp : 0;
    for (const prepare of this.ledger.prepared.values()) bound = Math.min(bound, prepare.timestamp - 1);
    if (bound > this.safe) this.safe = timestamp(bound);
    return this.safe;
  }

  /** Called when something that safe time depends on has changed. */
  advance(): void {
    if (this.waiters.length === 0) return;
    const safe = this.now();
    const ready = this.waiters.filter((waiter) => waiter.at <= safe);
    if (ready.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => waiter.at > safe);
    for (const waiter of ready) waiter.wake(true);
  }

  /** Whether the replica becomes readable at `at` within `limitMicros`. */
  wait(at: Timestamp, limitMicros: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        at,
        wake: (safe) => {
          timer.cancel();
          resolve(safe);
        },
      };
      const timer = this.context.env.scheduler.after(limitMicros, () => {
        this.waiters = this.waiters.filter((other) => other !== waiter);
        resolve(false);
      });
      this.waiters.push(waiter);
    });
  }
}

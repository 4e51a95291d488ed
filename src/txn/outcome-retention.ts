/**
 * When a replica may forget the outcomes of transactions that ended long ago.
 *
 * A participant that prepared and was cut off finds out later, from its coordinator; one that has forgotten would answer
 * that the transaction aborted, half of which another split has committed. So outcomes are forgotten only by a replica
 * that has been in touch with a quorum for some time: the splits of the cluster lie on the same nodes, and each asks for
 * what it is in doubt about within seconds.
 */
import type { Environment } from '../base/env.ts';
import { timestamp } from '../base/ids.ts';
import { OUTCOME_RETENTION_MICROS, type Ledger } from './ledger.ts';

/** A replica whose safe time is no older than this is in touch with its leader. */
const TOUCH_MICROS = 10_000_000;
/** In touch for this long, it may forget. */
const SETTLED_MICROS = 600_000_000;
const BATCH = 10_000;
/** One in so many calls looks through the outcomes. */
const ROUNDS = 60;

export class OutcomeRetention {
  private readonly env: Environment;
  private readonly ledger: Ledger;
  /** Monotonic microseconds. */
  private inTouchSince: number | undefined;

  constructor(env: Environment, ledger: Ledger) {
    this.env = env;
    this.ledger = ledger;
  }

  /** Called about once a second, with whether this replica leads and its safe time. */
  round(leads: boolean, safeTime: number): void {
    const { clock, scheduler, random, log } = this.env;
    const now = clock.monotonicMicros();
    const { earliest } = clock.interval();
    this.inTouchSince = leads || safeTime > earliest - TOUCH_MICROS ? (this.inTouchSince ?? now) : undefined;
    if (this.inTouchSince === undefined || now - this.inTouchSince < SETTLED_MICROS || random.int(ROUNDS) !== 0) return;
    const horizon = timestamp(Math.max(0, earliest - OUTCOME_RETENTION_MICROS));
    scheduler.after(0, () => {
      this.ledger.forgetOutcomes(horizon, BATCH).catch((error: unknown) => {
        log.warn('txn.forgetOutcomes', { error: String(error) });
      });
    });
  }
}

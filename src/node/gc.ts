/**
 * Collects old row versions of this node's replicas in the background (storage/collect.ts does one slice).
 *
 * Every replica collects its own rows. A pass walks over the history of one split in slices of SLICE_VERSIONS with a pause
 * between them, so that its work per second is bounded, and one split is collected at a time. It leaves behind from when
 * on another pass can find anything: a split in which nothing is written any more is not looked at again. Source: the
 * option version_retention_period (Spanner, "Point-in-time recovery").
 */
import type { Environment } from '../base/env.ts';
import { timestamp, type Key, type Timestamp } from '../base/ids.ts';
import type { HostedSplit } from '../splits/hosted.ts';
import type { SplitHost } from '../splits/host.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import { collectGarbage } from '../storage/collect.ts';
import { Participant } from '../txn/participant.ts';

const SLICE_VERSIONS = 500;
/** With the slices, some 10,000 versions a second at most. */
const SLICE_PAUSE_MICROS = 50_000;
/** A split is gone through again only after this share of its retention, so that steady writes do not mean steady passes. */
const PASS_SHARE = 1 / 20;
const MIN_PASS_INTERVAL_MICROS = 1_000_000;
/** A change of the retention is noticed within this; finding it out costs a look into the metadata. */
const MAX_LOOK_INTERVAL_MICROS = 60_000_000;

export interface GarbageCollectorOptions {
  readonly env: Environment;
  readonly host: SplitHost;
  /** How long versions of the split's rows are kept, microseconds; undefined while that is not known. */
  readonly retentionMicros: (split: SplitDescriptor) => number | undefined | Promise<number | undefined>;
}

/** What a pass over a split left behind. */
interface LastPass {
  /** What was there can go further from this horizon on. */
  readonly nextDue: number;
  /** Entries applied after this slot were committed after `startedAt`. */
  readonly slot: number;
  readonly startedAt: Timestamp;
  readonly monotonic: number;
}

export class GarbageCollector {
  private readonly options: GarbageCollectorOptions;
  private readonly env: Environment;
  private readonly host: SplitHost;
  private readonly passes = new WeakMap<HostedSplit, LastPass>();
  /** Monotonic time before which a split is not looked at again. */
  private readonly lookAt = new WeakMap<HostedSplit, number>();
  private running: Promise<void> | undefined;
  private stopped = false;
  private total = 0;

  constructor(options: GarbageCollectorOptions) {
    this.options = options;
    this.env = options.env;
    this.host = options.host;
  }

  /** Versions removed since the node started. */
  get removed(): number {
    return this.total;
  }

  /** Goes through the splits that may have something to collect, unless that is under way. Called about once a second. */
  wake(): void {
    if (this.running !== undefined || this.stopped) return;
    this.running = this.collectAll()
      .catch((error: unknown) => this.env.log.warn('gc.failed', { error }))
      .finally(() => {
        this.running = undefined;
      });
  }

  /** Resolves when nothing reads or writes the engine any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async collectAll(): Promise<void> {
    for (const hosted of [...this.host.all()]) {
      if (!this.holds(hosted) || this.env.clock.monotonicMicros() < (this.lookAt.get(hosted) ?? 0)) continue;
      const retention = await this.options.retentionMicros(hosted.descriptor());
      if (retention === undefined || !this.holds(hosted)) continue;
      const interval = Math.min(MAX_LOOK_INTERVAL_MICROS, Math.max(MIN_PASS_INTERVAL_MICROS, retention * PASS_SHARE));
      this.lookAt.set(hosted, this.env.clock.monotonicMicros() + interval);
      const horizon = this.horizon(hosted, retention);
      if (horizon !== undefined) await this.pass(hosted, horizon);
    }
  }

  private holds(hosted: HostedSplit): boolean {
    return !this.stopped && !hosted.installing && this.host.get(hosted.split) === hosted;
  }

  /** Up to where versions may go, when it is time for a pass. */
  private horizon(hosted: HostedSplit, retention: number): Timestamp | undefined {
    const { application } = hosted;
    const wanted = this.env.clock.interval().earliest - retention;
    if (!(application instanceof Participant) || wanted <= 0) return undefined;
    const last = this.passes.get(hosted);
    if (last !== undefined) {
      const interval = Math.max(MIN_PASS_INTERVAL_MICROS, retention * PASS_SHARE);
      if (this.env.clock.monotonicMicros() - last.monotonic < interval) return undefined;
      const due = hosted.appliedSlot() === last.slot ? last.nextDue : Math.min(last.nextDue, last.startedAt);
      if (wanted < due) return undefined;
    }
    return application.raiseHorizon(timestamp(wanted));
  }

  private async pass(hosted: HostedSplit, horizon: Timestamp): Promise<void> {
    const { application } = hosted;
    const noTombstones = application instanceof Participant ? application.ledger.looksForTombstones() : undefined;
    const begun = { slot: hosted.appliedSlot(), startedAt: this.env.clock.interval().earliest, monotonic: this.env.clock.monotonicMicros() };
    let nextDue = Infinity;
    let examined = 0;
    let removed = 0;
    let tombstones = 0;
    for (let from: Key | undefined; ; ) {
      const range = hosted.descriptor();
      // The rest may have gone to another split meanwhile, which has a pass of its own.
      if (from !== undefined && from >= range.to) break;
      const slice = await collectGarbage(this.host.engine, range, horizon, SLICE_VERSIONS, from);
      examined += slice.examined;
      removed += slice.removed;
      tombstones += slice.tombstones;
      this.total += slice.removed;
      nextDue = Math.min(nextDue, slice.nextDue ?? Infinity);
      from = slice.resumeKey;
      if (from === undefined) break;
      await this.pause(SLICE_PAUSE_MICROS);
      if (!this.holds(hosted)) return;
    }
    this.passes.set(hosted, { ...begun, nextDue });
    if (tombstones === 0) noTombstones?.();
    if (removed > 0) this.env.log.debug('gc.pass', { split: hosted.split, examined, removed, horizon });
  }

  private pause(micros: number): Promise<void> {
    return new Promise((resolve) => {
      this.env.scheduler.after(micros, resolve);
    });
  }
}

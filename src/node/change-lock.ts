/**
 * One schema change of a database at a time, in the whole cluster: a record of the metadata says who changes it, and
 * until when that holds. The holder renews it while it works; when its node dies the record runs out, and whoever comes
 * next takes over (schema-operations.ts): the record says which statement was under way, and what to go back to.
 *
 * A holder that was slow for too long finds another's name in the record, and gives up: every change of the schema reads
 * the record in its own transaction.
 */
import { unavailable } from '../base/errors.ts';
import type { Environment, TimerHandle } from '../base/env.ts';
import type { ReadWriteTransaction } from '../txn/types.ts';
import { deleteRecord, Kind, putRecord, type MetaStore } from './meta.ts';

/** A change whose node has not been heard of for this long is taken over. */
const LEASE_MICROS = 15_000_000;
const RENEW_MICROS = 5_000_000;
const RECORDS = 'ddl/';

/** What was under way when a node died: a statement with work on rows. */
export interface UnfinishedChange {
  readonly operation: string;
  /** The statement's place in the operation. */
  readonly statement: number;
  /** The encoded schema before it. */
  readonly before: string;
  /** It is done, but for the data of what it dropped. Otherwise the schema before comes back. */
  readonly standing: boolean;
}

const takenOver = (): Error => unavailable('The schema change was taken over by another node.');

interface Stored {
  readonly holder: string;
  readonly until: number;
  readonly change?: UnfinishedChange | undefined;
}

export class ChangeLock {
  /** What the last holder left behind. */
  readonly abandoned: UnfinishedChange | undefined;
  private readonly meta: MetaStore;
  private readonly env: Environment;
  private readonly record: string;
  private readonly holder: string;
  private change: UnfinishedChange | undefined;
  private lost = false;
  private timer: TimerHandle | undefined;

  private constructor(meta: MetaStore, env: Environment, record: string, holder: string, abandoned: UnfinishedChange | undefined) {
    this.meta = meta;
    this.env = env;
    this.record = record;
    this.holder = holder;
    this.abandoned = abandoned;
    this.change = abandoned;
    this.renewLater();
  }

  /** Undefined while somebody else holds it. */
  static async tryAcquire(meta: MetaStore, env: Environment, database: number): Promise<ChangeLock | undefined> {
    const record = `${RECORDS}${database}`;
    const holder = env.random.hex(8);
    const { result } = await meta.transact(async (transaction) => {
      const stored = await meta.read<Stored>(transaction, Kind.counter, record, true);
      const now = env.clock.interval().latest;
      if (stored !== undefined && stored.until > now) return undefined;
      await transaction.write([putRecord(Kind.counter, record, { holder, until: now + LEASE_MICROS, change: stored?.change } satisfies Stored)]);
      return { abandoned: stored?.change };
    });
    return result === undefined ? undefined : new ChangeLock(meta, env, record, holder, result.abandoned);
  }

  /** Databases whose change was abandoned, by number. */
  static async listAbandoned(meta: MetaStore, env: Environment): Promise<number[]> {
    const now = env.clock.interval().latest;
    const stored = await meta.list<Stored>(Kind.counter, RECORDS);
    return stored.filter(({ value }) => value.until <= now).map(({ name }) => Number(name.slice(RECORDS.length)));
  }

  /** Notes what is under way, for whoever has to take over. UNAVAILABLE if somebody did already. */
  async note(change: UnfinishedChange | undefined): Promise<void> {
    if (this.change === change) return;
    this.change = change;
    await this.renew();
  }

  /** UNAVAILABLE if somebody else took over, which nobody does while this node lives and reaches the metadata. */
  check(): void {
    if (this.lost) throw takenOver();
  }

  /** Makes the transaction one that commits only while the lock is held, and notes with it what is under way from then on. */
  async guard(transaction: ReadWriteTransaction, change?: UnfinishedChange): Promise<void> {
    const stored = await this.meta.read<Stored>(transaction, Kind.counter, this.record, change !== undefined);
    if (stored?.holder !== this.holder) throw takenOver();
    if (change === undefined) return;
    this.change = change;
    await transaction.write([putRecord(Kind.counter, this.record, { ...stored, change } satisfies Stored)]);
  }

  /** Leaves what is under way to whoever takes over when the lock has run out. */
  abandon(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.lost = true;
  }

  async release(): Promise<void> {
    if (this.lost) return;
    this.timer?.cancel();
    this.timer = undefined;
    await this.meta.transact(async (transaction) => {
      const stored = await this.meta.read<Stored>(transaction, Kind.counter, this.record, true);
      if (stored?.holder === this.holder) await transaction.write([deleteRecord(Kind.counter, this.record)]);
    });
  }

  private async renew(): Promise<void> {
    const { result } = await this.meta.transact(async (transaction) => {
      const stored = await this.meta.read<Stored>(transaction, Kind.counter, this.record, true);
      if (stored?.holder !== this.holder) return false;
      const until = this.env.clock.interval().latest + LEASE_MICROS;
      await transaction.write([putRecord(Kind.counter, this.record, { holder: this.holder, until, change: this.change } satisfies Stored)]);
      return true;
    });
    this.lost ||= !result;
    this.check();
  }

  private renewLater(): void {
    this.timer = this.env.scheduler.after(RENEW_MICROS, () => {
      this.renew()
        .catch((error: unknown) => {
          this.env.log.warn('ddl.renewFailed', { record: this.record, error: String(error) });
        })
        .finally(() => {
          if (this.timer !== undefined && !this.lost) this.renewLater();
        });
    });
  }
}

/**
 * Sessions belong to the cluster: records of the metadata, so that a session made at one node works at every other, and
 * after a restart of all of them. Reading one costs a look at this node's own replica.
 */
import type { Page, PageRequest, SessionRecord, SessionStore } from '../api/backend.ts';
import type { Environment } from '../base/env.ts';
import { deleteRecord, Kind, putRecord, type MetaStore } from './meta.ts';
import { pageOf } from './paging.ts';

/** As in Cloud Spanner: idle sessions go after an hour, multiplexed ones 28 days after they were made. */
const IDLE_LIMIT_MICROS = 3_600_000_000;
const MULTIPLEXED_LIMIT_MICROS = 28 * 24 * 3_600_000_000;
/** The time of last use is written down this coarsely. */
const USE_GRAIN_MICROS = 600_000_000;

export class Sessions implements SessionStore {
  private readonly meta: MetaStore;
  private readonly env: Environment;
  private readonly checkDatabase: (name: string) => Promise<unknown>;
  /** Decoded records by name, with the version they were decoded from. */
  private readonly cache = new Map<string, { readonly version: number; readonly record: SessionRecord }>();

  constructor(meta: MetaStore, env: Environment, checkDatabase: (name: string) => Promise<unknown>) {
    this.meta = meta;
    this.env = env;
    this.checkDatabase = checkDatabase;
  }

  async create(
    database: string,
    template: { readonly multiplexed: boolean; readonly labels: Readonly<Record<string, string>>; readonly creatorRole: string },
    count: number,
  ): Promise<readonly SessionRecord[]> {
    await this.checkDatabase(database);
    const now = this.env.clock.interval().latest;
    const records = Array.from({ length: count }, (): SessionRecord => ({
      name: `${database}/sessions/${template.multiplexed ? 'm' : 's'}${this.env.random.hex(12)}`,
      database,
      ...template,
      createMicros: now,
      lastUseMicros: now,
    }));
    await this.meta.transact((transaction) => transaction.write(records.map((record) => putRecord(Kind.session, record.name, record))));
    return records;
  }

  get(name: string): SessionRecord | undefined | Promise<SessionRecord | undefined> {
    const version = this.meta.localTimestamp(Kind.session, name);
    // Not here: either it does not exist, or its creation has not reached this node yet.
    if (version === undefined) return this.meta.get<SessionRecord>(Kind.session, name);
    const cached = this.cache.get(name);
    if (cached?.version === version) return this.used(cached.record);
    const found = this.meta.local<SessionRecord>(Kind.session, name)?.value;
    if (found === undefined) {
      this.cache.delete(name);
      return undefined;
    }
    if (this.cache.size >= MAX_CACHED) this.cache.clear();
    this.cache.set(name, { version, record: found });
    return this.used(found);
  }

  async list(database: string, page: PageRequest, keep: (session: SessionRecord) => boolean): Promise<Page<SessionRecord>> {
    await this.checkDatabase(database);
    return await pageOf(this.meta, Kind.session, `${database}/sessions/s`, page, keep);
  }

  async delete(name: string): Promise<void> {
    this.cache.delete(name);
    await this.meta.transact((transaction) => transaction.write([deleteRecord(Kind.session, name)]));
  }

  /** Forgets sessions that expired without anybody asking for them again. */
  async sweep(): Promise<void> {
    const now = this.env.clock.interval().latest;
    await this.meta.sweep<SessionRecord>(Kind.session, (record) => isExpired(record, now));
  }

  private used(record: SessionRecord): SessionRecord | undefined {
    const now = this.env.clock.interval().latest;
    const expired = isExpired(record, now);
    if (!expired && now - record.lastUseMicros < USE_GRAIN_MICROS) return record;
    const work = expired ? this.delete(record.name) : this.touch(record, now);
    work.catch((error: unknown) => {
      this.env.log.debug('sessions.touchFailed', { error: String(error) });
    });
    return expired ? undefined : record;
  }

  private async touch(record: SessionRecord, now: number): Promise<void> {
    // Kept here at once, so that the next calls do not write it again.
    const touched = { ...record, lastUseMicros: now };
    const version = this.cache.get(record.name)?.version;
    if (version !== undefined) this.cache.set(record.name, { version, record: touched });
    await this.meta.transact(async (transaction) => {
      if ((await this.meta.read(transaction, Kind.session, record.name, true)) !== undefined) {
        await transaction.write([putRecord(Kind.session, record.name, touched)]);
      }
    });
  }
}

const MAX_CACHED = 10_000;

const isExpired = (record: SessionRecord, now: number): boolean =>
  record.multiplexed ? now - record.createMicros > MULTIPLEXED_LIMIT_MICROS : now - record.lastUseMicros > IDLE_LIMIT_MICROS;

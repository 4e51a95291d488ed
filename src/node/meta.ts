/**
 * The cluster's metadata: small named records in the metadata split, replicated and locked like any other rows. Every
 * node has a replica of that split, so that reads that bear a few milliseconds of lag cost no call.
 *
 * A record's key is the metadata prefix, one byte of kind, and the record's name in UTF-8; its value is JSON.
 */
import { prefixEnd, timestamp, type Key, type Timestamp } from '../base/ids.ts';
import { Code, TrestleError } from '../base/errors.ts';
import { encodeCell, readRecord } from '../storage/record.ts';
import { latestVersion, readAt, scanLatest } from '../storage/mvcc.ts';
import type { ReadView, ReadWriteTransaction, WriteOp } from '../txn/types.ts';
import type { NodeCore } from './core.ts';
import { Participant } from '../txn/participant.ts';
import { META_PREFIX, META_SPLIT } from './keyspace.ts';

export const Kind = { instance: 'i', database: 'd', operation: 'o', session: 's', split: 'p', counter: 'c', schema: 'x', policy: 'a', splitPoint: 'u', queue: 'q', partitionedDml: 'm' } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const VALUE_COLUMN = 1;
const MAX_ATTEMPTS = 200;
const SWEEP_BATCH = 500;
const MAX_TIMESTAMPS = 10_000;

export interface Stored<T> {
  readonly name: string;
  readonly value: T;
}

export const metaKey = (kind: Kind, name: string): Key => (META_PREFIX + kind + Buffer.from(name, 'utf8').toString('latin1')) as Key;
const nameOf = (key: Key): string => Buffer.from(key.slice(META_PREFIX.length + 1), 'latin1').toString('utf8');

export const putRecord = (kind: Kind, name: string, value: unknown): WriteOp => ({
  kind: 'put',
  key: metaKey(kind, name),
  cells: [{ column: VALUE_COLUMN, value: encodeCell({ kind: 'STRING' }, JSON.stringify(value)) }],
});
export const deleteRecord = (kind: Kind, name: string): WriteOp => ({ kind: 'delete', key: metaKey(kind, name) });

/** The types of stored values are this module's own: nothing else writes there. */
function parse<T>(record: Uint8Array): T {
  const out: unknown[] = [];
  readRecord(record, [VALUE_COLUMN], out);
  return JSON.parse(String(out[0])) as T;
}

export class MetaStore {
  private readonly core: NodeCore;
  /** Commit timestamps of records, by kind and name, as of an applied slot: every call asks for three, and they change with the log only. */
  private readonly timestamps = new Map<Kind, Map<string, Timestamp>>();
  private timestampsAsOf = -1;

  constructor(core: NodeCore) {
    this.core = core;
  }

  /** As this node's replica has it: perhaps some milliseconds old. `timestamp` tells versions apart. */
  local<T>(kind: Kind, name: string): { readonly value: T | undefined; readonly timestamp: Timestamp } | undefined {
    const version = latestVersion(this.core.engine, metaKey(kind, name));
    if (version === undefined) return undefined;
    return { value: version.record === undefined ? undefined : parse<T>(version.record), timestamp: version.timestamp };
  }

  /** The commit timestamp of this node's version, without decoding it. */
  localTimestamp(kind: Kind, name: string): Timestamp | undefined {
    const replica = this.core.host.get(META_SPLIT);
    if (replica === undefined || replica.installing) return this.lookUpTimestamp(kind, name);
    const slot = replica.appliedSlot();
    if (slot !== this.timestampsAsOf) {
      this.timestamps.clear();
      this.timestampsAsOf = slot;
    }
    let ofKind = this.timestamps.get(kind);
    if (ofKind === undefined || ofKind.size > MAX_TIMESTAMPS) this.timestamps.set(kind, (ofKind = new Map()));
    const known = ofKind.get(name);
    if (known !== undefined) return known;
    const found = this.lookUpTimestamp(kind, name);
    if (found !== undefined) ofKind.set(name, found);
    return found;
  }

  private lookUpTimestamp(kind: Kind, name: string): Timestamp | undefined {
    return latestVersion(this.core.engine, metaKey(kind, name))?.timestamp;
  }

  /** Up to when this node's replica has everything. */
  knownUntil(): Timestamp {
    const participant = this.core.host.get(META_SPLIT)?.application;
    if (!(participant instanceof Participant)) return timestamp(0);
    return participant.leads() ? timestamp(Number.MAX_SAFE_INTEGER) : participant.safeTime.now();
  }

  /** As it was at `at`, at this node's replica, which must be that far. */
  async localAt<T>(kind: Kind, name: string, at: Timestamp): Promise<T | undefined> {
    const record = await readAt(this.core.engine, metaKey(kind, name), at);
    return record === undefined ? undefined : parse<T>(record);
  }

  /** The names of this node's records of a kind, in order. */
  async localNames(kind: Kind): Promise<string[]> {
    const from = metaKey(kind, '');
    const names: string[] = [];
    for await (const key of scanLatest(this.core.engine, from, prefixEnd(from) ?? from)) names.push(nameOf(key));
    return names;
  }

  /** The current record, at the leader. */
  async get<T>(kind: Kind, name: string): Promise<T | undefined> {
    return this.read<T>(await this.core.gateway.snapshot({ kind: 'strong' }), kind, name);
  }

  async read<T>(view: ReadView, kind: Kind, name: string, exclusive = false): Promise<T | undefined> {
    const [record] = await view.get([metaKey(kind, name)], exclusive ? { lock: 'exclusive' } : {});
    return record === undefined ? undefined : parse<T>(record);
  }

  /** Records whose names start with `prefix` and follow `after`, in order of name, at most `limit`. */
  async list<T>(kind: Kind, prefix: string, after = '', limit = Number.MAX_SAFE_INTEGER, view?: ReadView): Promise<Stored<T>[]> {
    const from = after === '' ? metaKey(kind, prefix) : (`${metaKey(kind, after)}\0` as Key);
    const to = prefixEnd(metaKey(kind, prefix));
    const reader = view ?? (await this.core.gateway.snapshot({ kind: 'strong' }));
    const found: Stored<T>[] = [];
    if (to === undefined || from >= to) return found;
    const cursor = reader.scan({ from, to }, { limit });
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { key, record } of batch) found.push({ name: nameOf(key), value: parse<T>(record) });
      }
      return found;
    } finally {
      await cursor.close();
    }
  }

  /** Deletes the records of a kind that `isOver` holds for, some at a time. */
  async sweep<T>(kind: Kind, isOver: (value: T) => boolean): Promise<void> {
    for (let after = ''; ; ) {
      const found = await this.list<T>(kind, '', after, SWEEP_BATCH);
      const over = found.filter(({ value }) => isOver(value));
      // Read again under lock: one may have been used meanwhile.
      await this.transact(async (transaction) => {
        for (const { name } of over) {
          const value = await this.read<T>(transaction, kind, name, true);
          if (value !== undefined && isOver(value)) await transaction.write([deleteRecord(kind, name)]);
        }
      });
      const last = found.at(-1);
      if (last === undefined || found.length < SWEEP_BATCH) return;
      after = last.name;
    }
  }

  /** Runs `body` in a transaction until one commits. `since` makes it older than it is. */
  async transact<T>(body: (transaction: ReadWriteTransaction) => Promise<T>, since?: Timestamp): Promise<{ readonly result: T; readonly commitTimestamp: Timestamp }> {
    let age = since;
    for (let attempt = 1; ; attempt++) {
      const transaction = this.core.gateway.beginReadWrite(age === undefined ? {} : { age });
      ({ age } = transaction);
      try {
        const result = await body(transaction);
        return { result, commitTimestamp: (await transaction.commit()).commitTimestamp };
      } catch (error) {
        await transaction.rollback();
        if (!(error instanceof TrestleError) || error.code !== Code.ABORTED || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** Draws the next `count` numbers of a counter that begins at `first`; answers the first of them. */
  async draw(counter: string, first: number, count = 1): Promise<number> {
    const { result } = await this.transact(async (transaction) => {
      const next = (await this.read<number>(transaction, Kind.counter, counter, true)) ?? first;
      await transaction.write([putRecord(Kind.counter, counter, next + count)]);
      return next;
    });
    return result;
  }
}

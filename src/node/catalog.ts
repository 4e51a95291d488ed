/**
 * Databases and their schemas as this node knows them: what the metadata says, decoded once per version.
 *
 * A schema change is safe for concurrent transactions because of three rules (docs/decisions/0006):
 *  1. Every use of a schema is noted with the transaction, and a transaction commits only at a node whose schema is
 *     still the one it used; otherwise it is ABORTED.
 *  2. A node acknowledges a new version only when commits under the old one have ended here.
 *  3. The change goes on (backfills, becomes visible as done) only when every node that is up has acknowledged.
 */
import type { Environment } from '../base/env.ts';
import { assert } from '../base/assert.ts';
import { aborted, notFound, unavailable, type TrestleError } from '../base/errors.ts';
import { timestamp, type Timestamp } from '../base/ids.ts';
import { describeConflict } from '../sql/rows/conflict.ts';
import { KeySpace } from '../sql/rows/keyspace.ts';
import type { RowWriter } from '../sql/rows/writer.ts';
import type { ColumnEvaluator } from '../sql/rows/values.ts';
import { decodeSchema } from '../sql/schema/codec.ts';
import { Schema } from '../sql/schema/schema.ts';
import { ANY_VERSION } from '../txn/fence.ts';
import type { ReadWriteTransaction, TransactionHooks, WriteConflict } from '../txn/types.ts';
import { databasePrefix } from './keyspace.ts';
import { Kind, type MetaStore } from './meta.ts';

const DATABASE_TYPE = 'type.googleapis.com/google.spanner.admin.database.v1.Database';
/** How long a node waits for its commits under an older schema to end, microseconds. */
const SETTLE_LIMIT_MICROS = 10_000_000;
const POLL_MICROS = 2_000;
/**
 * How far beyond what this node's replica of the metadata knows its schemas are trusted by reads without locks. What would
 * miss rows is refused by the splits (txn/fence.ts); this is for names that have come or gone.
 */
const READ_TRUST_MICROS = 5_000_000;

/** A database as it is stored. */
export interface StoredDatabase {
  readonly name: string;
  readonly number: number;
  readonly dialect: 'googleSql' | 'postgreSql';
  readonly createMicros: number;
  readonly dropProtection: boolean;
}

/** A schema as it is stored, under the database's number: the bytes of sql/schema/codec in base64. */
export interface StoredSchema {
  readonly encoded: string;
}

/** Older than every version that is stored. */
const FIRST_VERSION = timestamp(1);

export const databaseNotFound = (name: string): Error =>
  notFound(`Database not found: ${name}`, [{ kind: 'resourceInfo', resourceType: DATABASE_TYPE, resourceName: name, description: 'Database does not exist.' }]);

/** What turns rows into a transaction's writes, and evaluates the schema's expressions for that. */
export interface TransactionWriter {
  readonly writer: RowWriter;
  readonly evaluator: ColumnEvaluator;
}

/** What a read-write transaction has used of its database so far. */
export class DatabaseUse implements TransactionHooks {
  readonly database: OpenDatabase;
  /** That its first operation found. */
  schema: Schema | undefined;
  /** The commit timestamp of the schema's record. */
  version: Timestamp = ANY_VERSION;
  /** It remembers what the transaction still has to check and write. */
  writer: TransactionWriter | undefined;

  constructor(database: OpenDatabase) {
    this.database = database;
  }

  static of(transaction: ReadWriteTransaction): DatabaseUse {
    const { hooks } = transaction;
    assert(hooks instanceof DatabaseUse, 'the transaction was begun in a database');
    return hooks;
  }

  beginCommit(): (() => void) | Promise<() => void> {
    return this.database.beginCommit(this);
  }

  schemaVersion(): Timestamp {
    return this.version;
  }

  describeConflict(conflict: WriteConflict): TrestleError {
    return describeConflict(new KeySpace(this.schema ?? this.database.schema(), this.database.prefix), conflict);
  }
}

/** One database at this node. */
export class OpenDatabase {
  readonly stored: StoredDatabase;
  readonly prefix: string;
  private readonly meta: MetaStore;
  private version: Timestamp | undefined;
  private current: Schema = Schema.EMPTY;
  /** Versions of those that were read from this node's replica as the latest. */
  private readonly versions = new WeakMap<Schema, Timestamp>();
  private readonly committing = new Map<Schema, number>();

  constructor(meta: MetaStore, stored: StoredDatabase) {
    this.meta = meta;
    this.stored = stored;
    this.prefix = databasePrefix(stored.number);
  }

  /** The schema as of this node's replica of the metadata. */
  schema(): Schema {
    const version = this.meta.localTimestamp(Kind.schema, String(this.stored.number));
    if (version !== this.version) {
      const record = this.meta.local<StoredSchema>(Kind.schema, String(this.stored.number))?.value;
      this.current = record === undefined ? Schema.EMPTY : decodeSchema(Buffer.from(record.encoded, 'base64'));
      this.version = version;
      if (version !== undefined) this.versions.set(this.current, version);
    }
    return this.current;
  }

  /** UNAVAILABLE when a schema may have come before `at` that this node has not heard of. */
  checkTrusted(at: Timestamp): void {
    if (at > this.meta.knownUntil() + READ_TRUST_MICROS) throw unavailable('This node has lost touch with the metadata; try again.');
  }

  /** The schema as it was at `at`. */
  async schemaAt(at: Timestamp): Promise<Schema> {
    const schema = this.schema();
    if (this.version === undefined || this.version <= at) return schema;
    const record = await this.meta.localAt<StoredSchema>(Kind.schema, String(this.stored.number), at);
    return record === undefined ? Schema.EMPTY : decodeSchema(Buffer.from(record.encoded, 'base64'));
  }

  /** For readers with this schema. One that was looked up because a newer is known is what the time it was looked up for has. */
  versionOf(schema: Schema): Timestamp {
    return this.versions.get(schema) ?? ANY_VERSION;
  }

  /** Notes that the transaction's writes are built with the current schema; ABORTED if earlier ones used another. */
  use(transaction: ReadWriteTransaction): Schema {
    const schema = this.schema();
    const use = DatabaseUse.of(transaction);
    if (use.schema === undefined) {
      use.schema = schema;
      use.version = this.version ?? FIRST_VERSION;
    } else if (use.schema !== schema) throw aborted('Transaction was aborted: the schema changed.');
    return schema;
  }

  /** Called before a commit is sent; the answer is called when it has ended. */
  beginCommit({ schema, writer }: DatabaseUse): (() => void) | Promise<() => void> {
    if (schema === undefined) return noop;
    const finished = writer?.writer.finish();
    return finished === undefined ? this.enterCommit(schema) : finished.then(() => this.enterCommit(schema));
  }

  private enterCommit(schema: Schema): () => void {
    if (schema !== this.schema()) throw aborted('Transaction was aborted: the schema changed.');
    this.committing.set(schema, (this.committing.get(schema) ?? 0) + 1);
    return () => {
      const left = (this.committing.get(schema) ?? 1) - 1;
      if (left === 0) this.committing.delete(schema);
      else this.committing.set(schema, left);
    };
  }

  /** Resolves when this node uses the schema of `at` or a later one, and no commit under an older one is on its way. */
  async settle(at: Timestamp, env: Environment): Promise<void> {
    const end = env.clock.monotonicMicros() + SETTLE_LIMIT_MICROS;
    for (;;) {
      const schema = this.schema();
      const busy = [...this.committing.keys()].some((other) => other !== schema);
      if (this.version !== undefined && this.version >= at && !busy) return;
      if (env.clock.monotonicMicros() > end) throw unavailable('Commits under the previous schema did not end in time.');
      await new Promise<void>((resolve) => {
        env.scheduler.after(POLL_MICROS, resolve);
      });
    }
  }
}

const noop = (): void => undefined;

export class Catalog {
  private readonly meta: MetaStore;
  private readonly env: Environment;
  private readonly open = new Map<string, { readonly version: Timestamp; readonly database: OpenDatabase }>();
  private readonly byNumber = new Map<number, OpenDatabase>();

  constructor(meta: MetaStore, env: Environment) {
    this.meta = meta;
    this.env = env;
  }

  /** NOT_FOUND when there is none. Without a promise when this node's replica knows the database. */
  database(name: string): OpenDatabase | Promise<OpenDatabase> {
    const version = this.meta.localTimestamp(Kind.database, name);
    const known = this.open.get(name);
    if (known !== undefined && known.version === version) return known.database;
    const stored = this.meta.local<StoredDatabase>(Kind.database, name)?.value;
    if (stored !== undefined && version !== undefined) return this.remember(stored, version);
    this.open.delete(name);
    if (known !== undefined && version !== undefined) this.byNumber.delete(known.database.stored.number); // Dropped.
    return this.fetch(name);
  }

  /** A database of which something was used here, for what concerns it on its own. */
  numbered(number: number): OpenDatabase | undefined {
    return this.byNumber.get(number);
  }

  /** Those that are known here. */
  known(): OpenDatabase[] {
    return [...this.byNumber.values()];
  }

  /** Makes every database known by its number: for what is shown of splits. */
  async learnAll(): Promise<void> {
    for (const { name } of await this.meta.list<StoredDatabase>(Kind.database, '')) await this.database(name);
  }

  private remember(stored: StoredDatabase, version: Timestamp): OpenDatabase {
    // A change of the record (drop protection) must not lose what is known of running transactions.
    const before = this.byNumber.get(stored.number);
    const database = before !== undefined && JSON.stringify(before.stored) === JSON.stringify(stored) ? before : new OpenDatabase(this.meta, stored);
    this.open.set(stored.name, { version, database });
    this.byNumber.set(stored.number, database);
    return database;
  }

  /** The creation may not have reached this node's replica yet: then it is waited for. */
  private async fetch(name: string): Promise<OpenDatabase> {
    if ((await this.meta.get<StoredDatabase>(Kind.database, name)) === undefined) throw databaseNotFound(name);
    const end = this.env.clock.monotonicMicros() + SETTLE_LIMIT_MICROS;
    for (;;) {
      const local = this.meta.local<StoredDatabase>(Kind.database, name);
      if (local?.value !== undefined) return this.remember(local.value, local.timestamp);
      if (this.env.clock.monotonicMicros() > end) throw unavailable('This node has not caught up with the metadata; try again.');
      await new Promise<void>((resolve) => {
        this.env.scheduler.after(POLL_MICROS, resolve);
      });
    }
  }
}

/**
 * Row deletion policies at work: rows that are older than their table's policy allows are deleted in the background, by
 * the node that leads the metadata. A round over a table is a partitioned DML statement: transactions of bounded size like
 * any client's, with everything that cascades, that can stop anywhere and be begun again. How far it is, is a record of the
 * metadata, which SPANNER_SYS.ROW_DELETION_POLICIES shows. Source: Spanner, "Time to live (TTL)".
 */
import type { DatabaseHandle } from '../api/backend.ts';
import { TrestleError } from '../base/errors.ts';
import { quote } from '../sql/schema/quote.ts';
import type { Table } from '../sql/schema/objects.ts';
import { columnById } from '../sql/schema/schema.ts';
import { TIMESTAMP } from '../sql/types/types.ts';
import { toWire } from '../sql/values/wire.ts';
import type { Catalog, OpenDatabase } from './catalog.ts';
import type { NodeCore } from './core.ts';
import { META_SPLIT } from './keyspace.ts';
import { Kind, putRecord, type MetaStore } from './meta.ts';
import type { Fields } from './statistics/rows.ts';
import { timestampOf } from './statistics/units.ts';

/** Between two rounds over a table; longer when a round is long, so that steady deletion takes a small share of a node. */
const ROUND_MICROS = 60_000_000;
const PAUSE_PER_MICRO = 20;
const DAY_MICROS = 86_400_000_000;

interface StoredRound {
  readonly table: string;
  /** Rows older than this are gone. */
  readonly watermarkMicros: number;
  /** Not before. */
  readonly nextMicros: number;
  readonly deleted: number;
  /** What the last round could not delete. */
  readonly undeletable: Undeletable | undefined;
}

interface Undeletable {
  readonly rows: number;
  readonly oldestMicros: number;
}

type Cutoff = Readonly<{ cutoff: ReturnType<typeof toWire> }>;

const recordOf = (database: number, table: number): string => `${recordsOf(database)}${table}`;
/** The records of a database, as counters. */
export const recordsOf = (database: number): string => `ttl/${database}/`;

export class RowDeletion {
  private readonly core: NodeCore;
  private readonly meta: MetaStore;
  private readonly catalog: Catalog;
  private readonly open: (name: string) => Promise<DatabaseHandle>;
  private running: Promise<void> | undefined;

  constructor(core: NodeCore, meta: MetaStore, catalog: Catalog, open: (name: string) => Promise<DatabaseHandle>) {
    this.core = core;
    this.meta = meta;
    this.catalog = catalog;
    this.open = open;
  }

  /** Begins a round over the tables whose time has come, unless one is under way. */
  wake(): void {
    this.running ??= this.round()
      .catch((error: unknown) => this.core.env.log.warn('ttl.failed', { error: String(error) }))
      .finally(() => {
        this.running = undefined;
      });
  }

  async round(): Promise<void> {
    for (const name of await this.meta.localNames(Kind.database)) {
      const database = await this.existing(name);
      for (const table of database?.schema().data.tables ?? []) {
        if (table.rowDeletionPolicy === undefined || this.core.host.get(META_SPLIT)?.isLeading() !== true || database === undefined) continue;
        await this.roundOf(database, table, table.rowDeletionPolicy.days);
      }
    }
  }

  private async existing(name: string): Promise<OpenDatabase | undefined> {
    try {
      return await this.catalog.database(name);
    } catch (error) {
      if (error instanceof TrestleError) return undefined; // Dropped meanwhile.
      throw error;
    }
  }

  private async roundOf(database: OpenDatabase, table: Table, days: number): Promise<void> {
    const record = recordOf(database.stored.number, table.id);
    const before = this.meta.local<StoredRound>(Kind.counter, record)?.value;
    const { clock, log } = this.core.env;
    const start = clock.interval().earliest;
    if (before !== undefined && before.nextMicros > start) return;
    const begun = clock.monotonicMicros();
    const cutoff = start - days * DAY_MICROS;
    const { deleted, undeletable } = await this.deleteBefore(database, table, cutoff);
    if (deleted > 0) log.info('ttl.round', { database: database.stored.name, table: table.name, deleted });
    const stored: StoredRound = {
      table: table.name,
      watermarkMicros: cutoff,
      nextMicros: clock.interval().latest + Math.max(ROUND_MICROS, (clock.monotonicMicros() - begun) * PAUSE_PER_MICRO),
      deleted: (before?.deleted ?? 0) + deleted,
      undeletable,
    };
    await this.meta.transact((transaction) => transaction.write([putRecord(Kind.counter, record, stored)]));
  }

  private async deleteBefore(database: OpenDatabase, table: Table, cutoff: number): Promise<{ readonly deleted: number; readonly undeletable: Undeletable | undefined }> {
    const handle = await this.open(database.stored.name);
    const condition = `${quote(table.name)} WHERE ${quote(columnById(table, table.rowDeletionPolicy?.column ?? 0).name)} < @cutoff`;
    const parameters: Cutoff = { cutoff: toWire(timestampOf(cutoff), TIMESTAMP) };
    try {
      const statement = await handle.sql.prepare(`DELETE FROM ${condition}`, TYPES);
      return { deleted: await handle.sql.partitionedDml(statement, parameters, {}), undeletable: undefined };
    } catch (error) {
      if (!(error instanceof TrestleError)) throw error;
      this.core.env.log.warn('ttl.undeletable', { database: database.stored.name, table: table.name, error: error.message });
      return { deleted: 0, undeletable: await this.whatIsLeft(handle, condition, table, parameters) };
    }
  }

  private async whatIsLeft({ sql, transactions }: DatabaseHandle, condition: string, table: Table, parameters: Cutoff): Promise<Undeletable | undefined> {
    const column = quote(columnById(table, table.rowDeletionPolicy?.column ?? 0).name);
    const view = await transactions.snapshot({ kind: 'strong' });
    const statement = await sql.prepare(`SELECT COUNT(*), UNIX_MICROS(MIN(${column})) FROM ${condition}`, TYPES, view.readTimestamp);
    const stream = await sql.query(view, statement, parameters, {});
    const [row] = (await stream.next()) ?? [];
    await stream.close();
    const [rows, oldest] = row ?? [];
    return rows === 0 ? undefined : { rows: Number(rows), oldestMicros: Number(oldest) };
  }

  /** Of SPANNER_SYS.ROW_DELETION_POLICIES. */
  async rows(database: OpenDatabase): Promise<readonly Fields[]> {
    const { tables } = database.schema().data;
    const stored = await this.meta.list<StoredRound>(Kind.counter, recordsOf(database.stored.number));
    const rounds = new Map(stored.map(({ name, value }) => [name, value]));
    return tables.flatMap((table): Fields[] => {
      if (table.rowDeletionPolicy === undefined) return [];
      const round = rounds.get(recordOf(database.stored.number, table.id));
      const left = round?.undeletable;
      return [{
        TABLE_NAME: table.name,
        PROCESSED_WATERMARK: round === undefined ? null : timestampOf(round.watermarkMicros),
        UNDELETABLE_ROWS: left?.rows ?? 0,
        MIN_UNDELETABLE_TIMESTAMP: left === undefined ? null : timestampOf(left.oldestMicros),
      }];
    });
  }
}

const TYPES = new Map([['cutoff', TIMESTAMP]]);

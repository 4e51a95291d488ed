/**
 * Split points that users have asked for: cut at once, and remembered until they expire, for SPANNER_SYS.USER_SPLIT_POINTS.
 * A split that was made for one stays after that: splits are not merged. Source: DatabaseAdmin.AddSplitPoints.
 */
import type { SplitPoint } from '../api/backend.ts';
import { invalidArgument } from '../base/errors.ts';
import { splitId } from '../base/ids.ts';
import type { OpenDatabase } from './catalog.ts';
import type { NodeCore } from './core.ts';
import { FIRST_FREE_SPLIT } from './keyspace.ts';
import { Kind, putRecord, type MetaStore } from './meta.ts';
import { splitKeys } from './split-points.ts';
import type { Fields } from './statistics/rows.ts';
import { timestampOf } from './statistics/units.ts';

const DAY_MICROS = 24 * 3_600_000_000;
const DEFAULT_LIFE_MICROS = 10 * DAY_MICROS;
const MAX_LIFE_MICROS = 30 * DAY_MICROS;

interface StoredPoint {
  readonly table: string;
  readonly index: string;
  readonly initiator: string;
  readonly key: string;
  readonly expireMicros: number;
}

export class SplitPoints {
  private readonly core: NodeCore;
  private readonly meta: MetaStore;

  constructor(core: NodeCore, meta: MetaStore) {
    this.core = core;
    this.meta = meta;
  }

  async add(database: OpenDatabase, points: readonly SplitPoint[], initiator: string): Promise<void> {
    const now = this.core.env.clock.interval().latest;
    for (const { expireMicros } of points) {
      if (expireMicros === undefined) continue;
      if (expireMicros <= now) throw invalidArgument('The expire_time of a split point must be in the future.');
      if (expireMicros > now + MAX_LIFE_MICROS) throw invalidArgument('The expire_time of a split point must be within 30 days.');
    }
    const stored = points.flatMap((point): StoredPoint[] =>
      point.keys.map((parts) => ({
        table: point.index === '' ? point.table : tableOfIndex(database, point.index), index: point.index, initiator,
        key: printed(point, parts), expireMicros: point.expireMicros ?? now + DEFAULT_LIFE_MICROS,
      })),
    );
    const keys = splitKeys(database, points);
    for (const key of keys) await this.core.cutAt(key, splitId(await this.meta.draw('split', FIRST_FREE_SPLIT)));
    const prefix = `${String(database.stored.number)}/`;
    await this.meta.transact((transaction) => transaction.write(stored.map((point) => putRecord(Kind.splitPoint, `${prefix}${point.index === '' ? 't' : 'i'}${point.key}`, point))));
  }

  async rows(database: OpenDatabase): Promise<readonly Fields[]> {
    const now = this.core.env.clock.interval().latest;
    const found = await this.meta.list<StoredPoint>(Kind.splitPoint, `${String(database.stored.number)}/`);
    return found
      .filter(({ value }) => value.expireMicros > now)
      .map(({ value }) => ({
        TABLE_NAME: value.table,
        INDEX_NAME: value.index === '' ? null : value.index,
        INITIATOR: value.initiator === '' ? 'CloudAddSplitPointsAPI' : value.initiator,
        SPLIT_KEY: value.key,
        EXPIRE_TIME: timestampOf(value.expireMicros),
      }));
  }

  async sweep(): Promise<void> {
    const now = this.core.env.clock.interval().latest;
    await this.meta.sweep<StoredPoint>(Kind.splitPoint, ({ expireMicros }) => expireMicros <= now);
  }
}

function tableOfIndex(database: OpenDatabase, name: string): string {
  const schema = database.schema();
  const index = schema.index(name);
  return index === undefined ? '' : schema.tableById(index.table).name;
}

const printed = ({ table, index }: SplitPoint, parts: readonly unknown[]): string => `${index === '' ? table : index}(${parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(',')})`;

/**
 * Statistics of a database's tables at this node, for the planner. A table's are gathered in the background once a
 * statement was planned for which they matter, and again when they have become old or the schema has changed since, which
 * ANALYZE makes it do; one table at a time, with pauses. Until then, and after a failure, the planner assumes. Nothing is kept on disk: gathering is bounded and cheap.
 */
import type { Environment } from '../base/env.ts';
import { NO_STATISTICS, type Statistics, type TableStatistics } from '../sql/plan/statistics.ts';
import type { KeySpace } from '../sql/rows/keyspace.ts';
import { gatherStatistics } from '../sql/rows/statistics.ts';
import type { Schema } from '../sql/schema/schema.ts';
import { headKey } from '../storage/mvcc.ts';
import type { Engine } from '../storage/types.ts';
import type { KeyRange, Snapshot } from '../txn/types.ts';

const STALE_MICROS = 600_000_000;
const RETRY_MICROS = 60_000_000;
/** Between two batches of a walk. */
const PAUSE_MICROS = 2_000;
/** Plans are made again when a table has grown or shrunk by this factor. */
const CHANGE_FACTOR = 2;
/** Tables whose statistics are kept; beyond it the oldest go. */
const MAX_TABLES = 5_000;

interface Known {
  readonly statistics: TableStatistics | undefined;
  readonly schemaVersion: number;
  /** When they are to be gathered again. */
  readonly due: number;
}

export class TableStatisticsKeeper {
  private readonly env: Environment;
  private readonly snapshot: () => Promise<Snapshot>;
  private readonly spaceOf: (schema: Schema) => KeySpace;
  private readonly bytesOf: (range: KeyRange) => Promise<number>;
  private readonly known = new Map<number, Known>();
  private readonly wanted = new Set<number>();
  private version = 0;
  private gathering: Promise<void> | undefined;

  constructor(env: Environment, engine: Engine, snapshot: () => Promise<Snapshot>, spaceOf: (schema: Schema) => KeySpace) {
    this.bytesOf = ({ from, to }) => engine.approximateBytes(headKey(from), headKey(to));
    this.env = env;
    this.snapshot = snapshot;
    this.spaceOf = spaceOf;
  }

  /** What is known now. */
  current(): Statistics {
    if (this.version === 0) return NO_STATISTICS;
    return { version: this.version, table: (id) => this.known.get(id)?.statistics };
  }

  /** A statement over these tables was planned. */
  want(schema: Schema, tables: Iterable<number>): void {
    const now = this.env.clock.monotonicMicros();
    for (const id of tables) {
      const known = this.known.get(id);
      if (known === undefined || known.due <= now || known.schemaVersion < schema.version) this.wanted.add(id);
    }
    if (this.wanted.size > 0) this.gathering ??= this.gatherWanted(schema).finally(() => (this.gathering = undefined));
  }

  private async gatherWanted(schema: Schema): Promise<void> {
    for (const id of this.wanted) {
      this.wanted.delete(id);
      const table = schema.findTableById(id);
      if (table === undefined) continue;
      const before = this.known.get(id)?.statistics;
      let statistics = before;
      let retry = STALE_MICROS;
      try {
        statistics = await gatherStatistics(await this.snapshot(), this.spaceOf(schema), table, { pause: () => this.pause(), bytesOf: this.bytesOf });
      } catch (error) {
        retry = RETRY_MICROS;
        this.env.log.debug('sql.statistics.failed', { table: table.name, error: error instanceof Error ? error.message : String(error) });
      }
      this.known.delete(id);
      this.known.set(id, { statistics, schemaVersion: schema.version, due: this.env.clock.monotonicMicros() + retry });
      if (statistics !== undefined && hasChanged(before, statistics)) this.version++;
      for (const oldest of this.known.keys()) {
        if (this.known.size <= MAX_TABLES) break;
        this.known.delete(oldest);
      }
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      this.env.scheduler.after(PAUSE_MICROS, resolve);
    });
  }
}

function hasChanged(before: TableStatistics | undefined, after: TableStatistics): boolean {
  if (before === undefined) return true;
  const [low, high] = before.rows < after.rows ? [before.rows, after.rows] : [after.rows, before.rows];
  return high > (low + 100) * CHANGE_FACTOR;
}

/**
 * What is done now and then. At every node the load of splits and the sizes of tables are looked at. At the node that leads the cluster's metadata
 * schema changes whose node died are taken up, rows that are too old for their policies go, and what is over is forgotten: sessions that nobody used, operations and
 * partitioned statements that ended long ago, split points that have expired.
 */
import { META_SPLIT } from './keyspace.ts';
import type { NodeCore } from './core.ts';
import type { Operations } from './operations.ts';
import type { RowDeletion } from './row-deletion.ts';
import type { SchemaOperations } from './schema-operations.ts';
import type { Sessions } from './sessions.ts';

const ROUND_MICROS = 10_000_000;
/** Sessions and operations are looked through in every so many rounds. */
const SWEEP_ROUNDS = 30;

export class Housekeeping {
  private readonly core: NodeCore;
  private readonly schemas: SchemaOperations;
  private readonly sessions: Sessions;
  private readonly operations: Operations;
  private readonly sweepRest: () => Promise<void>;
  private readonly sample: () => Promise<void>;
  private readonly rowDeletion: RowDeletion;
  private round = 0;
  private stopped = false;

  constructor(core: NodeCore, schemas: SchemaOperations, sessions: Sessions, operations: Operations, sweepRest: () => Promise<void>, sample: () => Promise<void>, rowDeletion: RowDeletion) {
    this.rowDeletion = rowDeletion;
    this.sample = sample;
    this.sweepRest = sweepRest;
    this.core = core;
    this.schemas = schemas;
    this.sessions = sessions;
    this.operations = operations;
  }

  start(): void {
    this.core.env.scheduler.after(ROUND_MICROS, () => {
      if (this.stopped) return;
      this.work()
        .catch((error: unknown) => {
          this.core.env.log.warn('housekeeping.failed', { error: String(error) });
        })
        .finally(() => {
          this.start();
        });
    });
  }

  stop(): void {
    this.stopped = true;
  }

  private async work(): Promise<void> {
    this.round++;
    await this.sample();
    if (this.core.host.get(META_SPLIT)?.isLeading() !== true) return;
    this.rowDeletion.wake();
    await this.schemas.takeUp();
    if (this.round % SWEEP_ROUNDS !== 0) return;
    await this.sessions.sweep();
    await this.operations.sweep();
    await this.sweepRest();
  }
}

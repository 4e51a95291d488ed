/**
 * Schema changes: a list of statements is planned (parsed and applied to the schema, nothing stored), and each is then run
 * as one or more versions of the schema with work on rows between them. At any time at most two neighbouring versions are
 * in use (docs/decisions/0006-schema-changes.md, docs/decisions/0013-schema-fence.md), so that
 *
 *  - of an index entries are removed first, then it is maintained, then filled, then read; a foreign key that needs it comes
 *    with its being read;
 *  - a column with a value of its own is given it by every write first, then filled in the rows that exist, then seen;
 *  - a constraint is enforced for new writes first, then the rows that exist are checked;
 *  - an index that is dropped, a column dropped from one, or a column with a value of its own, is first no longer read, then no
 *    longer maintained; a unique index is only rid of entries in between, lest what others left in it refuse a row;
 *  - data of what was dropped is deleted last: from then on there is no way back.
 *
 * A node that does not answer holds nothing up: what it writes or reads by an older version is refused at the splits.
 *
 * A statement that fails, or is given up, brings the schema before it back, with the counters of the one it leaves: ids are
 * never used twice, so that nothing written meanwhile can come to light again.
 */
import { parseDdl } from '../sql/parse/parse.ts';
import type { SchemaAction } from '../sql/schema/actions.ts';
import { applyDdl, beforeForeignKeys, broughtBack, markColumnFilled, markIndexReady, markStoredColumnsReady, whileFilling, withDeleteOnly, withHidden, type DdlContext } from '../sql/schema/apply.ts';
import { encodeSchema } from '../sql/schema/codec.ts';
import { Schema } from '../sql/schema/schema.ts';
import type { Environment } from '../base/env.ts';
import { TrestleError } from '../base/errors.ts';
import type { Timestamp } from '../base/ids.ts';
import { ANY_VERSION } from '../txn/fence.ts';
import type { ReadWriteTransaction } from '../txn/types.ts';
import { databaseNotFound, type OpenDatabase, type StoredSchema } from './catalog.ts';
import { Kind, putRecord, type MetaStore } from './meta.ts';

export interface PlannedStatement {
  readonly text: string;
  readonly schema: Schema;
  readonly actions: readonly SchemaAction[];
}

/** Applies the statements to the schema, one after the other. Throws for the first that is wrong, with nothing done. */
export function planChange(schema: Schema, statements: readonly string[], context: DdlContext): PlannedStatement[] {
  const planned: PlannedStatement[] = [];
  let current = schema;
  for (const text of statements) {
    const result = applyDdl(current, parseDdl(text), text, context);
    // An index made by the same change is filled by the time that the next statement runs.
    current = result.actions.reduce(ready, result.schema);
    planned.push({ text, schema: result.schema, actions: result.actions });
  }
  return planned;
}

/** The schema after all of them where there are no rows to work on: a database that is being made. */
export function schemaOf(planned: readonly PlannedStatement[]): Schema {
  const last = planned.at(-1);
  return last === undefined ? Schema.EMPTY : last.actions.reduce(ready, last.schema);
}

function ready(schema: Schema, action: SchemaAction): Schema {
  if (action.kind === 'backfillIndex') return markIndexReady(schema, action.index);
  if (action.kind === 'backfillColumn') return markColumnFilled(schema);
  if (action.kind === 'backfillStoredColumns') return markStoredColumnsReady(schema, action.index, action.columns);
  return schema;
}

const DELETIONS: ReadonlySet<SchemaAction['kind']> = new Set(['dropTableData', 'dropIndexData', 'dropColumnData', 'dropSequence']);
const deletes = (action: SchemaAction): boolean => DELETIONS.has(action.kind);

/** Whether a node that dies in the middle leaves something to take back. */
export const hasStages = (statement: PlannedStatement): boolean => statement.actions.length > 0;

export type Progress = (rows: number, total: number | undefined) => Promise<void>;

export interface ChangeHooks {
  /** Called after every batch of rows: how many of how many are done, of one action. May throw, which ends the statement. */
  readonly progress: (action: number, actions: number, rows: number, total: number | undefined) => Promise<void>;
  /** Called in every transaction that changes the schema. UNAVAILABLE when it may no longer. */
  readonly guard: (transaction: ReadWriteTransaction) => Promise<void>;
  /** The same, in the one with which the statement stands. */
  readonly complete: (transaction: ReadWriteTransaction) => Promise<void>;
}

/** Work on the rows of a database. Throws what the statement is to fail with. */
export type RowWork = (work: {
  readonly database: OpenDatabase;
  /** The schema that is installed, and the one before the statement. */
  readonly schema: Schema;
  readonly before: Schema;
  readonly action: SchemaAction;
  readonly progress: Progress;
}) => Promise<void>;

/** A version of the schema, and the work that follows it. */
interface Stage {
  readonly schema: Schema;
  readonly work: readonly SchemaAction[];
}

function stagesOf(before: Schema, { schema, actions }: PlannedStatement): Stage[] {
  const stages: Stage[] = [];
  const hidden = withHidden(before, schema);
  if (hidden !== undefined) {
    stages.push({ schema: hidden, work: [] });
    const dying = rid(hidden, schema);
    if (dying !== undefined) stages.push({ schema: dying, work: [] });
  }
  const work = actions.filter((action) => !deletes(action));
  const fills = work.filter((action) => ready(schema, action) !== schema);
  const readied = fills.reduce(ready, schema);
  const early = fills.length === 0 ? undefined : (beforeForeignKeys(before, schema) ?? whileFilling(schema, fills));
  const newborn = withDeleteOnly(early ?? schema, ({ id }) => fills.some((fill) => fill.kind === 'backfillIndex' && fill.index === id));
  if (newborn !== undefined) stages.push({ schema: newborn, work: [] });
  if (early !== undefined) {
    stages.push({ schema: early, work: fills }, { schema: readied, work: work.filter((action) => !fills.includes(action)) });
    return stages;
  }
  stages.push({ schema, work });
  if (fills.length > 0) stages.push({ schema: readied, work: [] });
  return stages;
}

/** The version between one and the next in which unique indexes that go are only rid of entries. */
const rid = (schema: Schema, next: Schema): Schema | undefined => withDeleteOnly(schema, ({ id, unique }) => unique && next.findIndexById(id) === undefined);

export class SchemaChanges {
  readonly ddlContext: DdlContext;
  private readonly meta: MetaStore;
  private readonly env: Environment;
  private readonly work: RowWork;
  private readonly settleEverywhere: (database: string, at: Timestamp) => Promise<boolean>;
  private readonly fence: (database: OpenDatabase, version: Timestamp) => Promise<void>;

  constructor(options: {
    readonly meta: MetaStore;
    readonly env: Environment;
    readonly ddlContext: DdlContext;
    readonly work: RowWork;
    /** Resolves when the nodes that can be reached use the schema of `at`; whether those are all. */
    readonly settleEverywhere: (database: string, at: Timestamp) => Promise<boolean>;
    /** Resolves when no split of the database takes writes under older versions any more. */
    readonly fence: (database: OpenDatabase, version: Timestamp) => Promise<void>;
  }) {
    this.meta = options.meta;
    this.env = options.env;
    this.ddlContext = options.ddlContext;
    this.work = options.work;
    this.settleEverywhere = options.settleEverywhere;
    this.fence = options.fence;
  }

  /** Runs one statement until it stands. If it throws, the schema is still one of its stages: see `goBack`. */
  async run(database: OpenDatabase, statement: PlannedStatement, hooks: ChangeHooks): Promise<Timestamp> {
    const before = database.schema();
    const stages = stagesOf(before, statement);
    const actions = stages.reduce((sum, { work }) => sum + work.length, 0);
    let installed = ANY_VERSION;
    let done = 0;
    for (const [i, { schema, work }] of stages.entries()) {
      const isLast = i === stages.length - 1;
      installed = await this.install(database, schema, isLast && work.length === 0 ? hooks.complete : hooks.guard);
      for (const action of work) {
        const index = done++;
        await this.work({ database, schema, before, action, progress: (rows, total) => hooks.progress(index, actions, rows, total) });
      }
      if (isLast && work.length > 0) await this.meta.transact(hooks.complete);
    }
    return installed;
  }

  /**
   * Deletes the data of what a statement dropped. Nobody sees it any more: whoever has not heard of the statement is
   * refused by the fences. So a failure here is none of the statement.
   */
  async clear(database: OpenDatabase, before: Schema, statement: PlannedStatement, check: () => void): Promise<void> {
    const deletions = statement.actions.filter(deletes);
    if (deletions.length === 0) return;
    for (const action of deletions) await this.delete(database, before, action, check);
  }

  private async delete(database: OpenDatabase, before: Schema, action: SchemaAction, check: () => void): Promise<void> {
    try {
      const progress: Progress = () => Promise.resolve(check());
      await this.work({ database, schema: database.schema(), before, action, progress });
    } catch (error) {
      if (!(error instanceof TrestleError)) throw error;
      this.env.log.warn('schema.deleteFailed', { database: database.stored.name, action: action.kind, error: String(error) });
    }
  }

  /** Brings back the schema before a statement that failed, or whose node died, and deletes what it had written for itself. */
  async goBack(database: OpenDatabase, before: Schema, guard: ChangeHooks['guard'], check: () => void): Promise<void> {
    const current = database.schema();
    const back = broughtBack(before, current);
    const dying = rid(current, back);
    if (dying !== undefined) await this.install(database, dying, guard);
    await this.install(database, back, guard);
    for (const { id } of current.data.indexes) {
      if (back.findIndexById(id) === undefined) await this.delete(database, current, { kind: 'dropIndexData', index: id }, check);
    }
  }

  async settle(database: string, at: Timestamp): Promise<void> {
    await this.settleEverywhere(database, at);
  }

  /** A node that died may have installed the version and raised no fence. */
  async fenceOff(database: OpenDatabase): Promise<void> {
    await this.fence(database, database.versionOf(database.schema()));
  }

  private async install(database: OpenDatabase, schema: Schema, guard: ChangeHooks['guard']): Promise<Timestamp> {
    const record: StoredSchema = { encoded: Buffer.from(encodeSchema(schema)).toString('base64') };
    const { commitTimestamp } = await this.meta.transact(async (transaction) => {
      await guard(transaction);
      // A schema does not come back after its database was dropped.
      if ((await this.meta.read(transaction, Kind.database, database.stored.name)) === undefined) throw databaseNotFound(database.stored.name);
      await transaction.write([putRecord(Kind.schema, String(database.stored.number), record)]);
    });
    const everywhere = await this.settleEverywhere(database.stored.name, commitTimestamp);
    await this.fence(database, commitTimestamp);
    this.env.log.info('schema.installed', { database: database.stored.name, version: schema.version, at: commitTimestamp, everywhere });
    return commitTimestamp;
  }
}

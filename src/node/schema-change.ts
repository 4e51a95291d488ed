/**
 * Schema changes: a list of statements is planned (parsed and applied to the schema, nothing stored) and then run one by
 * one, each as one or more versions of the schema with work on the rows between them.
 *
 * A statement without work on rows is one new version. An index is created in two: first writers maintain it while its
 * entries are filled in, then readers may use it. A constraint is enforced for new writes first, then the rows that
 * exist are checked; if they break it the version before comes back, and the statement fails. Data of what was dropped
 * is deleted last: from then on there is no way back, and nothing that could fail the statement.
 */
import { parseDdl } from '../sql/parse/parse.ts';
import type { SchemaAction } from '../sql/schema/actions.ts';
import { applyDdl, markIndexReady, markStoredColumnsReady, type DdlContext } from '../sql/schema/apply.ts';
import { encodeSchema } from '../sql/schema/codec.ts';
import { Schema } from '../sql/schema/schema.ts';
import type { Environment } from '../base/env.ts';
import { TrestleError, Code } from '../base/errors.ts';
import type { Timestamp } from '../base/ids.ts';
import type { ReadWriteTransaction } from '../txn/types.ts';
import type { OpenDatabase, StoredSchema } from './catalog.ts';
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
  if (action.kind === 'backfillStoredColumns') return markStoredColumnsReady(schema, action.index, action.columns);
  return schema;
}

const DELETIONS: ReadonlySet<SchemaAction['kind']> = new Set(['dropTableData', 'dropIndexData', 'dropColumnData', 'dropSequence']);
const deletes = (action: SchemaAction): boolean => DELETIONS.has(action.kind);

export interface ChangeHooks {
  /** Called after every batch of rows with the rows done so far. May throw, which ends the statement. */
  readonly progress: (rows: number) => Promise<void>;
  /** Called once the statement stands, if data of what it dropped is to be deleted. */
  readonly standing: () => Promise<void>;
  /** Called in every transaction that changes the schema. UNAVAILABLE when it may no longer. */
  readonly guard: (transaction: ReadWriteTransaction) => Promise<void>;
}

/** Work on the rows of a database. Throws what the statement is to fail with. */
export type RowWork = (work: {
  readonly database: OpenDatabase;
  /** The schema that is installed, and the one before the statement. */
  readonly schema: Schema;
  readonly before: Schema;
  readonly action: SchemaAction;
  /** Called after every batch with the rows done so far. */
  readonly progress: (rows: number) => Promise<void>;
}) => Promise<void>;

export class SchemaChanges {
  readonly ddlContext: DdlContext;
  private readonly meta: MetaStore;
  private readonly env: Environment;
  private readonly work: RowWork;
  private readonly settleEverywhere: (database: string, at: Timestamp) => Promise<void>;
  private readonly fence: (database: OpenDatabase, version: Timestamp) => Promise<void>;

  constructor(options: {
    readonly meta: MetaStore;
    readonly env: Environment;
    readonly ddlContext: DdlContext;
    readonly work: RowWork;
    /** Resolves when every node that is up uses the schema of `at`. */
    readonly settleEverywhere: (database: string, at: Timestamp) => Promise<void>;
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

  /**
   * Runs one statement; answers the commit timestamp of its last version. `standing` is called when it can no longer be
   * taken back, before any data is deleted.
   */
  async run(database: OpenDatabase, statement: PlannedStatement, hooks: ChangeHooks): Promise<Timestamp> {
    const before = database.schema();
    let { schema } = statement;
    let at: Timestamp;
    try {
      at = await this.install(database, schema, hooks.guard);
      for (const action of statement.actions) {
        if (deletes(action)) continue;
        await this.work({ database, schema, before, action, progress: hooks.progress });
        const next = ready(schema, action);
        if (next === schema) continue;
        schema = next;
        at = await this.install(database, schema, hooks.guard);
      }
    } catch (error) {
      if (error instanceof TrestleError && error.code !== Code.UNAVAILABLE) await this.install(database, before, hooks.guard);
      throw error;
    }
    const deletions = statement.actions.filter(deletes);
    if (deletions.length > 0) await this.delete(database, { schema, before, deletions, hooks });
    return at;
  }

  /** Nobody sees the data any more, so that a failure here is no failure of the statement. */
  private async delete(
    database: OpenDatabase,
    { schema, before, deletions, hooks }: { schema: Schema; before: Schema; deletions: readonly SchemaAction[]; hooks: ChangeHooks },
  ): Promise<void> {
    try {
      await hooks.standing();
      for (const action of deletions) await this.work({ database, schema, before, action, progress: hooks.progress });
    } catch (error) {
      if (!(error instanceof TrestleError)) throw error;
      this.env.log.warn('schema.deleteFailed', { database: database.stored.name, error: String(error) });
    }
  }

  /** Goes back to a schema, when the node that had begun to change it died. */
  async restore(database: OpenDatabase, schema: Schema, guard: ChangeHooks['guard']): Promise<void> {
    await this.install(database, schema, guard);
  }

  settle(database: string, at: Timestamp): Promise<void> {
    return this.settleEverywhere(database, at);
  }

  private async install(database: OpenDatabase, schema: Schema, guard: ChangeHooks['guard']): Promise<Timestamp> {
    const record: StoredSchema = { encoded: Buffer.from(encodeSchema(schema)).toString('base64') };
    const { commitTimestamp } = await this.meta.transact(async (transaction) => {
      await guard(transaction);
      await transaction.write([putRecord(Kind.schema, String(database.stored.number), record)]);
    });
    await this.settleEverywhere(database.stored.name, commitTimestamp);
    await this.fence(database, commitTimestamp);
    this.env.log.info('schema.installed', { database: database.stored.name, version: schema.version, at: commitTimestamp });
    return commitTimestamp;
  }
}

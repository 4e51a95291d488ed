/**
 * The work of schema changes on rows that exist already: each action batch by batch (sql/rows/schema-data.ts), each
 * batch in a transaction of its own, so that others go on.
 */
import { prefixEnd, type Key } from '../base/ids.ts';
import { tableTag } from '../storage/keycodec.ts';
import type { KeyRange } from '../txn/types.ts';
import { KeySpace } from '../sql/rows/keyspace.ts';
import { scanTable } from '../sql/rows/scan.ts';
import { runAction, type ActionContext } from '../sql/rows/schema-data.ts';
import type { ColumnEvaluator } from '../sql/rows/values.ts';
import type { SchemaAction } from '../sql/schema/actions.ts';
import type { Schema } from '../sql/schema/schema.ts';
import type { OpenDatabase } from './catalog.ts';
import { clearRows } from './clear-rows.ts';
import type { NodeCore } from './core.ts';
import type { MetaStore } from './meta.ts';
import type { Progress } from './schema-change.ts';

export interface RowWorkRequest {
  readonly core: NodeCore;
  readonly meta: MetaStore;
  readonly database: OpenDatabase;
  /** The schema that is installed now, and the one before the statement. */
  readonly schema: Schema;
  readonly before: Schema;
  readonly action: SchemaAction;
  readonly evaluator: ColumnEvaluator;
  readonly progress: Progress;
}

export async function workOnRows(request: RowWorkRequest): Promise<void> {
  const { core, database } = request;
  const context: ActionContext = {
    evaluator: request.evaluator,
    nowNanos: () => BigInt(core.env.clock.interval().latest) * 1000n,
    before: new KeySpace(request.before, database.prefix),
    after: new KeySpace(request.schema, database.prefix),
  };
  const emptied = emptiedRange(request, context.before);
  if (emptied !== undefined) await clearRows(request.meta, emptied, (rows) => request.progress(rows, undefined));
  let done = 0;
  let total: number | undefined;
  for (let from: Key | undefined; ; ) {
    const start = from;
    const { result } = await request.meta.transact((transaction) => runAction(context, transaction, request.action, start));
    done += result.rows;
    if (result.next === undefined) return;
    from = result.next;
    // Looked up only where there is more than one batch to show progress of.
    total ??= await countRows(request, context.after);
    await request.progress(done, total);
  }
}

/** Rows of the table that the action goes through, about now; undefined when it is not one table's. */
async function countRows({ core, action, schema }: RowWorkRequest, space: KeySpace): Promise<number | undefined> {
  const id = 'table' in action ? action.table : 'index' in action ? schema.findIndexById(action.index)?.table : undefined;
  const table = id === undefined ? undefined : schema.findTableById(id);
  if (table === undefined) return undefined;
  const layout = space.table(table);
  const cursor = scanTable(await core.gateway.snapshot({ kind: 'strong' }), layout, layout.prefixRange([]), {});
  let rows = 0;
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows += batch.length;
  } finally {
    await cursor.close();
  }
  return rows;
}

/** The range that the action leaves empty, if it is one: it may hold more than one transaction can delete. */
function emptiedRange({ action, database }: RowWorkRequest, before: KeySpace): KeyRange | undefined {
  if (action.kind === 'dropIndexData') {
    const from = (database.prefix + tableTag(action.index)) as Key;
    const to = prefixEnd(from);
    return to === undefined ? undefined : { from, to };
  }
  if (action.kind !== 'dropTableData') return undefined;
  const table = before.schema.findTableById(action.table);
  if (table === undefined) return undefined;
  const layout = before.table(table);
  return layout.isInterleaved ? undefined : layout.prefixRange([]);
}

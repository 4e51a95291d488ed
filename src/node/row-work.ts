/**
 * The work of schema changes on rows that exist already: filling in indexes and columns, checking constraints, removing
 * what was dropped. Runs in small transactions, so that others go on; a restart from the beginning does no harm.
 */
import { failedPrecondition, outOfRange } from '../base/errors.ts';
import type { Key } from '../base/ids.ts';
import { changedCells, checkLength, entryCells, entryKeyValues, isIndexed, settle } from '../sql/rows/cells.ts';
import { keyText } from '../sql/rows/errors.ts';
import { indexDecoder } from '../sql/rows/decode.ts';
import { KeySpace, type TableLayout } from '../sql/rows/keyspace.ts';
import { rowKeyText } from '../sql/rows/new-values.ts';
import { keyAfter } from '../splits/ranges.ts';
import { scanTable } from '../sql/rows/scan.ts';
import { TablePlans, type IndexPlan, type TablePlan } from '../sql/rows/table-plan.ts';
import type { ColumnEvaluator, RowValues } from '../sql/rows/values.ts';
import { DEFAULT_VALUE, PENDING_COMMIT_TIMESTAMP } from '../sql/rows/values.ts';
import type { SchemaAction } from '../sql/schema/actions.ts';
import type { ColumnId } from '../sql/schema/objects.ts';
import { columnById, type Schema } from '../sql/schema/schema.ts';
import type { KeyRange, ReadView, ReadWriteTransaction, Row, WriteOp } from '../txn/types.ts';
import type { OpenDatabase } from './catalog.ts';
import type { NodeCore } from './core.ts';
import { deleteRecord, Kind, type MetaStore } from './meta.ts';

/** Rows per transaction: few enough not to stand in anybody's way. */
const BATCH_ROWS = 250;

export interface RowWorkRequest {
  readonly core: NodeCore;
  readonly meta: MetaStore;
  readonly database: OpenDatabase;
  /** The schema that is installed now, and the one before the statement. */
  readonly schema: Schema;
  readonly before: Schema;
  readonly action: SchemaAction;
  readonly evaluator: ColumnEvaluator;
  readonly progress: (percent: number) => Promise<void>;
}

export async function workOnRows(request: RowWorkRequest): Promise<void> {
  const work = new RowWork(request);
  const { action } = request;
  switch (action.kind) {
    case 'backfillIndex': return await work.backfillIndex(action.index);
    case 'backfillStoredColumns': return await work.backfillStored(action.index);
    case 'backfillColumn': return await work.backfillColumn(action.table, action.column);
    case 'verifyCheck': return await work.verifyCheck(action.table, action.check);
    case 'verifyForeignKey': return await work.verifyForeignKey(action.table, action.foreignKey);
    case 'verifyNotNull': return await work.verifyNotNull(action.table, action.column);
    case 'validateColumnType': return await work.validateColumn(action.table, action.column);
    case 'verifyCommitTimestamps': return await work.verifyCommitTimestamps(action.table, action.column);
    case 'verifyParents': return await work.verifyParents(action.table);
    case 'dropTableData': return await work.dropTable(action.table);
    case 'dropIndexData': return await work.dropIndex(action.index);
    // Cells of columns that are gone are never read again, since column numbers are not used twice; rewriting rows drops them.
    case 'dropColumnData': return undefined;
    case 'dropSequence':
    case 'restartSequence': return await work.forgetSequence(action.sequence);
    default: return action satisfies never;
  }
}

class RowWork {
  private readonly request: RowWorkRequest;
  private readonly plans: TablePlans;

  constructor(request: RowWorkRequest) {
    this.request = request;
    this.plans = new TablePlans(new KeySpace(request.schema, request.database.prefix));
  }

  // ---- filling in -----------------------------------------------------------------------------------------------------

  async backfillIndex(id: number): Promise<void> {
    const { plan, index } = this.indexPlan(id);
    await this.rewrite(plan, async (transaction, rows) => {
      const wanted = rows.flatMap(({ values }) => (isIndexed(index, values) ? [{ values, key: this.entryKey(index, values) }] : []));
      const present = index.index.unique ? await transaction.get(wanted.map(({ key }) => key), { lock: 'exclusive' }) : [];
      const ops: WriteOp[] = [];
      const taken = new Map<Key, RowValues>();
      for (const [i, { values, key }] of wanted.entries()) {
        const other = present[i];
        if (index.index.unique && (taken.has(key) || (other !== undefined && !this.isEntryOf(index, key, other, values)))) throw this.duplicate(index, values);
        taken.set(key, values);
        ops.push({ kind: 'put', key, cells: entryCells(index, values) });
      }
      return ops;
    });
  }

  async backfillStored(id: number): Promise<void> {
    const { plan, index } = this.indexPlan(id);
    await this.rewrite(plan, async (_, rows) =>
      rows.flatMap(({ values }) => (isIndexed(index, values) ? [{ kind: 'put' as const, key: this.entryKey(index, values), cells: entryCells(index, values) }] : [])),
    );
  }

  async backfillColumn(tableId: number, columnId: ColumnId): Promise<void> {
    const plan = this.plan(tableId);
    const column = columnById(plan.table, columnId);
    const position = plan.position(columnId);
    await this.rewrite(plan, async (_, rows) => {
      const ops: WriteOp[] = [];
      for (const { key, values } of rows) {
        const row = [...values];
        if (column.value?.kind === 'generated') row[position] = this.request.evaluator.generatedValue(plan.table, column, values);
        else {
          const value = await this.request.evaluator.defaultValue(plan.table, column);
          row[position] = value === DEFAULT_VALUE || value === PENDING_COMMIT_TIMESTAMP ? null : value;
        }
        ops.push({ kind: 'update', key, cells: changedCells(plan, row, [position]) });
      }
      return ops;
    });
  }

  // ---- checking -------------------------------------------------------------------------------------------------------

  async verifyNotNull(tableId: number, columnId: ColumnId): Promise<void> {
    const plan = this.plan(tableId);
    const position = plan.position(columnId);
    await this.inspect(plan, async (_, rows) => {
      for (const { values } of rows) {
        if (values[position] === null) throw failedPrecondition(`Adding a NOT NULL constraint on column ${plan.table.name}.${plan.column(position).name} is not allowed: it has NULL in row ${rowKeyText(plan, values)}.`);
      }
    });
  }

  async verifyCheck(tableId: number, checkId: number): Promise<void> {
    const plan = this.plan(tableId);
    const check = plan.checks.find(({ id }) => id === checkId);
    if (check === undefined) return;
    await this.inspect(plan, async (_, rows) => {
      for (const { values } of rows) {
        if (this.request.evaluator.checkCondition(plan.table, checkId, values) === false) {
          throw outOfRange(`Check constraint \`${plan.table.name}\`.\`${check.name}\` is violated for key ${rowKeyText(plan, values)}`);
        }
      }
    });
  }

  async verifyForeignKey(tableId: number, foreignKeyId: number): Promise<void> {
    const plan = this.plan(tableId);
    const key = plan.references.find(({ id }) => id === foreignKeyId);
    if (key === undefined) return;
    const referenced = this.plan(key.referencedTable);
    const positions = key.columns.map((column) => plan.position(column));
    const target = referenced.positions;
    const wanted = key.referencedColumns.map((column) => target.get(column) ?? -1);
    await this.inspect(plan, async (view, rows) => {
      const missing = new Map(rows.map(({ values }) => positions.map((p) => values[p] ?? null)).filter((values) => !values.includes(null)).map((values) => [JSON.stringify(values, bigintText), values]));
      if (missing.size === 0) return;
      await this.inspectAt(view, referenced, async (_, others) => {
        for (const { values } of others) missing.delete(JSON.stringify(wanted.map((p) => values[p] ?? null), bigintText));
      });
      const [first] = missing.values();
      if (first !== undefined) {
        throw failedPrecondition(`Foreign key constraint \`${key.name}\` is violated on table \`${plan.table.name}\`. Cannot find referenced values in ${referenced.table.name}: {${JSON.stringify(first, bigintText).slice(1, -1)}}.`);
      }
    });
  }

  async verifyParents(tableId: number): Promise<void> {
    const plan = this.plan(tableId);
    const { parent } = plan;
    if (parent === undefined) return;
    await this.inspect(plan, async (view, rows) => {
      const keys = [...new Set(rows.map(({ values }) => parent.key(plan.keyOf(values).slice(0, parent.parts.length))))];
      const found = await view.get(keys);
      const at = found.indexOf(undefined);
      if (at >= 0) throw failedPrecondition(`Rows of ${plan.table.name} have no parent row in ${parent.table.name}.`);
    });
  }

  async validateColumn(tableId: number, columnId: ColumnId): Promise<void> {
    const plan = this.plan(tableId);
    const position = plan.position(columnId);
    await this.inspect(plan, async (_, rows) => {
      for (const { values } of rows) checkLength(plan.table, plan.column(position), values[position] ?? null);
    });
  }

  async verifyCommitTimestamps(tableId: number, columnId: ColumnId): Promise<void> {
    const plan = this.plan(tableId);
    const position = plan.position(columnId);
    const now = BigInt(this.request.core.env.clock.interval().latest) * 1000n;
    await this.inspect(plan, async (_, rows) => {
      for (const { values } of rows) {
        const value = values[position];
        if (typeof value === 'bigint' && value > now) throw failedPrecondition(`Cannot enable allow_commit_timestamp for column ${plan.table.name}.${plan.column(position).name}: it has a timestamp in the future.`);
      }
    });
  }

  // ---- removing -------------------------------------------------------------------------------------------------------

  async dropIndex(id: number): Promise<void> {
    const { before, database } = this.request;
    const index = before.findIndexById(id);
    if (index !== undefined) await this.clear(new KeySpace(before, database.prefix).index(index).prefixRange([]));
  }

  async dropTable(id: number): Promise<void> {
    const { before, database } = this.request;
    const table = before.findTableById(id);
    if (table === undefined) return;
    const layout = new KeySpace(before, database.prefix).table(table);
    if (layout.isInterleaved) await this.clearInterleaved(layout);
    else await this.clear(layout.prefixRange([]));
  }

  async forgetSequence(id: number): Promise<void> {
    const { meta, database } = this.request;
    await meta.transact((transaction) => transaction.write([deleteRecord(Kind.counter, `sequence/${database.stored.number}/${id}`)]));
  }

  private async clear(range: KeyRange): Promise<void> {
    await this.request.meta.transact((transaction) => transaction.write([{ kind: 'deleteRange', ...range }]));
  }

  private async clearInterleaved(layout: TableLayout): Promise<void> {
    const range = layout.prefixRange([]);
    for (let from: Key | undefined = range.from; from !== undefined; ) {
      const start: Key = from;
      const { result } = await this.request.meta.transact(async (transaction) => {
        const rows = await take(scanTable(transaction, layout, { from: start, to: range.to }, { limit: BATCH_ROWS }));
        await transaction.write(rows.map(({ key }) => ({ kind: 'delete' as const, key })));
        return rows.length < BATCH_ROWS ? undefined : rows.at(-1)?.key;
      });
      from = result === undefined ? undefined : keyAfter(result);
    }
  }

  // ---- walking over a table ---------------------------------------------------------------------------------------------

  private plan(tableId: number): TablePlan {
    return this.plans.of(this.request.schema.tableById(tableId));
  }

  private indexPlan(id: number): { plan: TablePlan; index: IndexPlan } {
    const index = this.request.schema.indexById(id);
    const plan = this.plan(index.table);
    const found = plan.indexes.find((other) => other.index.id === id);
    if (found === undefined) throw failedPrecondition(`Index ${index.name} is gone.`);
    return { plan, index: found };
  }

  /** Each batch of rows in a transaction of its own, with the writes that `visit` wants. */
  private async rewrite(plan: TablePlan, visit: (transaction: ReadWriteTransaction, rows: readonly DecodedRow[]) => Promise<readonly WriteOp[]>): Promise<void> {
    const range = plan.layout.prefixRange([]);
    for (let from: Key | undefined = range.from; from !== undefined; ) {
      const start: Key = from;
      const { result } = await this.request.meta.transact(async (transaction) => {
        const rows = await take(scanTable(transaction, plan.layout, { from: start, to: range.to }, { limit: BATCH_ROWS }));
        const ops = await visit(transaction, rows.map(({ key, record }) => ({ key, values: plan.decode(key, record) })));
        await transaction.write(ops);
        return rows.length < BATCH_ROWS ? undefined : rows.at(-1)?.key;
      });
      from = result === undefined ? undefined : keyAfter(result);
      await this.request.progress(0);
    }
  }

  private async inspect(plan: TablePlan, visit: (view: ReadView, rows: readonly DecodedRow[]) => Promise<void>): Promise<void> {
    await this.inspectAt(await this.request.core.gateway.snapshot({ kind: 'strong' }), plan, visit);
  }

  private async inspectAt(view: ReadView, plan: TablePlan, visit: (view: ReadView, rows: readonly DecodedRow[]) => Promise<void>): Promise<void> {
    const cursor = scanTable(view, plan.layout, plan.layout.prefixRange([]));
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        await visit(view, batch.map(({ key, record }) => ({ key, values: plan.decode(key, record) })));
      }
    } finally {
      await cursor.close();
    }
  }

  private entryKey(index: IndexPlan, row: RowValues): Key {
    return index.layout.key(settle(entryKeyValues(index, row), undefined) ?? []);
  }

  /** Whether the entry was written for this very row, by the backfill or by a writer of the meantime. */
  private isEntryOf(index: IndexPlan, key: Key, record: Uint8Array, row: RowValues): boolean {
    const plan = this.plans.of(index.layout.table);
    const decode = indexRowDecoder(index, plan);
    const own = decode(key, record);
    return plan.keyPositions.every((position, i) => JSON.stringify(own[i] ?? null, bigintText) === JSON.stringify(row[position] ?? null, bigintText));
  }

  private duplicate(index: IndexPlan, row: RowValues): Error {
    const columns = index.index.keys.map((key) => columnById(index.layout.table, key.column));
    const values = settle(entryKeyValues(index, row), undefined) ?? [];
    return failedPrecondition(`Found uniqueness violation on index ${index.index.name}, at key ${keyText(values, columns)}.`);
  }
}

interface DecodedRow {
  readonly key: Key;
  readonly values: RowValues;
}

async function take(cursor: { next(): Promise<readonly Row[] | undefined>; close(): Promise<void> }): Promise<Row[]> {
  const rows: Row[] = [];
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows.push(...batch);
    return rows;
  } finally {
    await cursor.close();
  }
}

const bigintText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

function indexRowDecoder(index: IndexPlan, plan: TablePlan): (key: string, record: Uint8Array) => RowValues {
  return indexDecoder(index.layout, plan.keyPositions.map((position) => plan.column(position)));
}


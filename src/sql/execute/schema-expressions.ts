/**
 * Evaluates the expressions of a schema for the row writer: defaults, identity columns, ON UPDATE, generated columns,
 * checks. Expressions are bound and compiled once per schema. Counters of identity columns are asked for by
 * `table.column`, as GET_TABLE_COLUMN_IDENTITY_STATE names them.
 */
import { defined } from '../../base/assert.ts';
import type { EvaluationContext } from '../functions/registry.ts';
import { PENDING_COMMIT_TIMESTAMP, type ColumnEvaluator, type RowValues, type WriteValue } from '../rows/values.ts';
import type { Column, Table } from '../schema/objects.ts';
import type { SqlText } from '../schema/sql-text.ts';
import type { Schema } from '../schema/schema.ts';
import type { SqlType } from '../types/types.ts';
import { BOOL } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import { Binder } from '../bind/dml.ts';
import { catalogOf } from '../bind/schema-catalog.ts';
import type { Expr } from '../bind/tree.ts';
import { foldExpr } from '../plan/fold.ts';
import { compileExpr, layoutOf, NO_ROW, PlanScope, type Evaluate } from './expressions.ts';
import { bareFrame, type Frame } from './runtime.ts';

/** Compiled expressions of one schema, by their text objects. */
const compiled = new WeakMap<SqlText, Evaluate>();

function compile(schema: Schema, table: Table | undefined, text: SqlText, type: SqlType): Evaluate {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const catalog = catalogOf(schema);
  const binder = Binder.create(text.text, { catalog, parameterTypes: new Map() });
  const columns = (table?.columns ?? []).map((c) => binder.newColumn(c.name, c.type));
  const bound: Expr = foldExpr(binder.bindRowExpression(text.ast, columns, type), catalog.defaultTimeZone);
  const evaluate = compileExpr(bound, { layout: layoutOf(columns), plan: new PlanScope(false) });
  compiled.set(text, evaluate);
  return evaluate;
}

/** What sequences and time are; PENDING_COMMIT_TIMESTAMP() is the writer's own value here. */
export class SchemaEvaluator implements ColumnEvaluator {
  private readonly schema: Schema;
  private readonly context: () => EvaluationContext;
  private known: Frame | undefined;

  /** `context` is asked for once, when the first expression is evaluated. */
  constructor(schema: Schema, context: () => EvaluationContext) {
    this.schema = schema;
    this.context = context;
  }

  private get frame(): Frame {
    return (this.known ??= bareFrame({ ...contextOf(this.context()), pendingCommitTimestamp: () => PENDING_COMMIT_TIMESTAMP as unknown as SqlValue }, []));
  }

  private value(table: Table, text: SqlText, type: SqlType, row: RowValues): SqlValue {
    return compile(this.schema, table, text, type)(row, this.frame);
  }

  defaultValue(table: Table, column: Column): WriteValue {
    const rule = column.value;
    if (rule === undefined || rule.kind === 'generated') return null;
    if (rule.kind === 'identity') return this.frame.context.nextSequenceValue(`${table.name}.${column.name}`);
    return this.value(table, rule.expression, column.type, NO_ROW);
  }

  onUpdateValue(table: Table, column: Column): WriteValue {
    return column.onUpdate === undefined ? null : this.value(table, column.onUpdate, column.type, NO_ROW);
  }

  generatedValue(table: Table, column: Column, row: RowValues): SqlValue {
    const rule = column.value;
    return rule?.kind === 'generated' ? this.value(table, rule.expression, column.type, row) : null;
  }

  checkCondition(table: Table, checkId: number, row: RowValues): boolean | null {
    const check = defined(table.checks.find((c) => c.id === checkId), 'a check of the table');
    const value = this.value(table, check.condition, BOOL, row);
    return typeof value === 'boolean' ? value : null;
  }
}

/** The members of a context as functions of their own, whatever object they came from. */
export const contextOf = (context: EvaluationContext): EvaluationContext => ({
  currentTimestampNanos: context.currentTimestampNanos,
  defaultTimeZone: context.defaultTimeZone,
  random: () => context.random(),
  randomBytes: (length) => context.randomBytes(length),
  pendingCommitTimestamp: () => context.pendingCommitTimestamp(),
  nextSequenceValue: (sequence) => context.nextSequenceValue(sequence),
  sequenceState: (sequence) => context.sequenceState(sequence),
});

/**
 * INSERT, UPDATE, DELETE and the entry to binding any statement.
 *
 * A DML statement becomes a query that yields, per row, what the executor hands to the row writer: the values of an
 * INSERT, the old row and new values of an UPDATE, the key of a DELETE. Rows are all read before any is written.
 * Source: Spanner "Data manipulation language".
 */
import type { Expression } from '../ast/expressions.ts';
import type { Path, SourceRange } from '../ast/node.ts';
import type { Delete, DmlStatement, Insert, InsertValues, OnConflict, SetItem, ThenReturn, Update, UpdateItem } from '../ast/dml.ts';
import type { QueryStatement } from '../ast/query.ts';
import { parseExpression } from '../parse/parse.ts';
import { INT64, STRING, type SqlType } from '../types/types.ts';
import { Ids, Parameters, type BindOptions } from './base.ts';
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import type { BoundQuery } from './expressions.ts';
import { bindHints, NO_HINTS } from './hints.ts';
import { PipeBinder } from './pipes.ts';
import { fold, NameList, Scope } from './scope.ts';
import type { Assignment, Column, Expr, Hints, ParameterInfo, Rel } from './tree.ts';
import { columnExpr } from './walk.ts';

/** Items of THEN RETURN over `row`, the row after the change (before it for DELETE). `action` is where the action's name goes. */
export interface Returning {
  readonly row: readonly Column[];
  readonly action: Column | undefined;
  readonly columns: readonly Column[];
  readonly items: readonly Expr[];
}

export interface BoundQueryStatement {
  readonly kind: 'query';
  readonly rel: Rel;
  readonly columns: readonly Column[];
  readonly hints: Hints;
}
/** The row that THEN RETURN is about: the table's columns, and what was done to it. */
export const returnedColumns = ({ row, action }: Returning): readonly Column[] => (action === undefined ? row : [...row, action]);

/** `source` yields the values of `columns`. `conflict` says what happens to rows that exist. */
export interface BoundInsert {
  readonly kind: 'insert';
  readonly table: CatalogTable;
  readonly columns: readonly CatalogColumn[];
  readonly source: Rel;
  readonly mode: 'insert' | 'orIgnore' | 'orUpdate' | 'orReplace';
  readonly conflict: BoundConflict | undefined;
  readonly returning: Returning | undefined;
  readonly hints: Hints;
}
export interface BoundConflict {
  readonly action: 'nothing' | 'update';
  /** What the conflict is on: unique indexes by name, undefined for the primary key. */
  readonly targets: readonly (string | undefined)[];
  /** The existing row, then the row that was to be inserted. */
  readonly existing: readonly Column[];
  readonly excluded: readonly Column[];
  readonly assignments: readonly { readonly column: CatalogColumn; readonly value: Expr }[];
  readonly where: Expr | undefined;
}
/** What the assignments of ON CONFLICT DO UPDATE see. */
export const conflictColumns = ({ existing, excluded }: BoundConflict): readonly Column[] => [...existing, ...excluded];

/** `source` yields all columns of the row, then the new values of `assigned`. */
export interface BoundUpdate {
  readonly kind: 'update';
  readonly table: CatalogTable;
  readonly assigned: readonly CatalogColumn[];
  readonly source: Rel;
  readonly returning: Returning | undefined;
  readonly hints: Hints;
}
/** `source` yields all columns of the rows to delete. */
export interface BoundDelete {
  readonly kind: 'delete';
  readonly table: CatalogTable;
  readonly source: Rel;
  readonly returning: Returning | undefined;
  readonly hints: Hints;
}
export type BoundStatement = BoundQueryStatement | BoundInsert | BoundUpdate | BoundDelete;

export class Binder extends PipeBinder {
  static create(text: string, options: BindOptions): Binder {
    return new Binder(text, options.catalog, new Parameters(options.parameterTypes), new Ids());
  }

  protected override derived(text: string): Binder {
    const binder = new Binder(text, this.catalog, this.parameters, this.ids);
    binder.viewDepth = this.viewDepth;
    return binder;
  }

  override bindText(text: string, scope: Scope | undefined): Expr {
    return this.bindScalar(parseExpression(text), scope, 'this expression');
  }

  bindStatement(statement: QueryStatement | DmlStatement): BoundStatement {
    const bound = this.bindAny(statement);
    for (const info of this.parameters.infos) info.type ??= INT64;
    return bound;
  }

  get parameterInfos(): readonly ParameterInfo[] {
    return this.parameters.infos;
  }

  private bindAny(statement: QueryStatement | DmlStatement): BoundStatement {
    if (statement.kind !== 'queryStatement') this.rejectAssertion(statement.assertRowsModified);
    const hints = bindHints(statement.hint, 'statement');
    switch (statement.kind) {
      case 'queryStatement': {
        const { rel, columns } = this.bindQueryStatement(statement);
        return { kind: 'query', rel, columns, hints };
      }
      case 'insert':
        return this.bindInsert(statement, hints);
      case 'update':
        return this.bindUpdate(statement, hints);
      case 'delete':
        return this.bindDelete(statement, hints);
    }
  }

  private bindQueryStatement(statement: QueryStatement): BoundQuery {
    const query = this.bindSubquery(statement.query, undefined);
    const same = query.columns.length === query.rel.columns.length && query.columns.every((c, i) => c.id === query.rel.columns[i]?.id);
    if (same) return query;
    return { ...this.projectColumns(query.rel, query.columns.map((c) => ({ name: c.name, expr: columnExpr(c) }))), isValue: query.isValue };
  }

  /** The columns of a view's query: for checking its definition. */
  bindViewQuery(query: QueryStatement['query']): BoundQuery {
    return this.bindSubquery(query, undefined);
  }

  // ---- Targets

  private target(path: Path): CatalogTable {
    const names = path.parts.map((p) => p.name);
    const table = this.catalog.findTable(names);
    if (table !== undefined) return table;
    if (this.catalog.findView(names) !== undefined) throw this.error(path, `Cannot modify a view: ${names.join('.')}`);
    if (this.catalog.findVirtual(names) !== undefined) throw this.error(path, `Cannot modify a system table: ${names.join('.')}`);
    throw this.error(path, `Table not found: ${names.join('.')}`);
  }

  private targetColumn(table: CatalogTable, name: string, node: SourceRange): CatalogColumn {
    const column = table.columns.find((c) => fold(c.name) === fold(name));
    if (column === undefined) throw this.error(node, `Column ${name} is not present in table ${table.name}`);
    return column;
  }

  private rejectAssertion(e: Expression | undefined): void {
    if (e !== undefined) throw this.error(e, 'ASSERT_ROWS_MODIFIED is not supported');
  }

  /** Values of a table's columns, in its order, as names under its alias. */
  private rowNames(table: CatalogTable, values: readonly Expr[], alias: string): NameList {
    const names = new NameList();
    const named = table.columns.map((c, i) => ({ name: c.name, expr: values[i] ?? this.literal(null, c.type), hidden: c.hidden }));
    for (const c of named) {
      if (c.hidden) names.addName(c.name, c.expr);
      else names.addColumn(c);
    }
    names.addRange({ alias, columns: named, value: undefined });
    return names;
  }

  /** New columns for one row of a table as stored, and the value of each of its columns over them. */
  private rowColumns(table: CatalogTable): { readonly columns: readonly Column[]; readonly values: readonly Expr[] } {
    const { rel, columns } = this.tableRel(table, NO_HINTS);
    if (rel.kind === 'project') return { columns: rel.input.columns, values: rel.items.map((i) => i.expr) };
    return { columns, values: columns.map((c) => columnExpr(c)) };
  }

  private bindReturning(clause: ThenReturn | undefined, table: CatalogTable, alias: string): Returning | undefined {
    if (clause === undefined) return undefined;
    const { columns: row, values } = this.rowColumns(table);
    const scope = new Scope(this.rowNames(table, values, alias), undefined);
    const { result: items, aggregates } = this.inClause(undefined, () => this.bindItems(clause.items, scope, true));
    if (aggregates > 0) throw this.error(clause, 'THEN RETURN clause cannot use aggregation');
    const action = clause.withAction ? this.newColumn(clause.actionAlias?.name ?? 'ACTION', STRING) : undefined;
    const columns = [...items.map((i) => i.column), ...(action === undefined ? [] : [action])];
    return { row, action, columns, items: [...items.map((i) => i.expr), ...(action === undefined ? [] : [columnExpr(action)])] };
  }

  // ---- INSERT

  private bindInsert(e: Insert, hints: Hints): BoundInsert {
    bindHints(e.tableHint, 'table');
    if (e.mode === 'orReplace') throw this.error(e, 'INSERT OR REPLACE is not supported');
    const table = this.target(e.target);
    const columns = this.insertColumns(e, table);
    const source = e.source.kind === 'insertValues' ? this.bindValues(e.source, columns) : this.bindInsertQuery(e.source.query, columns, e);
    return {
      kind: 'insert', table, columns, source, mode: e.mode,
      conflict: e.onConflict === undefined ? undefined : this.bindConflict(e.onConflict, table, e),
      returning: this.bindReturning(e.thenReturn, table, e.target.parts.at(-1)?.name ?? ''),
      hints,
    };
  }

  private insertColumns(e: Insert, table: CatalogTable): CatalogColumn[] {
    if (e.columns.length === 0) throw this.error(e, 'INSERT must specify a column list');
    const seen = new Set<string>();
    return e.columns.map((name) => {
      const column = this.targetColumn(table, name.name, name);
      if (seen.has(fold(name.name))) throw this.error(name, `INSERT has columns with duplicate name: ${name.name}`);
      if (!column.writable) throw this.error(name, `Cannot INSERT value on non-writable column: ${column.name}`);
      seen.add(fold(name.name));
      return column;
    });
  }

  private bindValues(source: InsertValues, columns: readonly CatalogColumn[]): Rel {
    const inputs = source.rows.map((row): Rel => {
      if (row.values.length !== columns.length) {
        throw this.error(row, `Inserted row has wrong column count; Has ${row.values.length}, expected ${columns.length}`);
      }
      const items = row.values.map((v, i): Assignment => {
        const target = columns[i];
        const type = target?.type ?? INT64;
        const expr = v.kind === 'defaultValue' ? { kind: 'default' as const, type } : this.assigned(v, type, target?.name ?? '', undefined);
        return { column: this.newColumn(target?.name ?? '', type), expr };
      });
      return { kind: 'project', columns: items.map((i) => i.column), input: { kind: 'unit', columns: [] }, items };
    });
    const only = inputs[0];
    if (inputs.length === 1 && only !== undefined) return only;
    return { kind: 'union', columns: columns.map((c) => this.newColumn(c.name, c.type)), inputs };
  }

  private assigned(e: Expression, type: SqlType, name: string, scope: Scope | undefined): Expr {
    this.columnValue = e;
    const value = this.bindScalar(e, scope, 'DML value');
    return this.coerce(value, type, e, (from, to) => `Value has type ${from} which cannot be inserted into column ${name}, which has type ${to}`);
  }

  private bindInsertQuery(query: QueryStatement['query'], columns: readonly CatalogColumn[], e: Insert): Rel {
    const bound = this.bindSubquery(query, undefined);
    if (bound.columns.length !== columns.length) {
      throw this.error(e.source, `Inserted row has wrong column count; Has ${bound.columns.length}, expected ${columns.length}`);
    }
    const items = columns.map((c, i): Assignment => {
      const source = bound.columns[i];
      const expr: Expr = source === undefined ? this.literal(null, c.type) : (this.constants.get(source.id) ?? columnExpr(source));
      const value = this.coerce(expr, c.type, e.source, (from, to) => `Query column ${i + 1} has type ${from} which cannot be inserted into column ${c.name}, which has type ${to}`);
      return { column: this.newColumn(c.name, c.type), expr: value };
    });
    return { kind: 'project', columns: items.map((i) => i.column), input: bound.rel, items };
  }

  private bindConflict(clause: OnConflict, table: CatalogTable, e: Insert): BoundConflict {
    if (e.mode !== 'insert') throw this.error(clause, 'ON CONFLICT cannot be combined with OR IGNORE, OR UPDATE or OR REPLACE');
    const existing = this.rowColumns(table);
    const excluded = this.rowColumns(table);
    const names = this.rowNames(table, existing.values, e.target.parts.at(-1)?.name ?? '');
    names.addRange({ alias: 'excluded', columns: table.columns.map((c, i) => ({ name: c.name, expr: excluded.values[i] ?? this.literal(null, c.type) })), value: undefined });
    const scope = new Scope(names, undefined);
    const items = this.setItems(clause.items, table, scope);
    const where = clause.where === undefined ? undefined : this.bindCondition(clause.where, scope, 'WHERE clause', 'WHERE clause');
    return { action: clause.action, targets: this.conflictTargets(clause, table), existing: existing.columns, excluded: excluded.columns, assignments: items, where };
  }

  /** DO NOTHING without a target is about every unique constraint. */
  private conflictTargets(clause: OnConflict, table: CatalogTable): readonly (string | undefined)[] {
    const isAny = clause.action === 'nothing' && clause.constraint === undefined && clause.columns.length === 0;
    return isAny ? [undefined, ...table.indexes.filter((i) => i.unique).map((i) => i.name)] : [this.conflictIndex(clause, table)];
  }

  private conflictIndex(clause: OnConflict, table: CatalogTable): string | undefined {
    if (clause.constraint !== undefined) {
      const name = clause.constraint.name;
      if (/^pk_/i.test(name)) return undefined;
      const index = table.indexes.find((i) => i.unique && fold(i.name) === fold(name));
      if (index === undefined) throw this.error(clause.constraint, `Unique constraint ${name} is not found in table ${table.name}`);
      return index.name;
    }
    if (clause.columns.length === 0) return undefined;
    const wanted = new Set(clause.columns.map((c) => fold(this.targetColumn(table, c.name, c).name)));
    const matches = (parts: readonly { readonly column: CatalogColumn }[]): boolean => parts.length === wanted.size && parts.every((p) => wanted.has(fold(p.column.name)));
    if (matches(table.primaryKey)) return undefined;
    const index = table.indexes.find((i) => i.unique && matches(i.declared));
    if (index === undefined) throw this.error(clause.columns[0] ?? clause, 'The conflict target does not match the primary key or a unique index');
    return index.name;
  }

  // ---- UPDATE and DELETE

  private setItems(items: readonly UpdateItem[], table: CatalogTable, scope: Scope): { column: CatalogColumn; value: Expr }[] {
    const seen = new Set<number>();
    return items.map((item) => {
      if (item.kind === 'nestedDml') throw this.error(item, 'Nested DML statements are not supported');
      const column = this.setTarget(item, table, scope);
      if (seen.has(column.id)) throw this.error(item, `Update item ${column.name} assigned more than once`);
      seen.add(column.id);
      this.columnValue = item.value.kind === 'defaultValue' ? undefined : item.value;
      const value: Expr = item.value.kind === 'defaultValue'
        ? { kind: 'default', type: column.type }
        : this.coerce(this.bindScalar(item.value, scope, 'UPDATE clause'), column.type, item.value, (from, to) => `Value of type ${from} cannot be assigned to ${column.name}, which has type ${to}`);
      return { column, value };
    });
  }

  private setTarget(item: SetItem, table: CatalogTable, scope: Scope): CatalogColumn {
    const { target } = item;
    if (target.kind === 'subscript') throw this.error(this.wordAfter(target.operand.end), 'UPDATE ... SET does not support array modification with []');
    if (target.kind !== 'pathExpression') throw this.error(target, 'Only columns can be assigned in UPDATE');
    const last = target.parts.at(-1);
    const [first] = target.parts;
    if (first === undefined || last === undefined) throw this.error(target, 'Only columns can be assigned in UPDATE');
    if (target.parts.length > 2 || (target.parts.length === 2 && scope.names.ranges.get(fold(first.name)) === undefined)) {
      throw this.error(target, 'Only columns can be assigned in UPDATE');
    }
    // The name of the table goes before that of a column.
    if (target.parts.length === 1 && scope.names.ranges.get(fold(first.name)) !== undefined) throw this.error(target, 'UPDATE ... SET does not support updating the entire row');
    const found = table.columns.find((c) => fold(c.name) === fold(last.name));
    if (found === undefined) throw this.error(last, target.parts.length === 2 ? `Name ${last.name} not found inside ${first.name}` : `Unrecognized name: ${last.name}${scope.names.suggestion(last.name)}`);
    if (!found.writable) throw this.error(target, `Cannot UPDATE value on non-writable column: ${found.name}`);
    if (table.primaryKey.some((k) => k.column.id === found.id)) throw this.error(target, `Cannot modify a primary key column ${found.name} with UPDATE`);
    return found;
  }

  private bindUpdate(e: Update, hints: Hints): BoundUpdate {
    const tableHints = bindHints(e.tableHint, 'table');
    const table = this.target(e.target);
    this.checkForcedIndex(table.name, table.indexes, tableHints);
    const alias = e.alias?.name ?? e.target.parts.at(-1)?.name ?? '';
    const base = this.tableRel(table, tableHints);
    const names = this.rowNames(table, base.columns.map((c) => columnExpr(c)), alias);
    if (e.from !== undefined) throw this.error(e, 'Update with joins not supported');
    const { rel } = base;
    const scope = new Scope(names, undefined);
    const items = this.setItems(e.items, table, scope);
    const where = this.requireWhere(e.where, e, 'UPDATE');
    const condition = this.bindCondition(where, scope, 'WHERE clause', 'WHERE clause');
    const filtered: Rel = { kind: 'filter', columns: rel.columns, input: rel, condition };
    const kept = base.columns.map((column): Assignment => ({ column, expr: columnExpr(column) }));
    const values = items.map((i): Assignment => ({ column: this.newColumn(i.column.name, i.column.type), expr: i.value }));
    const all = [...kept, ...values];
    const source: Rel = { kind: 'project', columns: all.map((a) => a.column), input: filtered, items: all };
    return {
      kind: 'update', table, assigned: items.map((i) => i.column), source,
      returning: this.bindReturning(e.thenReturn, table, alias), hints,
    };
  }

  private requireWhere(where: Expression | undefined, node: SourceRange, what: string): Expression {
    if (where === undefined) throw this.error(node, `${what} must have a WHERE clause`);
    return where;
  }

  private bindDelete(e: Delete, hints: Hints): BoundDelete {
    const tableHints = bindHints(e.tableHint, 'table');
    const table = this.target(e.target);
    this.checkForcedIndex(table.name, table.indexes, tableHints);
    const alias = e.alias?.name ?? e.target.parts.at(-1)?.name ?? '';
    const base = this.tableRel(table, tableHints);
    const scope = new Scope(this.rowNames(table, base.columns.map((c) => columnExpr(c)), alias), undefined);
    const condition = this.bindCondition(this.requireWhere(e.where, e, 'DELETE'), scope, 'WHERE clause', 'WHERE clause');
    const filtered: Rel = { kind: 'filter', columns: base.rel.columns, input: base.rel, condition };
    const items = base.columns.map((column): Assignment => ({ column, expr: columnExpr(column) }));
    const source: Rel = { kind: 'project', columns: [...base.columns], input: filtered, items };
    return {
      kind: 'delete', table, source,
      returning: this.bindReturning(e.thenReturn, table, alias), hints,
    };
  }

  /** An expression of a schema over the columns of one row; coerced when a type is asked for. */
  bindRowExpression(e: Expression, columns: readonly Column[], expected: SqlType | undefined): Expr {
    const names = new NameList();
    for (const c of columns) names.override(c.name, columnExpr(c));
    this.columnValue = e;
    const expr = this.settle(this.bindScalar(e, new Scope(names, undefined), 'this expression'));
    if (expected === undefined) return expr;
    return this.coerce(expr, expected, e, (from, to) => `Expected type ${to}; found ${from}`);
  }
}

/** The analyser as the schema asks for it (schema/checker.ts): expressions of columns and checks, queries of views. */
import { SEQUENCES_READ_ONLY, TrestleError } from '../../base/errors.ts';
import type { Expression } from '../ast/expressions.ts';
import type { Query } from '../ast/query.ts';
import { messageAt } from '../lex/position.ts';
import type { CheckedExpression, CheckedQuery, CheckFailure, ExpressionChecker, ScopeColumn } from '../schema/checker.ts';
import type { Dependency } from '../schema/objects.ts';
import type { Schema } from '../schema/schema.ts';
import type { SqlType } from '../types/types.ts';
import { Ids, Parameters, type BindOptions } from './base.ts';
import type { CatalogFunction, CatalogTable, CatalogView } from './catalog.ts';
import { Binder } from './dml.ts';
import { SchemaCatalog } from './schema-catalog.ts';
import type { Expr, Rel } from './tree.ts';
import { drawsSequences, visitExpr, visitRel } from './walk.ts';

/** A catalog that notes which objects were found through it. */
class NotingCatalog extends SchemaCatalog {
  readonly objects = new Set<number>();

  override findTable(path: readonly string[]): CatalogTable | undefined {
    const found = super.findTable(path);
    if (found !== undefined) this.objects.add(found.id);
    return found;
  }

  override findView(path: readonly string[]): CatalogView | undefined {
    const view = this.schema.view(path.join('.'));
    if (view !== undefined) this.objects.add(view.id);
    return super.findView(path);
  }

  override findFunction(path: readonly string[]): CatalogFunction | undefined {
    const found = this.schema.sqlFunction(path.join('.'));
    if (found !== undefined) this.objects.add(found.id);
    return super.findFunction(path);
  }

  override hasSequence(path: readonly string[]): boolean {
    const sequence = this.schema.sequence(path.join('.'));
    if (sequence !== undefined) this.objects.add(sequence.id);
    return sequence !== undefined;
  }
}

class Checker implements ExpressionChecker {
  check(schema: Schema, expression: Expression, text: string, columns: readonly ScopeColumn[], expected: SqlType | undefined): CheckedExpression | CheckFailure {
    const catalog = new NotingCatalog(schema);
    const binder = binderOf(text, { catalog, parameterTypes: new Map() });
    const scope = columns.map((c) => binder.newColumn(c.name, c.type));
    let bound: Expr;
    try {
      bound = binder.bindRowExpression(expression, scope, expected);
      const parameter = binder.parameterInfos[0];
      if (parameter !== undefined) return { ok: false, message: `Query parameters cannot be used here: @${parameter.name}` };
    } catch (error) {
      return failure(error);
    }
    const used = new Set<number>();
    let volatileFunction: string | undefined;
    let nonScalar = false;
    let usesPendingCommitTimestamp = false;
    visitExpr(bound, (e) => {
      if (e.kind === 'column') {
        const i = scope.findIndex((c) => c.id === e.id);
        const column = columns[i];
        if (column !== undefined) used.add(column.id);
      }
      if (e.kind === 'subquery' || e.kind === 'aggregate') nonScalar = true;
      if (e.kind === 'call') {
        const { definition } = e.call;
        if (definition.volatility !== 'immutable') volatileFunction ??= definition.name;
        if (definition.name === 'PENDING_COMMIT_TIMESTAMP') usesPendingCommitTimestamp = true;
        this.noteSequence(e, catalog);
      }
    });
    return { ok: true, type: bound.type, volatileFunction, usedColumns: [...used], dependsOn: dependencies(catalog), nonScalar, usesPendingCommitTimestamp };
  }

  /** A sequence may be named by a string. */
  private noteSequence(e: Expr & { kind: 'call' }, catalog: NotingCatalog): void {
    if (!/SEQUENCE/.test(e.call.definition.name)) return;
    const [arg] = e.args;
    if (arg?.kind === 'const' && typeof arg.value === 'string') catalog.hasSequence(arg.value.split('.'));
  }

  checkQuery(schema: Schema, query: Query, text: string): CheckedQuery | CheckFailure {
    const catalog = new NotingCatalog(schema);
    const binder = binderOf(text, { catalog, parameterTypes: new Map() });
    try {
      const bound = binder.bindViewQuery(query);
      const parameter = binder.parameterInfos[0];
      if (parameter !== undefined) return { ok: false, message: firstLine(messageAt(text, Math.max(0, text.toLowerCase().indexOf(`@${parameter.name}`)), 'Query parameters cannot be used inside SQL view bodies')) };
      if (drawsSequences(bound.rel)) return { ok: false, message: SEQUENCES_READ_ONLY };
      return { ok: true, columns: bound.columns.map((c) => ({ name: c.name, type: c.type })), dependsOn: queryDependencies(bound.rel, catalog) };
    } catch (error) {
      return failure(error);
    }
  }
}

const binderOf = (text: string, options: BindOptions): Binder => new Binder(text, options.catalog, new Parameters(options.parameterTypes), new Ids());

const firstLine = (message: string): string => message.split('\n')[0] ?? message;

function failure(error: unknown): CheckFailure {
  if (error instanceof TrestleError) return { ok: false, message: firstLine(error.message) };
  throw error;
}

const dependencies = (catalog: NotingCatalog): Dependency[] => [...catalog.objects].map((object) => ({ object, column: undefined }));

/** The objects that a query found, and the columns of tables that it really reads. */
function queryDependencies(rel: Rel, catalog: NotingCatalog): Dependency[] {
  const result = dependencies(catalog);
  const used = new Set<number>();
  for (const c of rel.columns) used.add(c.id);
  visitRel(rel, (e) => {
    if (e.kind === 'column') used.add(e.id);
  });
  visitRel(rel, () => undefined, (r) => {
    if (r.kind !== 'table') return;
    const forced = r.hints.get('force_index')?.toLowerCase();
    const index = forced === undefined ? undefined : r.table.indexes.find((i) => i.name.toLowerCase() === forced);
    if (index !== undefined && !result.some((d) => d.object === index.id)) result.push({ object: index.id, column: undefined });
    for (const [i, c] of r.columns.entries()) {
      const source = r.source[i];
      if (source !== undefined && used.has(c.id) && !result.some((d) => d.object === r.table.id && d.column === source.id)) result.push({ object: r.table.id, column: source.id });
    }
  });
  return result;
}

export const expressionChecker: ExpressionChecker = new Checker();


/**
 * FROM: tables, views, WITH names, UNNEST and array paths, subqueries, joins, samples.
 * The result is a relation and the names that it makes visible. Source: GoogleSQL "FROM clause", "Join operation".
 */
import { invalidArgument } from '../../base/errors.ts';
import type { Identifier, Path, SourceRange } from '../ast/node.ts';
import type { Join, Query, TableExpression, TablePath, TableSample, TableSubquery, Unnest, WithOffset } from '../ast/query.ts';
import { parseQuery } from '../parse/parse.ts';
import { supportsEquality } from '../types/traits.ts';
import { BOOL, FLOAT64, INT64, typeName } from '../types/types.ts';
import { CallBinder } from './calls.ts';
import type { BoundQuery } from './expressions.ts';
import { bindHints } from './hints.ts';
import { BIND_LIMITS } from './limits.ts';
import { fold, NameList, Scope, type NamedColumn } from './scope.ts';
import type { CatalogTable } from './catalog.ts';
import type { Column, Expr, Hints, JoinType, Rel } from './tree.ts';
import { freeOfRel, freeColumns } from './walk.ts';

/** A relation with the names that can be used over it. */
export interface BoundTable {
  readonly rel: Rel;
  readonly names: NameList;
}

/** A WITH name in scope. */
export interface WithName {
  readonly id: number;
  readonly query: BoundQuery;
}

export abstract class FromBinder extends CallBinder {
  protected withNames: ReadonlyMap<string, WithName> = new Map();
  protected viewDepth = 0;
  private joins = 0;
  /** Tables to the left of a RIGHT or FULL JOIN, which its right side does not see. */
  private uncorrelated: NameList | undefined;

  protected abstract override derived(text: string): FromBinder;
  protected abstract bindWholeQuery(query: Query, scope: Scope | undefined): BoundQuery;

  /** `outer` is what subqueries in FROM see; `lateral` also has the tables to the left, which array paths see. */
  bindFrom(te: TableExpression, outer: Scope | undefined, lateral: Scope | undefined): BoundTable {
    switch (te.kind) {
      case 'tablePath':
        return this.sampled(this.bindTablePath(te, lateral), te.sample);
      case 'unnest':
        return this.sampled(this.bindUnnest(te, lateral), te.sample);
      case 'tableSubquery':
        return this.sampled(this.bindTableSubquery(te, outer), te.sample);
      case 'join':
        return this.bindJoin(te, outer, lateral);
      case 'parenthesisedJoin':
        return this.sampled(this.bindFrom(te.join, outer, lateral), te.sample);
      case 'tableFunction':
        throw this.error(te.name, `Table-valued function not found: ${te.name.parts.map((p) => p.name).join('.')}`);
      default:
        throw this.notImplemented('GRAPH_TABLE');
    }
  }

  // ---- Tables

  private bindTablePath(te: TablePath, lateral: Scope | undefined): BoundTable {
    if (te.pivot !== undefined) throw this.error(te.pivot, `${te.pivot.kind === 'pivot' ? 'PIVOT' : 'UNPIVOT'} is not supported`);
    const parts = te.path.parts;
    const names = parts.map((p) => p.name);
    const first = parts[0];
    if (parts.length > 1 && first !== undefined) {
      const entry = lateral?.find(first.name);
      if (entry !== undefined) return this.bindTableArray(te, lateral);
    }
    if (te.withOffset !== undefined) throw this.error(te.withOffset, 'WITH OFFSET can only be used with array expressions');
    const hints = bindHints(te.hint, 'table');
    const alias = te.alias?.name ?? names.at(-1) ?? '';
    const cte = parts.length === 1 ? this.withNames.get(fold(names[0] ?? '')) : undefined;
    if (cte !== undefined) {
      const columns = cte.query.columns.map((c) => this.newColumn(c.name, c.type));
      return this.tableOf({ kind: 'withReference', columns, id: cte.id }, columns, alias, cte.query.isValue);
    }
    const table = this.catalog.findTable(names);
    if (table !== undefined) return this.bindStoredTable(table, alias, hints);
    const view = this.catalog.findView(names);
    if (view !== undefined) {
      this.checkForcedIndex(view.name, [], hints);
      return this.bindView(view.sql, view.name, alias, te);
    }
    const virtual = this.catalog.findVirtual(names);
    if (virtual !== undefined) {
      const columns = virtual.columns.map((c) => this.newColumn(c.name, c.type));
      return this.tableOf({ kind: 'virtual', columns, name: virtual.name, source: columns.map((_, i) => i) }, columns, alias, false);
    }
    const isName = parts.length === 1 && lateral?.find(names[0] ?? '') !== undefined;
    throw this.error(te.path, `Table not found: ${names.join('.')}${isName ? ` (Unqualified identifiers in a FROM clause are always resolved as tables. Identifier ${names.join('.')} is in scope but unqualified names cannot be resolved here.)` : ''}`);
  }

  protected checkForcedIndex(name: string, indexes: CatalogTable['indexes'], hints: Hints): void {
    const forced = hints.get('force_index');
    if (forced !== undefined && fold(forced) !== '_base_table' && !indexes.some((i) => fold(i.name) === fold(forced))) {
      throw invalidArgument(`The table ${name} does not have a secondary index called ${forced}`);
    }
  }

  private bindStoredTable(table: CatalogTable, alias: string, hints: Hints): BoundTable {
    this.checkForcedIndex(table.name, table.indexes, hints);
    const bound = this.tableRel(table, hints);
    return this.tableOf(bound.rel, bound.columns, alias, false, (i) => bound.hidden[i] === true);
  }

  /** All columns of a table. Generated columns that are not stored become expressions over the others. */
  tableRel(table: CatalogTable, hints: Hints): { readonly rel: Rel; readonly columns: readonly Column[]; readonly hidden: readonly boolean[] } {
    const stored = table.columns.filter((c) => c.computed === undefined);
    const storedColumns = stored.map((c) => this.newColumn(c.name, c.type));
    const base = { kind: 'table', columns: storedColumns, source: stored, table, computed: [], derived: this.derivedKeys(table, storedColumns), hints, lock: false } satisfies Rel;
    const hidden = table.columns.map((c) => c.hidden);
    if (stored.length === table.columns.length) return { rel: base, columns: storedColumns, hidden };
    const known = new NameList();
    for (const c of storedColumns) known.override(c.name, this.columnOf(c));
    const values = new Map<string, Expr>(storedColumns.map((c) => [fold(c.name), this.columnOf(c)]));
    // A generated column may use another one; each round resolves those whose inputs are known.
    let pending = table.columns.filter((c) => c.computed !== undefined);
    for (let round = 0; pending.length > 0 && round <= table.columns.length; round++) {
      pending = pending.filter((c) => {
        const value = this.tryComputed(c.computed ?? '', known);
        if (value === undefined && round < table.columns.length) return true;
        const expr = value ?? { kind: 'const' as const, type: c.type, value: null, source: 'expression' as const };
        const typed = this.tryCoerce(expr, c.type) ?? expr;
        known.override(c.name, typed);
        values.set(fold(c.name), typed);
        return false;
      });
    }
    const columns = table.columns.map((c) => {
      const value = values.get(fold(c.name));
      return value?.kind === 'column' ? { id: value.id, name: c.name, type: c.type } : this.newColumn(c.name, c.type);
    });
    const items = columns.map((column) => ({ column, expr: values.get(fold(column.name)) ?? this.columnOf(column) }));
    const inKeys = new Set(table.indexes.flatMap((i) => i.key.map((k) => k.column.id)));
    const computed = table.columns.flatMap((column) => {
      const expr = values.get(fold(column.name));
      return column.computed === undefined || expr === undefined || !inKeys.has(column.id) ? [] : [{ column, expr }];
    });
    return { rel: { kind: 'project', columns, input: { ...base, computed }, items }, columns, hidden };
  }

  /** Generated parts of the table's keys that are a function of one of its columns. */
  private derivedKeys(table: CatalogTable, columns: readonly Column[]): (Rel & { kind: 'table' })['derived'] {
    const generated = new Set([...table.primaryKey, ...table.indexes.flatMap((i) => i.key)].flatMap((k) => (k.column.generated === undefined ? [] : k.column)));
    if (generated.size === 0) return [];
    const known = new NameList();
    for (const c of columns) known.override(c.name, this.columnOf(c));
    return [...generated].flatMap((column) => {
      const value = this.tryComputed(column.generated ?? '', known);
      const expr = value === undefined ? undefined : this.tryCoerce(value, column.type);
      const [from, second] = expr === undefined ? [] : [...freeColumns(expr)];
      return expr === undefined || from === undefined || second !== undefined ? [] : [{ column, expr, from }];
    });
  }

  private tryComputed(text: string, names: NameList): Expr | undefined {
    try {
      return this.derived(text).bindText(text, new Scope(names, undefined));
    } catch {
      // Depends on a column that is not known yet; the caller's rounds end.
      return undefined;
    }
  }

  /** Parses and binds an expression that is this binder's whole text. */
  abstract bindText(text: string, scope: Scope | undefined): Expr;

  private bindView(sql: string, name: string, alias: string, node: SourceRange): BoundTable {
    if (this.viewDepth >= BIND_LIMITS.viewNesting) throw this.error(node, `Views are nested too deeply at ${name}`);
    const binder = this.derived(sql);
    binder.viewDepth = this.viewDepth + 1;
    const query = this.nested(node, () => binder.bindWholeQuery(parseQuery(sql), undefined));
    return this.tableOf(query.rel, query.columns, alias, query.isValue);
  }

  /** Names of a relation whose columns are those of a table called `alias`. */
  protected tableOf(rel: Rel, columns: readonly Column[], alias: string, isValue: boolean, isHidden: (i: number) => boolean = () => false): BoundTable {
    const names = new NameList();
    const value = columns[0];
    if (isValue && value !== undefined) {
      this.addValue(names, this.columnOf(value), alias);
      return { rel, names };
    }
    const named: NamedColumn[] = columns.map((c, i) => ({ name: c.name, expr: this.columnOf(c), hidden: isHidden(i) }));
    for (const c of named) {
      if (c.hidden === true) names.addName(c.name, c.expr);
      else names.addColumn(c);
    }
    names.addRange({ alias, columns: named, value: undefined });
    return { rel, names };
  }

  /** A range variable that is one value: its fields, when it is a struct, are visible too. */
  protected addValue(names: NameList, value: Expr, alias: string): void {
    if (value.type.kind === 'STRUCT') {
      const columns = value.type.fields.map((f, i): NamedColumn => ({ name: f.name, expr: this.fieldOf(value, i) }));
      for (const c of columns) names.addColumn(c);
      names.addRange({ alias, columns, value });
    } else {
      names.addColumn({ name: alias, expr: value });
      names.addRange({ alias, columns: [], value });
    }
    names.value = value;
  }

  private bindTableSubquery(te: TableSubquery, outer: Scope | undefined): BoundTable {
    if (te.pivot !== undefined) throw this.error(te.pivot, `${te.pivot.kind === 'pivot' ? 'PIVOT' : 'UNPIVOT'} is not supported`);
    bindHints(te.hint, 'table');
    const query = this.bindSubquery(te.query, outer);
    return this.tableOf(query.rel, query.columns, te.alias?.name ?? '', query.isValue);
  }

  // ---- Arrays

  private bindTableArray(te: TablePath, lateral: Scope | undefined): BoundTable {
    const path = { kind: 'pathExpression', start: te.path.start, end: te.path.end, parts: te.path.parts } as const;
    const array = this.inClause('FROM clause', () => this.bindArrayPath(path, lateral)).result;
    if (array.type.kind !== 'ARRAY') throw this.error(te.path, `Values referenced in FROM clause must be arrays. ${pathText(te.path)} has type ${typeName(array.type)}`);
    return this.unnest(array, te.alias?.name ?? te.path.parts.at(-1)?.name ?? '', te.withOffset);
  }

  private bindUnnest(te: Unnest, lateral: Scope | undefined): BoundTable {
    bindHints(te.hint, 'table');
    const only = te.arrays[0];
    if (te.arrays.length !== 1 || only === undefined) throw this.error(te.arrays[1] ?? te, 'The UNNEST operator supports exactly one argument');
    if (te.mode !== undefined) throw this.error(te.mode, 'The mode argument of UNNEST is not supported');
    const [first] = only.expression.kind === 'pathExpression' ? only.expression.parts : [];
    if (first !== undefined && lateral?.find(first.name) === undefined && this.uncorrelated?.ranges.has(fold(first.name)) === true) {
      throw this.error(only.expression, `UNNEST cannot be applied on path expression with non-correlated table name prefix ${first.name}`);
    }
    const array = this.inClause('UNNEST', () => this.bindArrayPath(only.expression, lateral)).result;
    if (array.type.kind !== 'ARRAY') throw this.error(only.expression, `Values referenced in UNNEST must be arrays. UNNEST contains expression of type ${typeName(array.type)}`);
    return this.unnest(array, te.alias?.name ?? only.alias?.name ?? '', te.withOffset);
  }

  private unnest(array: Expr, alias: string, withOffset: WithOffset | undefined): BoundTable {
    const type = array.type.kind === 'ARRAY' ? array.type.element : INT64;
    const element = this.newColumn(alias, type);
    const names = new NameList();
    this.addValue(names, this.columnOf(element), alias);
    const columns: Column[] = [element];
    if (withOffset !== undefined) {
      const offset = this.newColumn(withOffset.alias?.name ?? 'offset', INT64);
      columns.push(offset);
      const expr = this.columnOf(offset);
      names.addColumn({ name: offset.name, expr });
      if (withOffset.alias !== undefined) names.addRange({ alias: offset.name, columns: [], value: expr });
      names.value = undefined;
    }
    return { rel: { kind: 'unnest', columns, array }, names };
  }

  // ---- Joins

  private bindJoin(te: Join, outer: Scope | undefined, lateral: Scope | undefined): BoundTable {
    if (++this.joins > BIND_LIMITS.joins * 50) throw this.error(te, 'The query has too many joins');
    const left = this.bindFrom(te.left, outer, lateral);
    const seen = te.type === 'right' || te.type === 'full' ? lateral : new Scope(left.names, lateral);
    const around = this.uncorrelated;
    if (seen === lateral) this.uncorrelated = left.names;
    const right = this.bindFrom(te.right, outer, seen);
    this.uncorrelated = around;
    return this.join(left, right, te, outer, aliasNode(te.right));
  }

  /** Joins two bound tables as `te` says; also used by the pipe operator JOIN. */
  protected join(left: BoundTable, right: BoundTable, te: Pick<Join, 'type' | 'method' | 'hint' | 'condition'> & SourceRange, outer: Scope | undefined, rightNode: SourceRange): BoundTable {
    const hints = new Map(bindHints(te.hint, 'join'));
    if (te.method !== undefined) hints.set('join_method', te.method === 'hash' ? 'hash_join' : 'apply_join');
    const hashed = ['hash_join', 'push_broadcast_hash_join'].includes(hints.get('join_method') ?? hints.get('join_type') ?? '');
    for (const name of ['hash_join_build_side', 'hash_join_execution']) if (hints.has(name) && !hashed) throw invalidArgument(`${name} hint is only supported for HASH joins.`);
    const produced = new Set(left.rel.columns.map((c) => c.id));
    const lateral = [...freeOfRel(right.rel)].some((id) => produced.has(id));
    const type: JoinType = te.type === 'comma' || te.type === 'cross' ? 'inner' : te.type;
    const names = new NameList();
    let condition: Expr | undefined;
    if (te.condition?.kind === 'using') condition = this.bindUsing(te.condition.columns, left.names, right.names, type, names);
    else {
      this.appendNames(names, left.names, te);
      this.appendNames(names, right.names, rightNode);
      if (te.condition !== undefined) condition = this.bindCondition(te.condition.expression, new Scope(names, outer), 'JOIN ON clause', 'JOIN ON clause');
    }
    const rel: Rel = { kind: 'join', columns: [...left.rel.columns, ...right.rel.columns], type, left: left.rel, right: right.rel, condition, lateral, hints };
    return { rel, names };
  }

  private appendNames(into: NameList, from: NameList, node: SourceRange): void {
    const clash = into.append(from);
    if (clash !== undefined) throw this.error(node, `Duplicate table alias ${clash} in the same FROM clause`);
  }

  private bindUsing(columns: readonly Identifier[], left: NameList, right: NameList, type: JoinType, names: NameList): Expr | undefined {
    const merged: { name: string; expr: Expr }[] = [];
    const conditions: Expr[] = [];
    for (const column of columns) {
      const l = this.usingColumn(left, column, 'left');
      const r = this.usingColumn(right, column, 'right');
      const pair = this.unify([l, r]);
      if (pair === undefined || !supportsEquality(pair.type)) {
        throw this.error(column, `Column '${column.name}' in USING has incompatible types that cannot be directly compared using equality on either side of the join: ${typeName(l.type)} and ${typeName(r.type)}`);
      }
      conditions.push(this.callOf('$equal', pair.exprs, column));
      const expr: Expr = type === 'full' ? { kind: 'coalesce', type: pair.type, args: pair.exprs } : type === 'right' ? r : l;
      if (merged.some((m) => fold(m.name) === fold(column.name))) throw this.error(column, `Duplicate column name ${column.name} in USING clause`);
      merged.push({ name: column.name, expr });
    }
    const using = new Set(columns.map((c) => fold(c.name)));
    const rest = new NameList();
    const clash = rest.append(left) ?? rest.append(right);
    if (clash !== undefined) throw this.error(columns[0] ?? 0, `Duplicate table alias ${clash} in the same FROM clause`);
    for (const m of merged) names.columns.push(m);
    for (const c of rest.columns) if (!using.has(fold(c.name))) names.columns.push(c);
    const columnsOfResult = [...names.columns];
    names.append(rest);
    names.columns.length = 0;
    for (const c of columnsOfResult) names.columns.push(c);
    for (const m of merged) names.override(m.name, m.expr);
    const [only] = conditions;
    return conditions.length === 1 ? only : { kind: 'and', type: BOOL, args: conditions };
  }

  private usingColumn(names: NameList, column: Identifier, side: string): Expr {
    const entry = names.find(column.name);
    if (entry === undefined) throw this.error(column, `Column ${column.name} in USING clause not found on ${side} side of join`);
    if (entry.kind === 'ambiguous') throw this.error(column, `Column ${column.name} in USING clause is ambiguous on ${side} side of join`);
    if (entry.kind === 'column') return entry.expr;
    return this.rangeValue(entry.range, column);
  }

  // ---- Samples

  sampled(table: BoundTable, sample: TableSample | undefined): BoundTable {
    if (sample === undefined) return table;
    bindHints(sample.hint, 'table');
    const method = sample.method.toLowerCase();
    if (method !== 'bernoulli' && method !== 'reservoir') throw invalidArgument(`${sample.method} sampling is not supported`);
    if (method === 'bernoulli' && sample.unit !== 'percent') throw invalidArgument('BERNOULLI/ROWS is not supported');
    if (method === 'reservoir' && sample.unit !== 'rows') throw invalidArgument('RESERVOIR/PERCENT is not supported');
    if (sample.repeatable !== undefined) throw invalidArgument('REPEATABLE is not supported');
    const type = method === 'bernoulli' ? FLOAT64 : INT64;
    const size = this.coerce(this.bindScalar(sample.size, undefined, 'TABLESAMPLE'), type, sample.size, () => `${sample.unit.toUpperCase()} expects ${type.kind === 'INT64' ? 'an integer' : 'a floating point'} literal or parameter`);
    this.checkSampleSize(size, method, sample.size);
    if (sample.weight === undefined) return { rel: { kind: 'sample', columns: table.rel.columns, input: table.rel, method, size, weight: undefined }, names: table.names };
    const weight = this.newColumn(sample.weight.alias?.name ?? 'weight', FLOAT64);
    table.names.addColumn({ name: weight.name, expr: this.columnOf(weight) });
    return { rel: { kind: 'sample', columns: [...table.rel.columns, weight], input: table.rel, method, size, weight }, names: table.names };
  }

  private checkSampleSize(size: Expr, method: string, node: SourceRange): void {
    if (size.kind !== 'const') return;
    if (size.value === null) throw this.error(node, 'TABLESAMPLE size must not be NULL');
    if (Number(size.value) < 0 || (method === 'bernoulli' && Number(size.value) > 100)) {
      throw this.error(node, method === 'bernoulli' ? 'PERCENT value must be in the range [0, 100]' : 'TABLESAMPLE size must not be negative');
    }
  }
}

/** Where a table's alias is written, or the table. */
export const aliasNode = (te: TableExpression): SourceRange => ('alias' in te && te.alias !== undefined ? te.alias : te);

const pathText = (path: Path): string => path.parts.map((p) => p.name).join('.');

/**
 * CREATE [OR REPLACE] VIEW, DROP VIEW, and the check that views still hold when what they read changes.
 * Source: Spanner "Views". Without an analyser, a view depends on the tables, views and columns whose names its text has.
 */
import { failedPrecondition, invalidArgument, notFound, TrestleError } from '../../base/errors.ts';
import type { CreateView } from '../ast/ddl.ts';
import type { Query } from '../ast/query.ts';
import { typeName, typesEqual } from '../types/types.ts';
import type { CheckedQuery, CheckFailure } from './checker.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_VIEWS } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import { requireNamedSchema } from './named-schemas.ts';
import type { Dependency, ObjectId, View } from './objects.ts';
import { parseQuery } from '../parse/parse.ts';
import { QueryText } from './sql-text.ts';
import { querySyntax } from './syntax.ts';

export function createView(editor: SchemaEditor, node: CreateView): void {
  const name = nameOf(node.name);
  checkName('View', name);
  const present = editor.schema.view(name);
  if (node.ifNotExists && present !== undefined) return;
  requireNamedSchema(editor, name);
  if (present === undefined || !node.orReplace) editor.claim(name);
  if (editor.context.isBuiltInFunction?.(name.toUpperCase()) === true) {
    throw failedPrecondition(`Cannot create a View with the same name as builtin function \`${name.toUpperCase()}\`. This may be supported in a future release.`);
  }
  if (node.security === undefined) throw invalidArgument(`View \`${name}\` is missing the SQL SECURITY clause.`);
  if (editor.data.views.length >= MAX_VIEWS) throw failedPrecondition(`Cannot add view ${name}: the database has the maximum of ${MAX_VIEWS} views.`);
  const text = queryText(editor.text, node.query);
  const checked = analyse(editor, text);
  if (!checked.ok) {
    if (present === undefined) throw invalidArgument(`Error parsing the definition of view \`${name}\`: ${checked.message}`);
    throw failedPrecondition(`Cannot replace VIEW \`${present.name}\` because new definition is invalid with the following diagnostic message: ${checked.message}`);
  }
  const view: View = { id: present?.id ?? editor.allocateId(), name, security: node.security, query: new QueryText(text), columns: checked.columns, dependsOn: checked.dependsOn };
  if (present === undefined) {
    editor.change({ views: [...editor.data.views, view] });
    return;
  }
  if (reaches(editor, view.dependsOn, present.id)) throw failedPrecondition(`Cannot replace VIEW \`${name}\` because new definition is recursive.`);
  editor.change({ views: editor.data.views.map((other) => (other.id === view.id ? view : other)) });
  recheckViews(editor, view.id, `Cannot replace VIEW \`${name}\`.`, 'The new definition');
}

/** The query as written, with parentheses around it. */
function queryText(statement: string, query: Query): string {
  const before = /\bAS\s*\(?[\s(]*$/i.exec(statement.slice(0, query.start));
  const open = before === null ? query.start : before.index + (/^AS\s*/i.exec(before[0])?.[0].length ?? 0);
  return statement.slice(open).trim();
}

function analyse(editor: SchemaEditor, text: string): CheckedQuery | CheckFailure {
  const query = parseQuery(text);
  const syntax = querySyntax(query);
  if (syntax.locks) return { ok: false, message: 'Unexpected lock mode in query' };
  if (editor.context.checker !== undefined) {
    try {
      return editor.context.checker.checkQuery(editor.schema, query, text);
    } catch (error) {
      if (error instanceof TrestleError) return { ok: false, message: error.message };
      throw error;
    }
  }
  return { ok: true, columns: [], dependsOn: dependenciesBySyntax(editor, syntax) };
}

function dependenciesBySyntax(editor: SchemaEditor, syntax: ReturnType<typeof querySyntax>): Dependency[] {
  const found: Dependency[] = [];
  for (const name of [...syntax.tables, ...syntax.functions]) {
    const entry = editor.schema.find(name);
    if (entry === undefined || entry.kind === 'constraint' || entry.kind === 'schema') continue;
    const table = entry.kind === 'synonym' ? entry.table : entry.kind === 'table' ? entry.object : undefined;
    found.push({ object: entry.object.id, column: undefined });
    for (const column of table?.columns ?? []) {
      if (syntax.names.has(column.name.toLowerCase())) found.push({ object: entry.object.id, column: column.id });
    }
  }
  return found;
}

/** Whether some of the dependencies is, or leads through views to, `target`. */
function reaches(editor: SchemaEditor, dependencies: readonly Dependency[], target: ObjectId): boolean {
  const seen = new Set<ObjectId>();
  const pending = dependencies.map((dependency) => dependency.object);
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (id === target) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    const view = editor.data.views.find((candidate) => candidate.id === id);
    for (const dependency of view?.dependsOn ?? []) pending.push(dependency.object);
  }
  return false;
}

/** Analyses again all views that read `object`, directly or not, in the order in which they build on each other. */
export function recheckViews(editor: SchemaEditor, object: ObjectId, prefix: string, cause = 'The change'): void {
  if (editor.context.checker === undefined) return;
  for (const view of inDependencyOrder(editor)) {
    if (view.id === object || !reaches(editor, view.dependsOn, object)) continue;
    const checked = analyse(editor, view.query.text);
    if (!checked.ok) {
      throw failedPrecondition(`${prefix} ${cause} causes the definition of VIEW \`${view.name}\` to become invalid with the following diagnostic message: ${checked.message}`);
    }
    for (const [i, column] of checked.columns.entries()) {
      const before = view.columns[i];
      if (before === undefined || typesEqual(before.type, column.type)) continue;
      throw failedPrecondition(
        `${prefix} Action would implicitly change the type of an output column for VIEW \`${view.name}\` from \`${typeName(before.type)}\` to \`${typeName(column.type)}\`. Tip: Give explicit type to output columns in the VIEW definition before making this change by adding casts/conversions to the intended final output type.`,
      );
    }
    const changed: View = { ...view, columns: checked.columns, dependsOn: checked.dependsOn };
    editor.change({ views: editor.data.views.map((other) => (other.id === view.id ? changed : other)) });
  }
}

/** Views before those that read them; otherwise in order of creation. */
export function inDependencyOrder(editor: { readonly data: { readonly views: readonly View[] } }): View[] {
  const byId = new Map(editor.data.views.map((view) => [view.id, view]));
  const ordered = new Set<View>();
  const visit = (view: View): void => {
    if (ordered.has(view)) return;
    for (const { object } of view.dependsOn) {
      const other = byId.get(object);
      if (other !== undefined && other !== view) visit(other);
    }
    ordered.add(view);
  };
  for (const view of editor.data.views) visit(view);
  return [...ordered];
}

export function dropView(editor: SchemaEditor, name: string, ifExists: boolean): void {
  const view = editor.schema.view(name);
  if (view === undefined) {
    if (ifExists) return;
    throw notFound(`View not found: ${name}`);
  }
  const dependents = editor.data.views.filter((other) => other.dependsOn.some((dependency) => dependency.object === view.id));
  if (dependents.length > 0) {
    throw failedPrecondition(`Cannot drop VIEW \`${view.name}\` on which there are dependent views: ${dependents.map((other) => other.name).join(', ')}.`);
  }
  editor.change({ views: editor.data.views.filter((other) => other.id !== view.id), grants: editor.data.grants.filter((grant) => grant.object !== view.id) });
}

/**
 * CREATE [OR REPLACE] VIEW, DROP VIEW, and the check that views still hold when what they read changes.
 * Source: Spanner "Views". Without an analyser, a view depends on the tables, views and columns whose names its text has.
 */
import { failedPrecondition, invalidArgument, notFound, TrestleError } from '../../base/errors.ts';
import type { CreateView } from '../ast/ddl.ts';
import type { Query, QueryBody, Select } from '../ast/query.ts';
import { messageAt, withExcerpt } from '../lex/position.ts';
import { typeName, typesEqual } from '../types/types.ts';
import type { CheckedQuery, CheckFailure } from './checker.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_VIEWS } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import { requireNamedSchema } from './named-schemas.ts';
import type { Dependency, ObjectId, View } from './objects.ts';
import { parseQuery } from '../parse/parse.ts';
import { QueryText } from './sql-text.ts';
import { querySyntax, type QuerySyntax } from './syntax.ts';

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
  const checked = analyse(editor, text, headOf(name, node.security, node.orReplace));
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
  recheckViews(editor, view.id, `Cannot alter VIEW \`${name}\`.`, 'The new definition');
}

/** The query as written, with parentheses around it. */
function queryText(statement: string, query: Query): string {
  const before = /\bAS\s*\(?[\s(]*$/i.exec(statement.slice(0, query.start));
  const open = before === null ? query.start : before.index + (/^AS\s*/i.exec(before[0])?.[0].length ?? 0);
  return statement.slice(open).trim();
}

/** What stands before the query in the statement's normal form. */
const headOf = (name: string, security: View['security'], orReplace = false): string =>
  `CREATE ${orReplace ? 'OR REPLACE ' : ''}VIEW ${name.split('.').map((part) => `\`${part}\``).join('.')} SQL SECURITY ${security.toUpperCase()} AS `;

/** Positions in messages count from the beginning of `head`. */
function analyse(editor: SchemaEditor, text: string, head: string): CheckedQuery | CheckFailure {
  const placed = ' '.repeat(head.length) + text;
  const query = parseQuery(placed);
  const syntax = querySyntax(query);
  if (syntax.locks) return { ok: false, message: 'Unexpected lock mode in query' };
  const dependsOn = dependenciesBySyntax(editor, syntax);
  if (editor.context.checker === undefined) return { ok: true, columns: [], dependsOn };
  const checked = checkedQuery(editor, query, placed);
  if (!checked.ok) return { ok: false, message: withExcerpt(head + text, checked.message) };
  const fault = (offset: number, message: string): CheckFailure => ({ ok: false, message: messageAt(head + text, offset, message) });
  const bare = syntax.unqualified.find(({ name }) => !syntax.ownNames.has(name.toLowerCase()) && isColumnOf(editor, syntax, name));
  if (bare !== undefined) return fault(bare.start, `Alias ${bare.name} cannot be used without a qualifier in strict name resolution mode`);
  const [loose] = syntax.loose;
  if (loose !== undefined) return fault(loose.start, loose.message);
  const select = outermostSelect(query.body);
  const unnamed = select?.as === undefined ? checked.columns.findIndex((column) => column.name === '') : -1;
  if (unnamed >= 0) return fault(query.start, `CREATE VIEW columns must be named, but column ${unnamed + 1} has no name`);
  const names = checked.columns.map(({ name }) => name.toLowerCase());
  const repeated = checked.columns.find(({ name }, i) => names.indexOf(name.toLowerCase()) < i);
  if (repeated !== undefined) return fault(query.start, `CREATE VIEW has columns with duplicate name ${repeated.name}`);
  return checked;
}

function checkedQuery(editor: SchemaEditor, query: Query, text: string): CheckedQuery | CheckFailure {
  try {
    return editor.context.checker?.checkQuery(editor.schema, query, text) ?? { ok: false, message: 'The query cannot be analysed.' };
  } catch (error) {
    if (error instanceof TrestleError) return { ok: false, message: error.message };
    throw error;
  }
}

/** Views name every column with its table: a name that is a column of a table read, and nothing else in the query, lacks that. */
function isColumnOf(editor: SchemaEditor, syntax: QuerySyntax, name: string): boolean {
  if (DATE_PARTS.has(name.toUpperCase())) return false;
  return syntax.tables.some((tableName) => {
    const table = editor.schema.table(tableName);
    return table !== undefined && editor.schema.column(table, name) !== undefined;
  });
}

const DATE_PARTS: ReadonlySet<string> = new Set(['YEAR', 'ISOYEAR', 'QUARTER', 'MONTH', 'WEEK', 'ISOWEEK', 'DAY', 'HOUR', 'MINUTE', 'SECOND', 'MILLISECOND', 'MICROSECOND', 'NANOSECOND']);

function outermostSelect(body: QueryBody): Select | undefined {
  if (body.kind === 'select') return body;
  return body.kind === 'parenthesisedQuery' ? outermostSelect(body.query.body) : undefined;
}

function dependenciesBySyntax(editor: SchemaEditor, syntax: QuerySyntax): Dependency[] {
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
    const checked = analyse(editor, view.query.text, headOf(view.name, view.security));
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

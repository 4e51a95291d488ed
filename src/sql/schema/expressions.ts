/**
 * Expressions of a schema: defaults, ON UPDATE, generated columns, checks. Each is looked at by its syntax first (depth,
 * subqueries, cycles), then typed by the analyser that the caller handed in. Messages are Spanner's.
 */
import { TrestleError, failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { ParenthesisedExpression } from '../ast/ddl-table.ts';
import { messageAt } from '../lex/position.ts';
import { parseExpression } from '../parse/parse.ts';
import type { SqlType } from '../types/types.ts';
import { BOOL } from '../types/types.ts';
import type { CheckedExpression, CheckFailure, ScopeColumn } from './checker.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_EXPRESSION_DEPTH } from './limits.ts';
import type { CheckRule, Column, ColumnId, DefaultRule, Dependency, GeneratedRule, ObjectId } from './objects.ts';
import { SqlText } from './sql-text.ts';
import { expressionDepth, expressionSyntax, volatileFunction } from './syntax.ts';

interface Purpose {
  /** Begins every message. */
  readonly prefix: string;
  /** `check constraints`, as in "inside check constraints". */
  readonly inside: string;
  /** Whether functions that change between calls are allowed. */
  readonly volatileAllowed: boolean;
}

/** With the excerpt of the expression that messages of statements have, where the message ends in a position. */
function withCaret(message: string, text: string): string {
  const position = / \[at (\d+):(\d+)\]$/.exec(message);
  if (position === null) return message;
  const before = text.split('\n').slice(0, Number(position[1]) - 1);
  const offset = before.reduce((sum, line) => sum + line.length + 1, 0) + Number(position[2]) - 1;
  return messageAt(text, Math.min(offset, text.length), message.slice(0, position.index));
}

function analyse(editor: SchemaEditor, text: string, columns: readonly ScopeColumn[], expected: SqlType, purpose: Purpose): CheckedExpression {
  const expression = parseExpression(text);
  const depth = expressionDepth(expression);
  if (depth > MAX_EXPRESSION_DEPTH) {
    throw invalidArgument(`${purpose.prefix}Expression depth of ${depth} exceeds the maximum allowed depth of ${MAX_EXPRESSION_DEPTH}.`);
  }
  const syntax = expressionSyntax(expression);
  const fallback: CheckedExpression = {
    ok: true,
    type: expected,
    volatileFunction: volatileFunction(syntax),
    usedColumns: columns.filter((column) => syntax.names.has(column.name.toLowerCase())).map((column) => column.id),
    dependsOn: dependenciesBySyntax(editor, syntax.sequences, syntax.functions),
    nonScalar: syntax.hasSubquery,
    usesPendingCommitTimestamp: syntax.functions.has('PENDING_COMMIT_TIMESTAMP'),
  };
  if (fallback.nonScalar) throw invalidArgument(`${purpose.prefix}Cannot use non-scalar expressions inside ${purpose.inside}.`);
  const checked = typed(editor, expression, text, columns, expected) ?? fallback;
  if (!checked.ok) throw invalidArgument(purpose.prefix + withCaret(checked.message, text));
  if (checked.nonScalar) throw invalidArgument(`${purpose.prefix}Cannot use non-scalar expressions inside ${purpose.inside}.`);
  if (checked.volatileFunction !== undefined && !purpose.volatileAllowed) {
    throw invalidArgument(
      `${purpose.prefix}Expression is non-deterministic due to the use of non-deterministic function \`${checked.volatileFunction}\`. Expression of ${purpose.inside} must yield the same value for the same dependent column values. Non-deterministic functions inside the expressions are not allowed.`,
    );
  }
  return checked;
}

function typed(
  editor: SchemaEditor, expression: ReturnType<typeof parseExpression>, text: string, columns: readonly ScopeColumn[], expected: SqlType,
): CheckedExpression | CheckFailure | undefined {
  try {
    return editor.context.checker?.check(editor.schema, expression, text, columns, expected);
  } catch (error) {
    if (error instanceof TrestleError) return { ok: false, message: error.message };
    throw error;
  }
}

function dependenciesBySyntax(editor: SchemaEditor, sequences: readonly string[], functions: ReadonlySet<string>): Dependency[] {
  const found: Dependency[] = [];
  for (const name of sequences) {
    const sequence = editor.schema.sequence(name);
    if (sequence !== undefined) found.push({ object: sequence.id, column: undefined });
  }
  for (const name of functions) {
    const fn = editor.schema.sqlFunction(name);
    if (fn !== undefined) found.push({ object: fn.id, column: undefined });
  }
  return found;
}

const objectsOf = (checked: CheckedExpression, isKind: (id: ObjectId) => boolean): ObjectId[] =>
  [...new Set(checked.dependsOn.filter((d) => d.column === undefined && isKind(d.object)).map((d) => d.object))];
const isSequence = (editor: SchemaEditor) => (id: ObjectId): boolean => editor.data.sequences.some((s) => s.id === id);
const isFunction = (editor: SchemaEditor) => (id: ObjectId): boolean => editor.data.functions.some((f) => f.id === id);

const scopeOf = (columns: readonly Column[]): ScopeColumn[] => columns.map(({ id, name, type }) => ({ id, name, type }));

const isPendingCommitTimestamp = (text: string): boolean => /^\s*PENDING_COMMIT_TIMESTAMP\s*\(\s*\)\s*$/i.test(text);

/** DEFAULT (expression). `columns` are those of the table, which the expression may not read. */
export function defaultRule(editor: SchemaEditor, table: string, columns: readonly Column[], column: Column, node: ParenthesisedExpression): DefaultRule {
  const prefix = `Error parsing the default value of column \`${table}\`.\`${column.name}\`: `;
  const { text } = node;
  if (column.allowCommitTimestamp === true && !isPendingCommitTimestamp(text)) throw onlyPendingCommitTimestamp(column.name);
  if (isPendingCommitTimestamp(text)) {
    if (column.allowCommitTimestamp !== true) {
      throw failedPrecondition(`Cannot use PENDING_COMMIT_TIMESTAMP() as the default value of column \`${column.name}\` without the option allow_commit_timestamp.`);
    }
    return { kind: 'default', expression: new SqlText(text), sequences: [], functions: [] };
  }
  const syntax = expressionSyntax(parseExpression(text));
  if (columns.some((other) => syntax.names.has(other.name.toLowerCase()))) {
    throw invalidArgument(
      `${prefix}Default value expression of column \`${column.name}\` has a reference to another column. Default expressions referencing other columns are not supported.`,
    );
  }
  const checked = analyse(editor, text, [], column.type, { prefix, inside: 'column default', volatileAllowed: true });
  return { kind: 'default', expression: new SqlText(text), sequences: objectsOf(checked, isSequence(editor)), functions: objectsOf(checked, isFunction(editor)) };
}

export const onlyPendingCommitTimestamp = (column: string): TrestleError =>
  failedPrecondition(`The only default value expression permitted for commit timestamp column \`${column}\` is PENDING_COMMIT_TIMESTAMP().`);

/** ON UPDATE (expression), which has to be PENDING_COMMIT_TIMESTAMP(), the same as the default. */
export function onUpdateText(column: Column, node: ParenthesisedExpression): SqlText {
  if (!isPendingCommitTimestamp(node.text)) {
    throw invalidArgument(`PENDING_COMMIT_TIMESTAMP() is the only supported ON UPDATE expression; column \`${column.name}\` has another.`);
  }
  return new SqlText(node.text);
}

export function checkOnUpdateDefault(table: string, column: Column, isKey: boolean): void {
  if (column.onUpdate === undefined) return;
  if (isKey) throw invalidArgument(`Column ${table}.${column.name} with ON UPDATE cannot be a part of or the whole primary key.`);
  if (column.value?.kind !== 'default' || !isPendingCommitTimestamp(column.value.expression.text)) {
    throw invalidArgument(`Column \`${column.name}\` with an ON UPDATE expression must have an identical DEFAULT value expression.`);
  }
}

/** AS (expression) [STORED]. `columns` are all of the table, the generated one included. */
export function generatedRule(editor: SchemaEditor, table: string, columns: readonly Column[], column: Column, node: ParenthesisedExpression, stored: boolean): GeneratedRule {
  const prefix = `Error parsing the definition of generated column \`${table}\`.\`${column.name}\`: `;
  const checked = analyse(editor, `(${node.text})`, scopeOf(columns), column.type, { prefix, inside: 'stored generated columns', volatileAllowed: false });
  for (const id of checked.usedColumns) {
    const used = columns.find((other) => other.id === id);
    if (used?.allowCommitTimestamp === true) {
      throw failedPrecondition(`Cannot use commit timestamp column \`${used.name}\` as a dependency of a materialized generated column.`);
    }
  }
  return { kind: 'generated', expression: new SqlText(node.text), stored, dependsOn: checked.usedColumns, functions: objectsOf(checked, isFunction(editor)) };
}

/** The columns' dependencies as far as the syntax shows them; fails when they go round in a circle. */
export function checkGeneratedCycles(columns: readonly { readonly name: string; readonly generated: string | undefined }[]): void {
  const byName = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (column: { readonly name: string; readonly generated: string | undefined }): void => {
    if (column.generated === undefined || done.has(column.name)) return;
    if (path.includes(column.name)) {
      throw failedPrecondition(`Cycle detected while analysing generated column, which include objects (${path.join(',')})`);
    }
    path.push(column.name);
    for (const name of expressionSyntax(parseExpression(`(${column.generated})`)).names) {
      const next = byName.get(name);
      if (next !== undefined) visit(next);
    }
    path.pop();
    done.add(column.name);
  };
  for (const column of columns) visit(column);
}

/** CHECK (condition). */
export function checkCondition(
  editor: SchemaEditor, table: string, columns: readonly Column[], shownName: string | undefined, name: string, node: ParenthesisedExpression,
): Pick<CheckRule, 'condition' | 'dependsOn' | 'functions'> {
  const prefix = `Error parsing expression '${node.text}' from check constraint '${shownName ?? '<unnamed>'}' in table '${table}': `;
  const checked = analyse(editor, node.text, scopeOf(columns), BOOL, { prefix, inside: 'check constraints', volatileAllowed: false });
  for (const id of checked.usedColumns) {
    const used = columns.find((column) => column.id === id);
    if (used?.allowCommitTimestamp === true) throw commitTimestampInCheck(prefix, used.name);
  }
  if (!readsPlainColumn(columns, checked.usedColumns)) {
    throw invalidArgument(
      `Check constraint \`${table}\`.\`${name}\` does not use any non generated column. Expression: '${node.text}'. A check constraint expression requires at least one non-generated column as dependency.`,
    );
  }
  return { condition: new SqlText(node.text), dependsOn: checked.usedColumns, functions: objectsOf(checked, isFunction(editor)) };
}

export const commitTimestampInCheck = (prefix: string, column: string): TrestleError =>
  invalidArgument(`${prefix}Column \`${column}\` has option commit_timestamp, which is not supported in check constraint.`);

/** Whether some column read, directly or through generated ones, is not generated. */
function readsPlainColumn(columns: readonly Column[], used: readonly ColumnId[]): boolean {
  const seen = new Set<ColumnId>();
  const pending = [...used];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const value = columns.find((column) => column.id === id)?.value;
    if (value?.kind !== 'generated') return true;
    pending.push(...value.dependsOn);
  }
  return false;
}

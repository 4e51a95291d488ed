/**
 * CREATE [OR REPLACE] FUNCTION, DROP FUNCTION: functions written in SQL. Remote ones are refused.
 * Source: Spanner "Data definition language", CREATE FUNCTION.
 */
import { failedPrecondition, invalidArgument, notFound, TrestleError, unimplemented } from '../../base/errors.ts';
import type { CreateFunction } from '../ast/ddl.ts';
import type { Expression } from '../ast/expressions.ts';
import type { TypeName } from '../ast/types.ts';
import { parseExpression } from '../parse/parse.ts';
import { arrayOf, structOf, typeByName, type SqlType } from '../types/types.ts';
import type { CheckedExpression, CheckFailure } from './checker.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_FUNCTIONS } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import { requireNamedSchema } from './named-schemas.ts';
import type { ObjectId, SqlFunction } from './objects.ts';
import { SqlText } from './sql-text.ts';

export function createFunction(editor: SchemaEditor, node: CreateFunction): void {
  const name = nameOf(node.name);
  if (node.remote || node.body === undefined) throw unimplemented('Remote functions are not supported.');
  if (node.language !== undefined && node.language.name.toUpperCase() !== 'SQL') throw unimplemented(`Functions in ${node.language.name} are not supported.`);
  checkName('Function', name);
  const present = editor.schema.sqlFunction(name);
  if (node.ifNotExists && present !== undefined) return;
  requireNamedSchema(editor, name);
  if (present === undefined || !node.orReplace) editor.claim(name);
  if (editor.context.isBuiltInFunction?.(name.toUpperCase()) === true) throw failedPrecondition(`Cannot create a function with the same name as builtin function \`${name.toUpperCase()}\`.`);
  if (editor.data.functions.length >= MAX_FUNCTIONS) throw failedPrecondition(`Cannot add function ${name}: the database has the maximum of ${MAX_FUNCTIONS} functions.`);
  const parameters = node.parameters.map((parameter) => ({
    name: parameter.name.name,
    type: resolveType(parameter.type),
    defaultValue: parameter.defaultValue === undefined ? undefined : new SqlText(editor.text.slice(parameter.defaultValue.start, parameter.defaultValue.end)),
  }));
  const repeated = parameters.find((parameter, i) => parameters.some((other, j) => j < i && other.name.toLowerCase() === parameter.name.toLowerCase()));
  if (repeated !== undefined) throw invalidArgument(`Function ${name} has more than one parameter named ${repeated.name}.`);
  const text = bodyText(editor.text, node.body);
  const written = node.returns === undefined ? undefined : resolveType(node.returns);
  const checked = analyse(editor, text, parameters, written);
  if (!checked.ok) throw invalidArgument(`Error parsing the definition of function \`${name}\`: ${checked.message}`);
  const fn: SqlFunction = {
    id: present?.id ?? editor.allocateId(), name, parameters, returns: written ?? checked.type, returnsWritten: written !== undefined,
    security: node.security, determinism: node.determinism, body: new SqlText(text), dependsOn: checked.dependsOn,
  };
  if (fn.dependsOn.some((dependency) => dependency.object === fn.id)) throw failedPrecondition(`Cannot replace FUNCTION \`${name}\` because new definition is recursive.`);
  if (present !== undefined) {
    const users = dependents(editor, present.id);
    if (users.length > 0) throw failedPrecondition(`Cannot replace FUNCTION \`${name}\` on which there are dependents: ${users.join(', ')}.`);
  }
  const others = editor.data.functions.filter((other) => other.id !== fn.id);
  editor.change({ functions: [...others, fn] });
}

/** What stands in the outermost parentheses after AS: the node's range may begin inside further ones. */
function bodyText(statement: string, body: Expression): string {
  const open = /\(\s*[(\s]*$/.exec(statement.slice(0, body.start))?.index ?? body.start - 1;
  const tail = /^[)\s]*/.exec(statement.slice(body.end))?.[0] ?? '';
  const close = body.end + Math.max(0, tail.lastIndexOf(')'));
  return statement.slice(open + 1, close).trim();
}

/** The type of a parameter or result; lengths are not part of it. */
function resolveType(node: TypeName): SqlType {
  if (node.kind === 'arrayType') return arrayOf(resolveType(node.element));
  if (node.kind === 'structType') return structOf(node.fields.map((field) => ({ name: field.name?.name ?? '', type: resolveType(field.type) })));
  if (node.kind !== 'simpleType') throw unimplemented('Functions with templated types are not supported.');
  const name = nameOf(node.name);
  const type = typeByName(name);
  if (type === undefined) throw invalidArgument(`Type not found: ${name}`);
  return type;
}

function analyse(
  editor: SchemaEditor, text: string, parameters: SqlFunction['parameters'], expected: SqlType | undefined,
): CheckedExpression | CheckFailure {
  const columns = parameters.map((parameter, i) => ({ id: i + 1, name: parameter.name, type: parameter.type }));
  if (editor.context.checker !== undefined) {
    try {
      return editor.context.checker.check(editor.schema, parseExpression(text), text, columns, expected);
    } catch (error) {
      if (error instanceof TrestleError) return { ok: false, message: error.message };
      throw error;
    }
  }
  if (expected === undefined) return { ok: false, message: 'The type of the result has to be written.' };
  return { ok: true, type: expected, volatileFunction: undefined, usedColumns: [], dependsOn: [], nonScalar: false, usesPendingCommitTimestamp: false };
}

/** Names of all that uses a function. */
function dependents(editor: SchemaEditor, id: ObjectId): string[] {
  const names: string[] = [];
  for (const table of editor.data.tables) {
    for (const column of table.columns) {
      const { value } = column;
      if ((value?.kind === 'default' || value?.kind === 'generated') && value.functions.includes(id)) names.push(`${table.name}.${column.name}`);
    }
    for (const check of table.checks) if (check.functions.includes(id)) names.push(check.name);
  }
  for (const object of [...editor.data.views, ...editor.data.functions]) {
    if (object.id !== id && object.dependsOn.some((dependency) => dependency.object === id)) names.push(object.name);
  }
  return names;
}

export function dropFunction(editor: SchemaEditor, name: string, ifExists: boolean): void {
  const fn = editor.schema.sqlFunction(name);
  if (fn === undefined) {
    if (ifExists) return;
    throw notFound(`Function not found: ${name}`);
  }
  const users = dependents(editor, fn.id);
  if (users.length > 0) throw failedPrecondition(`Cannot drop FUNCTION \`${fn.name}\` on which there are dependents: ${users.join(', ')}.`);
  editor.change({ functions: editor.data.functions.filter((other) => other.id !== fn.id), grants: editor.data.grants.filter((grant) => grant.object !== fn.id) });
}

/** ADD and DROP of constraints: checks here, foreign keys in foreign-keys.ts. */
import { notFound } from '../../base/errors.ts';
import type { CheckConstraint, TableConstraint } from '../ast/ddl-table.ts';
import type { SchemaEditor } from './editor.ts';
import { checkCondition } from './expressions.ts';
import { addForeignKey, dropForeignKey } from './foreign-keys.ts';
import { checkConstraintGeneratedName, checkConstraintName, duplicateName } from './names.ts';
import type { CheckRule, Table } from './objects.ts';

/** `existing`: the table may have rows, which have to satisfy the constraint. */
export function addConstraint(editor: SchemaEditor, table: Table, node: TableConstraint, existing: boolean): void {
  if (node.kind === 'foreignKey') addForeignKey(editor, table, node, existing);
  else addCheck(editor, table, node, existing);
}

function addCheck(editor: SchemaEditor, table: Table, node: CheckConstraint, existing: boolean): void {
  const written = node.name?.name;
  if (written !== undefined) {
    checkConstraintName('Check Constraint', written);
    if (editor.isTaken(written)) throw duplicateName(written);
  }
  const name = written ?? checkConstraintGeneratedName(table.name, editor.isTaken);
  const rule: CheckRule = { id: editor.allocateId(), name, named: written !== undefined, ...checkCondition(editor, table.name, table.columns, written, name, node.condition) };
  editor.replaceTable({ ...table, checks: [...table.checks, rule] });
  if (existing) editor.act({ kind: 'verifyCheck', table: table.id, check: rule.id });
}

export function dropConstraint(editor: SchemaEditor, table: Table, name: string, ifExists: boolean): void {
  const lower = name.toLowerCase();
  const check = table.checks.find((rule) => rule.name.toLowerCase() === lower);
  if (check !== undefined) {
    editor.replaceTable({ ...table, checks: table.checks.filter((rule) => rule !== check) });
    return;
  }
  const key = table.foreignKeys.find((candidate) => candidate.name.toLowerCase() === lower);
  if (key !== undefined) {
    dropForeignKey(editor, table, key);
    return;
  }
  if (!ifExists) throw notFound(`${name} is not a constraint in ${table.name}`);
}

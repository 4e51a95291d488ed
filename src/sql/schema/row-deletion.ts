/**
 * Row deletion policies delete rows without asking: nothing that they reach may forbid the deletion. Reached are the table, tables
 * interleaved in parent below it, and tables whose foreign keys cascade from a reached one.
 * Source: Spanner "Time to live", restrictions.
 */
import { invalidArgument } from '../../base/errors.ts';
import type { SchemaEditor } from './editor.ts';
import type { ForeignKeyConstraint, ObjectId, Table } from './objects.ts';

/** The first enforced foreign key without cascade that refers to a table which the policy of `table` reaches. */
function blockingForeignKeys(editor: SchemaEditor, table: ObjectId): ForeignKeyConstraint[] {
  const { schema } = editor;
  const seen = new Set<ObjectId>();
  const blocking: ForeignKeyConstraint[] = [];
  const pending = [table];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    for (const child of schema.childrenOf(id)) if (child.interleave?.inParent === true) pending.push(child.id);
    for (const key of schema.referencesTo(id)) {
      if (!key.enforced) continue;
      if (key.onDelete === 'cascade') pending.push(key.table);
      else blocking.push(key);
    }
  }
  return blocking;
}

/** The first descendant that ON DELETE NO ACTION protects. */
function protectedDescendant(editor: SchemaEditor, table: ObjectId): Table | undefined {
  for (const child of editor.schema.childrenOf(table)) {
    if (child.interleave?.inParent !== true) continue;
    if (child.interleave.onDelete === 'noAction') return child;
    const below = protectedDescendant(editor, child.id);
    if (below !== undefined) return below;
  }
  return undefined;
}

function policyBlocked(table: Table, keys: readonly ForeignKeyConstraint[]): Error {
  const names = keys.map((key) => `\`${key.name}\``).join(', ');
  return invalidArgument(`Cannot add a row deletion policy to table \`${table.name}\`. It is referenced by one or more foreign keys: ${names}.`);
}

/** Checks a table to which a policy is added. */
export function checkPolicyAllowed(editor: SchemaEditor, table: Table): void {
  const descendant = protectedDescendant(editor, table.id);
  if (descendant !== undefined) {
    throw invalidArgument(`Cannot create row deletion policy on ${table.name} because there is a descendant Table ${descendant.name} with ON DELETE NO ACTION.`);
  }
  const keys = blockingForeignKeys(editor, table.id);
  if (keys.length > 0) {
    throw policyBlocked(table, keys);
  }
}

/** Checks a table that was created or whose interleaving changed: its own policy, and those of its ancestors. */
export function checkPolicyClosure(editor: SchemaEditor, id: ObjectId): void {
  const table = editor.schema.tableById(id);
  const ancestor = editor.schema.ancestorsOf(table).find((candidate) => candidate.rowDeletionPolicy !== undefined);
  if (ancestor !== undefined && table.interleave?.inParent === true && table.interleave.onDelete === 'noAction') {
    throw invalidArgument(`Cannot create or alter table ${table.name} with ON DELETE NO ACTION because there is a row deletion policy on ancestor table ${ancestor.name}.`);
  }
  if (table.rowDeletionPolicy !== undefined) checkPolicyAllowed(editor, table);
}

/** Checks a foreign key that was added. */
export function checkForeignKeyPolicy(editor: SchemaEditor, key: ForeignKeyConstraint): void {
  if (!key.enforced) return;
  for (const table of editor.data.tables) {
    if (table.rowDeletionPolicy === undefined) continue;
    if (blockingForeignKeys(editor, table.id).some((other) => other.id === key.id)) {
      throw policyBlocked(table, [key]);
    }
  }
}

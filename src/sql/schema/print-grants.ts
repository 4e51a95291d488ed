/** CREATE ROLE and GRANT statements of a schema; those of one object and role that differ in the privilege only are one statement. */
import type { Grant, ObjectId } from './objects.ts';
import { quote } from './quote.ts';
import { columnById, type Schema } from './schema.ts';

const OBJECT_TYPES: Readonly<Record<Grant['objectType'], string>> = {
  table: 'TABLE', view: 'VIEW', changeStream: 'CHANGE STREAM', sequence: 'SEQUENCE', tableFunction: 'TABLE FUNCTION', function: 'FUNCTION', schema: 'SCHEMA', model: 'MODEL',
};

export function printGrants(schema: Schema): string[] {
  const { roles, grants } = schema.data;
  const roleNames = new Map(roles.map((role) => [role.id, quote(role.name)]));
  const statements = roles.map((role) => `CREATE ROLE ${quote(role.name)}`);
  const groups = new Map<string, string[]>();
  for (const grant of grants) {
    const tail = ` ON ${targetText(schema, grant)} TO ROLE ${roleNames.get(grant.role) ?? ''}`;
    const privilege = grant.privilege.toUpperCase() + columnsText(schema, grant);
    const group = groups.get(tail);
    if (group === undefined) groups.set(tail, [privilege]);
    else group.push(privilege);
  }
  for (const [tail, privileges] of groups) statements.push(`GRANT ${privileges.join(', ')}${tail}`);
  for (const role of roles) for (const id of role.memberOf) statements.push(`GRANT ROLE ${roleNames.get(id) ?? ''} TO ROLE ${quote(role.name)}`);
  return statements;
}

function targetText(schema: Schema, grant: Grant): string {
  const type = OBJECT_TYPES[grant.objectType];
  if (grant.object !== undefined) return `${type} ${quote(objectName(schema, grant.object))}`;
  if (grant.objectType === 'schema') return 'SCHEMA DEFAULT';
  return `ALL ${type}S IN SCHEMA ${quote(grant.schema ?? '')}`;
}

function objectName(schema: Schema, id: ObjectId): string {
  const { tables, views, sequences, functions, namedSchemas } = schema.data;
  return [...tables, ...views, ...sequences, ...functions, ...namedSchemas].find((object) => object.id === id)?.name ?? '';
}

function columnsText(schema: Schema, grant: Grant): string {
  if (grant.columns === undefined || grant.object === undefined) return '';
  const table = schema.tableById(grant.object);
  return `(${grant.columns.map((id) => quote(columnById(table, id).name)).join(', ')})`;
}

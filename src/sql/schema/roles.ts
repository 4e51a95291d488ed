/**
 * Roles and privileges: CREATE ROLE, DROP ROLE, GRANT, REVOKE.
 * Source: Spanner "Fine-grained access control privileges".
 */
import { failedPrecondition, invalidArgument, notFound, unimplemented } from '../../base/errors.ts';
import type { CreateRole, GrantOrRevoke, GrantOrRevokeRole, Privilege, PrivilegeObjectType, PrivilegeTarget } from '../ast/ddl.ts';
import type { Identifier } from '../ast/node.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_ROLES } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import type { Grant, ObjectId, Role } from './objects.ts';
import type { Schema } from './schema.ts';

/** Roles that exist in every database and are not listed in the schema. */
export const SYSTEM_ROLES: readonly string[] = ['public', 'spanner_info_reader', 'spanner_sys_reader'];

export function createRole(editor: SchemaEditor, node: CreateRole): void {
  const { name } = node.name;
  checkName('Role', name);
  const present = editor.schema.role(name);
  if (present !== undefined && node.ifNotExists) return;
  if (present !== undefined || SYSTEM_ROLES.includes(name.toLowerCase())) throw failedPrecondition(`Duplicate name in schema: ${name}.`);
  if (editor.data.roles.length >= MAX_ROLES) throw failedPrecondition(`Cannot add role ${name}: the database has the maximum of ${MAX_ROLES} roles.`);
  const id = editor.allocateId();
  editor.change({ roles: [...editor.data.roles, { id, name, memberOf: [] }] });
}

export function dropRole(editor: SchemaEditor, name: string, ifExists: boolean): void {
  const role = editor.schema.role(name);
  if (role === undefined) {
    if (ifExists) return;
    throw notFound(`Role not found: ${name}`);
  }
  if (editor.data.grants.some((grant) => grant.role === role.id)) throw failedPrecondition(`Cannot drop role ${role.name}: it has privileges. Revoke them first.`);
  const roles = editor.data.roles.filter((other) => other.id !== role.id);
  editor.change({ roles: roles.map((other) => ({ ...other, memberOf: other.memberOf.filter((id) => id !== role.id) })) });
}

function requireRoles(schema: Schema, names: readonly Identifier[]): Role[] {
  return names.map(({ name }) => {
    const role = schema.role(name);
    if (role === undefined) throw notFound(`Role not found: ${name}`);
    return role;
  });
}

export function grantOrRevokeRole(editor: SchemaEditor, node: GrantOrRevokeRole): void {
  const granted = requireRoles(editor.schema, node.roles).map((role) => role.id);
  const grantees = new Set(requireRoles(editor.schema, node.grantees).map((role) => role.id));
  const roles = editor.data.roles.map((role) => {
    if (!grantees.has(role.id)) return role;
    const others = role.memberOf.filter((id) => !granted.includes(id));
    return { ...role, memberOf: node.revoke ? others : [...others, ...granted] };
  });
  editor.change({ roles });
  for (const role of editor.data.roles) if (isMemberOf(editor, role, role.id, new Set())) throw failedPrecondition(`Role ${role.name} cannot be a member of itself.`);
}

function isMemberOf(editor: SchemaEditor, role: Role, target: ObjectId, seen: Set<ObjectId>): boolean {
  return role.memberOf.some((id) => {
    if (id === target) return true;
    if (seen.has(id)) return false;
    seen.add(id);
    const next = editor.data.roles.find((other) => other.id === id);
    return next !== undefined && isMemberOf(editor, next, target, seen);
  });
}

const ALLOWED: Readonly<Partial<Record<PrivilegeObjectType, readonly Privilege['privilege'][]>>> = {
  table: ['select', 'insert', 'update', 'delete'],
  view: ['select'],
  sequence: ['select', 'update'],
  function: ['execute'],
  schema: ['usage'],
};

export function grantOrRevoke(editor: SchemaEditor, node: GrantOrRevoke): void {
  const roles = requireRoles(editor.schema, node.roles);
  const { objectType } = node.target;
  const allowed = ALLOWED[objectType];
  if (allowed === undefined) throw unimplemented(`Privileges on objects of type ${objectType} are not supported.`);
  const grants: Grant[] = [];
  for (const privilege of node.privileges) {
    if (!allowed.includes(privilege.privilege)) throw invalidArgument(`Privilege ${privilege.privilege.toUpperCase()} does not apply to objects of type ${objectType}.`);
    for (const target of targetsOf(editor, node.target, privilege)) for (const role of roles) grants.push({ role: role.id, privilege: privilege.privilege, objectType, ...target });
  }
  const remaining = grants.reduce<readonly Grant[]>((all, grant) => all.flatMap((other) => without(other, grant)), editor.data.grants);
  editor.change({ grants: node.revoke ? remaining : [...remaining, ...grants] });
}

type Target = Pick<Grant, 'object' | 'schema' | 'columns'>;

function targetsOf(editor: SchemaEditor, target: PrivilegeTarget, privilege: Privilege): Target[] {
  if (target.kind === 'allInSchemas') {
    if (privilege.columns !== undefined) throw invalidArgument('Columns cannot be listed for ALL objects of a schema.');
    return target.schemas.map((path) => {
      const name = nameOf(path);
      if (editor.schema.namedSchema(name) === undefined) throw notFound(`Schema not found: ${name}`);
      return { object: undefined, schema: name, columns: undefined };
    });
  }
  return target.names.map((path) => {
    const name = nameOf(path);
    if (target.objectType === 'schema' && name.toUpperCase() === 'DEFAULT') return { object: undefined, schema: '', columns: undefined };
    const found = editor.schema.find(name);
    const object = found?.kind === 'synonym' ? { kind: 'table', object: found.table } : found;
    if (object === undefined || object.kind !== target.objectType) throw notFound(`${target.objectType === 'table' ? 'Table' : capitalise(target.objectType)} not found: ${name}`);
    return { object: object.object.id, schema: undefined, columns: columnsOf(editor, object.object.id, privilege) };
  });
}

const capitalise = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);

function columnsOf(editor: SchemaEditor, object: ObjectId, privilege: Privilege): number[] | undefined {
  if (privilege.columns === undefined) return undefined;
  const table = editor.schema.findTableById(object);
  if (table === undefined || privilege.privilege === 'delete') throw invalidArgument(`Privilege ${privilege.privilege.toUpperCase()} cannot be limited to columns of this object.`);
  return privilege.columns.map(({ name }) => {
    const column = editor.schema.column(table, name);
    if (column === undefined) throw notFound(`Column not found in table ${table.name}: ${name}`);
    return column.id;
  });
}

/** What remains of `grant` when `removed` is taken away. */
function without(grant: Grant, removed: Grant): Grant[] {
  const same = grant.role === removed.role && grant.privilege === removed.privilege && grant.objectType === removed.objectType && grant.object === removed.object && grant.schema === removed.schema;
  if (!same) return [grant];
  if (removed.columns === undefined) return grant.columns === undefined ? [] : [grant];
  if (grant.columns === undefined) return [grant];
  const columns = grant.columns.filter((id) => removed.columns?.includes(id) !== true);
  return columns.length === 0 ? [] : [{ ...grant, columns }];
}

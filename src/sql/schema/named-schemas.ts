/** CREATE SCHEMA, DROP SCHEMA, and the rule that an object's schema exists. */
import { failedPrecondition, invalidArgument, notFound, unimplemented } from '../../base/errors.ts';
import type { CreateSchema } from '../ast/ddl.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_NAMED_SCHEMAS } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import { readOptions } from './options.ts';
import { schemaPart } from './schema.ts';

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['information_schema', 'spanner_sys', 'pg_catalog', 'public', 'default']);

/** Fails when the name's schema does not exist. */
export function requireNamedSchema(editor: SchemaEditor, name: string): void {
  const part = schemaPart(name);
  if (part !== '' && editor.schema.namedSchema(part) === undefined) throw schemaNotFound(part);
  if (name.split('.').length > 2) throw invalidArgument(`Name has too many parts: ${name}.`);
}

const schemaNotFound = (name: string): Error => notFound(`Schema not found: ${name}`);

export function createSchema(editor: SchemaEditor, node: CreateSchema): void {
  const name = nameOf(node.name);
  if (name.includes('.')) throw invalidArgument(`Schema name not valid: ${name}.`);
  checkName('Schema', name);
  if (SYSTEM_SCHEMAS.has(name.toLowerCase())) throw invalidArgument(`Schema name not valid: ${name}.`);
  readOptions(editor.text, node.options, {});
  if (editor.schema.namedSchema(name) !== undefined && (node.ifNotExists || node.orReplace)) return;
  if (node.orReplace) throw unimplemented('CREATE OR REPLACE SCHEMA is not supported.');
  editor.claim(name);
  if (editor.data.namedSchemas.length >= MAX_NAMED_SCHEMAS) throw failedPrecondition(`Cannot add schema ${name}: the database has the maximum of ${MAX_NAMED_SCHEMAS} schemas.`);
  const id = editor.allocateId();
  editor.change({ namedSchemas: [...editor.data.namedSchemas, { id, name, options: [] }] });
}

export function dropSchema(editor: SchemaEditor, name: string, ifExists: boolean): void {
  const found = editor.schema.namedSchema(name);
  if (found === undefined) {
    if (ifExists) return;
    throw schemaNotFound(name);
  }
  const lower = found.name.toLowerCase();
  const inside = (items: readonly { readonly name: string }[]): string[] => items.map((item) => item.name).filter((item) => schemaPart(item).toLowerCase() === lower);
  const { data } = editor;
  const groups: [string, string[]][] = [
    ['tables', inside(data.tables)], ['views', inside(data.views)], ['indexes', inside(data.indexes.filter((index) => !index.managed))],
    ['sequences', inside(data.sequences)], ['functions', inside(data.functions)],
  ];
  const lines = groups.filter(([, names]) => names.length > 0).map(([what, names]) => `Dependent ${what}:${names.join(', ')}`);
  if (lines.length > 0) throw failedPrecondition(`Cannot drop schema ${found.name} while it has dependencies.\n${lines.join('\n')}`);
  editor.change({
    namedSchemas: data.namedSchemas.filter((other) => other.id !== found.id),
    grants: data.grants.filter((grant) => grant.object !== found.id && grant.schema?.toLowerCase() !== lower),
  });
}

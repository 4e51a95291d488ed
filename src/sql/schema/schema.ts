/**
 * A database's schema at one version: immutable data with case-insensitive look-up.
 *
 * Invariants: 1. no two objects of one namespace differ only in case; 2. every id that an object mentions exists;
 * 3. `version` grows by one with every statement.
 */
import { defined } from '../../base/assert.ts';
import type {
  Column, ColumnId, ForeignKeyConstraint, Index, NamedSchema, ObjectId, Role, SchemaData, Sequence, SqlFunction, Table, View,
} from './objects.ts';

/** What one name of the database's main namespace stands for. */
export type NamedObject =
  | { readonly kind: 'table'; readonly object: Table }
  | { readonly kind: 'index'; readonly object: Index }
  | { readonly kind: 'view'; readonly object: View }
  | { readonly kind: 'sequence'; readonly object: Sequence }
  | { readonly kind: 'function'; readonly object: SqlFunction }
  | { readonly kind: 'schema'; readonly object: NamedSchema }
  | { readonly kind: 'constraint'; readonly object: { readonly id: ObjectId; readonly name: string }; readonly table: Table }
  | { readonly kind: 'synonym'; readonly object: { readonly id: ObjectId; readonly name: string }; readonly table: Table };

const EMPTY: SchemaData = {
  version: 0, nextId: 1, options: [], namedSchemas: [], tables: [], indexes: [], views: [], sequences: [], functions: [], roles: [], grants: [],
};

export class Schema {
  static readonly EMPTY: Schema = new Schema(EMPTY);

  readonly data: SchemaData;
  private names: ReadonlyMap<string, NamedObject> | undefined;
  private tablesById: ReadonlyMap<ObjectId, Table> | undefined;
  private indexesById: ReadonlyMap<ObjectId, Index> | undefined;
  private indexesByTable: ReadonlyMap<ObjectId, readonly Index[]> | undefined;
  private childrenByTable: ReadonlyMap<ObjectId, readonly Table[]> | undefined;
  private referencesByTable: ReadonlyMap<ObjectId, readonly ForeignKeyConstraint[]> | undefined;
  private readonly columnMaps = new Map<ObjectId, ReadonlyMap<string, Column>>();

  constructor(data: SchemaData) {
    this.data = data;
  }

  get version(): number {
    return this.data.version;
  }

  /** The object with this complete name, whatever its kind, ignoring case. */
  find(name: string): NamedObject | undefined {
    this.names ??= nameMap(this.data);
    return this.names.get(name.toLowerCase());
  }

  /** A table by its name or its synonym. */
  table(name: string): Table | undefined {
    const found = this.find(name);
    if (found?.kind === 'synonym') return found.table;
    return found?.kind === 'table' ? found.object : undefined;
  }

  index(name: string): Index | undefined {
    const found = this.find(name);
    return found?.kind === 'index' ? found.object : undefined;
  }

  view(name: string): View | undefined {
    const found = this.find(name);
    return found?.kind === 'view' ? found.object : undefined;
  }

  sequence(name: string): Sequence | undefined {
    const found = this.find(name);
    return found?.kind === 'sequence' ? found.object : undefined;
  }

  sqlFunction(name: string): SqlFunction | undefined {
    const found = this.find(name);
    return found?.kind === 'function' ? found.object : undefined;
  }

  namedSchema(name: string): NamedSchema | undefined {
    const found = this.find(name);
    return found?.kind === 'schema' ? found.object : undefined;
  }

  /** Roles have a namespace of their own. */
  role(name: string): Role | undefined {
    const lower = name.toLowerCase();
    return this.data.roles.find((role) => role.name.toLowerCase() === lower);
  }

  tableById(id: ObjectId): Table {
    return defined(this.findTableById(id), 'schema refers to a table that it does not have');
  }

  findTableById(id: ObjectId): Table | undefined {
    this.tablesById ??= new Map(this.data.tables.map((table) => [table.id, table]));
    return this.tablesById.get(id);
  }

  indexById(id: ObjectId): Index {
    return defined(this.findIndexById(id), 'schema refers to an index that it does not have');
  }

  findIndexById(id: ObjectId): Index | undefined {
    this.indexesById ??= new Map(this.data.indexes.map((index) => [index.id, index]));
    return this.indexesById.get(id);
  }

  /** The indexes of a table, managed and unfinished ones included: all that writes maintain. */
  indexesOf(table: ObjectId): readonly Index[] {
    this.indexesByTable ??= groupBy(this.data.indexes, (index) => index.table);
    return this.indexesByTable.get(table) ?? [];
  }

  /** Tables interleaved directly in this one, in either form. */
  childrenOf(table: ObjectId): readonly Table[] {
    this.childrenByTable ??= groupBy(this.data.tables, (child) => child.interleave?.parent);
    return this.childrenByTable.get(table) ?? [];
  }

  /** Foreign keys that refer to this table. */
  referencesTo(table: ObjectId): readonly ForeignKeyConstraint[] {
    this.referencesByTable ??= groupBy(this.data.tables.flatMap((t) => t.foreignKeys), (key) => key.referencedTable);
    return this.referencesByTable.get(table) ?? [];
  }

  /** The parent, its parent, and so on. */
  ancestorsOf(table: Table): readonly Table[] {
    const ancestors: Table[] = [];
    for (let next = table.interleave; next !== undefined; ) {
      const parent = this.tableById(next.parent);
      ancestors.push(parent);
      next = parent.interleave;
    }
    return ancestors;
  }

  /** A column by name, ignoring case. */
  column(table: Table, name: string): Column | undefined {
    let map = this.columnMaps.get(table.id);
    if (map === undefined) {
      map = new Map(table.columns.map((column) => [column.name.toLowerCase(), column]));
      this.columnMaps.set(table.id, map);
    }
    return map.get(name.toLowerCase());
  }

  /** The same for those who read and write rows: a column that is still being filled is not there for them. */
  usableColumn(table: Table, name: string): Column | undefined {
    const column = this.column(table, name);
    return column?.filling === true ? undefined : column;
  }

  /** The value of a database option; undefined when it is not set. */
  option(name: string): SchemaData['options'][number]['value'] | undefined {
    return this.data.options.find((option) => option.name === name)?.value;
  }
}

/** A column by id, which must be there. */
export function columnById(table: Table, id: ColumnId): Column {
  return defined(table.columns.find((column) => column.id === id), 'schema refers to a column that the table does not have');
}

export const isKeyColumn = (table: Table, id: ColumnId): boolean => table.primaryKey.some((part) => part.column === id);

/** The part before the dot, '' for the default schema. */
export const schemaPart = (name: string): string => (name.includes('.') ? name.slice(0, name.indexOf('.')) : '');
export const localPart = (name: string): string => name.slice(name.indexOf('.') + 1);

function groupBy<T>(items: readonly T[], keyOf: (item: T) => ObjectId | undefined): ReadonlyMap<ObjectId, readonly T[]> {
  const groups = new Map<ObjectId, T[]>();
  for (const item of items) {
    const id = keyOf(item);
    if (id === undefined) continue;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [item]);
    else group.push(item);
  }
  return groups;
}

function nameMap(data: SchemaData): ReadonlyMap<string, NamedObject> {
  const names = new Map<string, NamedObject>();
  const add = (entry: NamedObject): void => {
    names.set(entry.object.name.toLowerCase(), entry);
  };
  for (const object of data.namedSchemas) add({ kind: 'schema', object });
  for (const table of data.tables) {
    add({ kind: 'table', object: table });
    if (table.synonym !== undefined) add({ kind: 'synonym', object: { id: table.id, name: table.synonym }, table });
    for (const object of [...table.foreignKeys, ...table.checks]) add({ kind: 'constraint', object, table });
  }
  for (const object of data.indexes) add({ kind: 'index', object });
  for (const object of data.views) add({ kind: 'view', object });
  for (const object of data.sequences) add({ kind: 'sequence', object });
  for (const object of data.functions) add({ kind: 'function', object });
  return names;
}

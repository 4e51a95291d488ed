/** The catalog of a schema: tables, indexes, views and functions in the form that binding and planning use. Cached per schema. */
import { columnById, type Schema } from '../schema/schema.ts';
import type { Column, Index, SqlFunction, Table } from '../schema/objects.ts';
import type { Catalog, CatalogColumn, CatalogFunction, CatalogIndex, CatalogKeyPart, CatalogTable, CatalogView, CatalogVirtualTable } from './catalog.ts';
import { findSystemTable } from './system-tables.ts';

const catalogs = new WeakMap<Schema, SchemaCatalog>();

export function catalogOf(schema: Schema): SchemaCatalog {
  let catalog = catalogs.get(schema);
  if (catalog === undefined) {
    catalog = new SchemaCatalog(schema);
    catalogs.set(schema, catalog);
  }
  return catalog;
}

const DEFAULT_TIME_ZONE = 'America/Los_Angeles';

export class SchemaCatalog implements Catalog {
  readonly schema: Schema;
  readonly defaultTimeZone: string;
  private readonly tables = new Map<number, CatalogTable>();

  constructor(schema: Schema) {
    this.schema = schema;
    const zone = schema.option('default_time_zone');
    this.defaultTimeZone = typeof zone === 'string' ? zone : DEFAULT_TIME_ZONE;
  }

  get version(): number {
    return this.schema.version;
  }

  findTable(path: readonly string[]): CatalogTable | undefined {
    const table = this.schema.table(path.join('.'));
    return table === undefined ? undefined : this.tableOf(table);
  }

  tableOf(table: Table): CatalogTable {
    let known = this.tables.get(table.id);
    if (known === undefined) {
      known = this.build(table);
      this.tables.set(table.id, known);
    }
    return known;
  }

  findView(path: readonly string[]): CatalogView | undefined {
    const view = this.schema.view(path.join('.'));
    return view === undefined ? undefined : { name: view.name, sql: view.query.text };
  }

  findVirtual(path: readonly string[]): CatalogVirtualTable | undefined {
    return findSystemTable(path);
  }

  findFunction(path: readonly string[]): CatalogFunction | undefined {
    const found = this.schema.sqlFunction(path.join('.'));
    return found === undefined ? undefined : functionOf(found);
  }

  hasSequence(path: readonly string[]): boolean {
    return this.schema.sequence(path.join('.')) !== undefined;
  }

  private build(table: Table): CatalogTable {
    const inKey = new Set<number>(table.primaryKey.map((k) => k.column));
    const columns = table.columns.filter(({ filling }) => filling !== true).map((c) => columnOf(c, inKey.has(c.id)));
    const byId = new Map(columns.map((c) => [c.id, c]));
    const part = (k: { readonly column: number; readonly descending: boolean }): CatalogKeyPart => ({ column: byId.get(k.column) ?? columnOf(columnById(table, k.column), inKey.has(k.column)), descending: k.descending });
    const primaryKey = table.primaryKey.map(part);
    const lineage = [...this.schema.ancestorsOf(table)].reverse().concat(table);
    let before = 0;
    const path = lineage.map((t) => {
      const parts = t.primaryKey.length - before;
      before = t.primaryKey.length;
      return { tableId: t.id, parts };
    });
    const indexes = this.schema.indexesOf(table.id).filter((i) => i.state === 'ready').map((i) => indexOf(i, primaryKey, byId, part));
    return { name: table.name, id: table.id, columns, primaryKey, path, hasChildren: this.schema.childrenOf(table.id).length > 0, indexes };
  }
}

/** A row has the parts of its key, whatever makes them. */
function columnOf(c: Column, isKey: boolean): CatalogColumn {
  const generated = c.value?.kind === 'generated' ? c.value : undefined;
  return {
    id: c.id,
    name: c.name,
    type: c.type,
    nullable: !c.notNull,
    hidden: c.hidden,
    writable: generated === undefined,
    computed: generated !== undefined && !generated.stored && !isKey ? generated.expression.text : undefined,
    generated: generated?.expression.text,
  };
}

function indexOf(index: Index, primaryKey: readonly CatalogKeyPart[], byId: ReadonlyMap<number, CatalogColumn>, part: (k: Index['keys'][number]) => CatalogKeyPart): CatalogIndex {
  const declared = index.keys.map(part);
  const inKey = new Set(index.keys.map((k) => k.column));
  const rest = primaryKey.filter((k) => !inKey.has(k.column.id));
  const storing = index.storing.filter((id) => !index.storingBackfill.includes(id)).flatMap((id) => byId.get(id) ?? []);
  const filtered = new Set([...(index.nullFiltered ? index.keys.map((k) => k.column) : []), ...index.whereNotNull]);
  return {
    name: index.name,
    id: index.id,
    unique: index.unique,
    nullFiltered: index.nullFiltered,
    notNull: [...filtered].flatMap((id) => byId.get(id) ?? []),
    declared,
    key: index.unique ? declared : [...declared, ...rest],
    stored: index.unique ? [...storing, ...rest.map((k) => k.column)] : storing,
    seekable: true,
  };
}

function functionOf(f: SqlFunction): CatalogFunction {
  return {
    name: f.name,
    parameters: f.parameters.map((p) => ({ name: p.name, type: p.type, defaultText: p.defaultValue?.text })),
    result: f.returns,
    body: f.body.text,
  };
}

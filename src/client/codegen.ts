/** The schema of a live database as TypeScript, for `defineSchema` (schema.ts). */
import type { Database } from './database.ts';
import { SCALAR_TYPES } from './values.ts';

export interface GeneratedSchema {
  /** A module that exports `schema`. */
  readonly source: string;
  readonly tables: number;
  /** Columns whose types the client does not know, as `table.column type`: they are left out. */
  readonly leftOut: readonly string[];
}

const COLUMNS = `SELECT t.TABLE_SCHEMA, t.TABLE_NAME, c.COLUMN_NAME, c.SPANNER_TYPE, c.IS_NULLABLE,
  c.COLUMN_DEFAULT IS NOT NULL OR c.IS_IDENTITY = 'YES' AS HAS_DEFAULT, c.IS_GENERATED = 'ALWAYS' AS GENERATED
FROM INFORMATION_SCHEMA.TABLES AS t
JOIN INFORMATION_SCHEMA.COLUMNS AS c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
WHERE t.TABLE_TYPE = 'BASE TABLE' AND t.TABLE_SCHEMA NOT IN ('INFORMATION_SCHEMA', 'SPANNER_SYS')
ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME, c.ORDINAL_POSITION`;
const KEYS = `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.INDEX_COLUMNS
WHERE INDEX_TYPE = 'PRIMARY_KEY' AND TABLE_SCHEMA NOT IN ('INFORMATION_SCHEMA', 'SPANNER_SYS')
ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`;

interface TableLines {
  readonly key: string[];
  readonly columns: string[];
}

/** `await generateSchema(database)`: the text of a module, as `trestle codegen` writes it. */
export async function generateSchema(database: Database): Promise<GeneratedSchema> {
  const snapshot = await database.snapshot();
  const tables = new Map<string, TableLines>();
  const tableOf = (schema: unknown, table: unknown): TableLines => {
    const name = `${schema === '' ? '' : `${String(schema)}.`}${String(table)}`;
    const known = tables.get(name) ?? { key: [], columns: [] };
    tables.set(name, known);
    return known;
  };
  const leftOut: string[] = [];
  for await (const column of snapshot.rows(COLUMNS)) {
    const name = String(column['COLUMN_NAME']);
    const type = String(column['SPANNER_TYPE']).replaceAll(/\((?:MAX|\d+)\)/g, '').replace(/\(vector_length=>\d+\)$/, '');
    const element = /^ARRAY<(.+)>$/.exec(type)?.[1] ?? type;
    const table = tableOf(column['TABLE_SCHEMA'], column['TABLE_NAME']);
    if (!SCALAR_TYPES.some((known) => known === element)) leftOut.push(`${String(column['TABLE_NAME'])}.${name} ${type}`);
    else table.columns.push(`${propertyName(name)}: ${quoted(`${type}${column['IS_NULLABLE'] === 'NO' ? ' NOT NULL' : ''}${column['GENERATED'] === true ? ' GENERATED' : column['HAS_DEFAULT'] === true ? ' DEFAULT' : ''}`)},`);
  }
  for await (const column of snapshot.rows(KEYS)) tableOf(column['TABLE_SCHEMA'], column['TABLE_NAME']).key.push(quoted(String(column['COLUMN_NAME'])));
  return { source: print(database.name, tables), tables: tables.size, leftOut };
}

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
const propertyName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name));

function print(database: string, tables: ReadonlyMap<string, TableLines>): string {
  const body = [...tables].map(([name, { key, columns }]) => `  ${propertyName(name)}: {\n    key: [${key.join(', ')}],\n    columns: {\n${columns.map((line) => `      ${line}\n`).join('')}    },\n  },\n`);
  return `/** Tables of ${database}, by \`trestle codegen\`. Write it anew when the schema has changed. */\nimport { defineSchema } from 'trestledb';\n\nexport const schema = defineSchema({\n${body.join('')}});\n`;
}

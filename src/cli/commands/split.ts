/** `trestle split`: cuts a table or an index into two splits at a key, online. */
import { databaseName, type DatabaseName } from '../../client/admin.ts';
import { Client, type Database } from '../../client/database.ts';
import { Typed, type SqlParameter } from '../../client/values.ts';
import { UserError, type Output } from '../output.ts';
import { errorText } from '../shell/session.ts';
import { valueText } from '../values-text.ts';
import { resolveEndpoint, type EndpointOptions } from './endpoint.ts';

export interface SplitOptions extends EndpointOptions {
  readonly name: DatabaseName;
  /** A table, or an index. */
  readonly target: string;
  /** The key's parts, in order; fewer than the key has are a prefix. */
  readonly key: readonly string[];
}

interface KeyColumn {
  readonly table: string;
  /** Empty for the primary key. */
  readonly index: string;
  readonly column: string;
  readonly type: string;
}

const KEY_COLUMNS = `SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SPANNER_TYPE
FROM INFORMATION_SCHEMA.INDEX_COLUMNS
WHERE ORDINAL_POSITION IS NOT NULL
  AND ((INDEX_NAME = 'PRIMARY_KEY' AND LOWER(TABLE_NAME) = LOWER(@target)) OR LOWER(INDEX_NAME) = LOWER(@target))
ORDER BY INDEX_NAME, ORDINAL_POSITION`;

export async function runSplit(options: SplitOptions, output: Output): Promise<void> {
  const client = new Client({ address: await resolveEndpoint(options) });
  try {
    const database = client.database(databaseName(options.name));
    const columns = await keyColumns(database, options.target);
    const { table, index } = columns[0] ?? { table: '', index: '' };
    if (options.key.length > columns.length) {
      throw new UserError(`The key of ${options.target} has ${String(columns.length)} parts (${columns.map((each) => each.column).join(', ')}); ${String(options.key.length)} were given.`);
    }
    const key = options.key.map((part, i) => keyPart(part, columns[i]));
    await client.admin.addSplitPoints(database.name, index === '' ? { table } : { index, table }, [key]);
    output.out(`${index === '' ? table : index} is split at (${options.key.join(', ')}).`);
  } catch (error) {
    throw new UserError(errorText(error));
  } finally {
    client.close();
  }
}

async function keyColumns(database: Database, target: string): Promise<readonly KeyColumn[]> {
  const { rows } = await database.run(KEY_COLUMNS, { target });
  const columns = rows.map((row) => {
    const [table = '', index = '', column = '', type = ''] = row.map(valueText);
    return { table, index: index === 'PRIMARY_KEY' ? '' : index, column, type };
  });
  const first = columns[0];
  if (first === undefined) throw new UserError(`There is no table or index ${target} in ${database.name}. See: trestle sql -e 'SHOW TABLES'`);
  return columns.filter((each) => each.index === first.index);
}

/** The part in the wire form of its column's type. */
export function keyPart(text: string, column: KeyColumn | undefined): SqlParameter {
  const type = column?.type.replace(/\(.*$/, '') ?? 'STRING';
  if (text.toUpperCase() === 'NULL') return null;
  if (type === 'BOOL') {
    if (!/^(true|false)$/i.test(text)) throw new UserError(`${column?.column ?? 'The key'} is a BOOL: give true or false, not ${text}.`);
    return text.toLowerCase() === 'true';
  }
  if (type === 'INT64' && !/^-?\d{1,19}$/.test(text)) throw new UserError(`${column?.column ?? 'The key'} is an INT64: give a whole number, not ${text}.`);
  if (type === 'FLOAT64' || type === 'FLOAT32') {
    const value = Number(text);
    if (Number.isFinite(value)) return new Typed({ code: type }, { numberValue: value });
  }
  return new Typed({ code: type }, { stringValue: text });
}

/**
 * What the prompt understands besides SQL: `SHOW TABLES` and its like, which are queries of INFORMATION_SCHEMA, and the
 * backslash commands that psql's users have in their fingers.
 */
import { FORMATS, type Format } from '../arguments.ts';

export type Shortcut =
  | { readonly kind: 'query'; readonly sql: string; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'databases' }
  /** `of` undefined: of the whole database. */
  | { readonly kind: 'ddl'; readonly of: string | undefined }
  | { readonly kind: 'use'; readonly database: string }
  | { readonly kind: 'format'; readonly format: Format }
  | { readonly kind: 'timing' }
  | { readonly kind: 'help' }
  | { readonly kind: 'quit' }
  | { readonly kind: 'unknown'; readonly text: string };

const TABLES = `SELECT TABLE_NAME AS Table, TABLE_TYPE AS Type, IFNULL(PARENT_TABLE_NAME, '') AS Parent
FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '' ORDER BY TABLE_NAME`;
const COLUMNS = `SELECT COLUMN_NAME AS Column, SPANNER_TYPE AS Type, IS_NULLABLE AS Nullable
FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '' AND LOWER(TABLE_NAME) = LOWER(@name) ORDER BY ORDINAL_POSITION`;
const INDEXES = `SELECT TABLE_NAME AS Table, INDEX_NAME AS Index, INDEX_TYPE AS Type, IS_UNIQUE AS Unique, INDEX_STATE AS State
FROM INFORMATION_SCHEMA.INDEXES WHERE TABLE_SCHEMA = '' AND (@name = '' OR LOWER(TABLE_NAME) = LOWER(@name)) ORDER BY TABLE_NAME, INDEX_NAME`;

const query = (sql: string, name?: string): Shortcut => ({ kind: 'query', sql: sql.replaceAll(/ AS (Table|Index|Unique|Column)\b/g, ' AS `$1`'), params: name === undefined ? {} : { name } });

const NAME = String.raw`\`?([\w.]+)\`?`;

/** Each with the statement's text without its semicolon. */
const PATTERNS: readonly (readonly [RegExp, (name: string | undefined) => Shortcut])[] = [
  [/^SHOW\s+TABLES$/i, () => query(TABLES)],
  [/^SHOW\s+DATABASES$/i, () => ({ kind: 'databases' })],
  [new RegExp(`^(?:SHOW\\s+COLUMNS\\s+(?:FROM|IN)|DESCRIBE|DESC)\\s+${NAME}$`, 'i'), (name) => query(COLUMNS, name ?? '')],
  [new RegExp(`^SHOW\\s+INDEX(?:ES)?(?:\\s+(?:FROM|IN)\\s+${NAME})?$`, 'i'), (name) => query(INDEXES, name ?? '')],
  [new RegExp(`^SHOW\\s+CREATE\\s+(?:TABLE|INDEX|VIEW)\\s+${NAME}$`, 'i'), (of) => ({ kind: 'ddl', of })],
  [/^SHOW\s+DDL$/i, () => ({ kind: 'ddl', of: undefined })],
  [new RegExp(`^USE\\s+\`?([-\\w]+)\`?$`, 'i'), (database) => ({ kind: 'use', database: database ?? '' })],
  [/^(?:EXIT|QUIT)$/i, () => ({ kind: 'quit' })],
  [/^HELP$/i, () => ({ kind: 'help' })],
];

/** undefined: it is SQL. */
export function shortcutOf(statement: string): Shortcut | undefined {
  const text = statement.trim().replace(/;$/, '').trim();
  if (text.startsWith('\\')) return backslash(text);
  for (const [pattern, make] of PATTERNS) {
    const match = pattern.exec(text);
    if (match !== null) return make(match[1]);
  }
  return undefined;
}

function backslash(text: string): Shortcut {
  const [command = '', argument] = text.split(/\s+/);
  switch (command) {
    case '\\d':
    case '\\dt':
      return argument === undefined ? query(TABLES) : query(COLUMNS, argument);
    case '\\di':
      return query(INDEXES, argument ?? '');
    case '\\l':
      return { kind: 'databases' };
    case '\\c':
      return argument === undefined ? { kind: 'unknown', text } : { kind: 'use', database: argument };
    case '\\x':
      return { kind: 'format', format: 'vertical' };
    case '\\f': {
      const format = FORMATS.find((each) => each === argument);
      return format === undefined ? { kind: 'unknown', text } : { kind: 'format', format };
    }
    case '\\timing':
      return { kind: 'timing' };
    case '\\q':
      return { kind: 'quit' };
    case '\\?':
    case '\\h':
      return { kind: 'help' };
    default:
      return { kind: 'unknown', text };
  }
}

export const SHELL_HELP = `Statements end with a semicolon and may go over several lines. Ctrl-C gives a line, or a running query, up.
  SHOW TABLES; SHOW DATABASES; SHOW INDEXES [FROM t]; DESCRIBE t; SHOW CREATE TABLE t; SHOW DDL;
  EXPLAIN s; EXPLAIN ANALYZE s; the plan of a statement, and what each operator of it did in a run
  \\d [t]     tables, or the columns of one       \\di [t]    indexes
  \\l         databases                            \\c NAME    go to another database
  \\f FORMAT  table, json, csv or vertical         \\x         one column a line
  \\timing    times on or off                      \\q         leave (also Ctrl-D)`;

/**
 * Statements of a dump into the model of its schema. What sets up a session is ignored; what cannot be carried over is
 * reported. Rows are not read here.
 */
import { invalidArgument } from '../base/errors.ts';
import { decodeText, type Dialect } from './dialect.ts';
import type { SourceSchema, SourceTable } from './model.ts';
import type { Report } from './report.ts';
import { TableReader, tableName } from './table-reader.ts';
import { TokenCursor, Unreadable } from './tokens.ts';
import { readType } from './type-reader.ts';

/** Statements that say how the dump is to be run, or who owns what: they leave nothing behind. */
const IGNORED =
  /^(?:SET|LOCK|UNLOCK|BEGIN|START\s+TRANSACTION|COMMIT|END|PRAGMA|ANALYZE|VACUUM|CREATE\s+DATABASE|CREATE\s+SCHEMA|DROP\s+(?:TABLE|VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|DATABASE|SEQUENCE|SCHEMA|INDEX|TYPE|DOMAIN|EXTENSION)\s+IF\s+EXISTS|DELETE\s+FROM\s+sqlite_sequence|SELECT\s+pg_catalog\.set_config|ALTER\s+(?:TABLE\s+\S+\s+(?:DISABLE|ENABLE)\s+KEYS|(?:[A-Z]+\s+)+[\s\S]*?\s+OWNER\s+TO|DATABASE|SCHEMA|INDEX\s+\S+\s+ATTACH)|ALTER\s+TABLE\s+(?:ONLY\s+)?\S+\s+(?:REPLICA\s+IDENTITY|CLUSTER\s+ON|ALTER\s+COLUMN\s+\S+\s+SET\s+(?:STATISTICS|STORAGE)))\b/i;

/** Views of mariadb-dump are made twice; the first is a stand-in. */
const STAND_IN = /^CREATE\b[\s\S]*\bVIEW\b[\s\S]*\bAS\s+SELECT\s+(?:NULL|1)\s+AS\b/i;

const LOST: readonly (readonly [RegExp, string])[] = [
  [/^CREATE\b[^(]*?\b(?:MATERIALIZED\s+)?VIEW\b/i, "views are not translated: write the query anew, with CREATE VIEW … SQL SECURITY INVOKER AS …"],
  [/^CREATE\b[^(]*?\bTRIGGER\b/i, 'there are no triggers'],
  [/^CREATE\b[^(]*?\b(?:FUNCTION|PROCEDURE|PACKAGE|AGGREGATE)\b/i, 'there are no stored procedures, and functions are in another language'],
  [/^CREATE\b[^(]*?\bEVENT\b/i, 'there are no scheduled events'],
  [/^(?:INSERT|REPLACE|UPDATE|DELETE|MERGE|WITH)\b/i, 'its rows are computed by a query'],
  [/^CREATE\s+VIRTUAL\s+TABLE\b/i, 'there are no virtual tables'],
  [/^CREATE\s+EXTENSION\b/i, 'there are no extensions'],
  [/^(?:GRANT|REVOKE|ALTER\s+DEFAULT\s+PRIVILEGES|CREATE\s+(?:ROLE|USER|POLICY))\b/i, 'roles and privileges are not carried over'],
  [/^COMMENT\b/i, 'there are no comments on objects'],
  [/^(?:CREATE|ALTER)\s+(?:PUBLICATION|SUBSCRIPTION|SERVER|FOREIGN|RULE|OPERATOR|CAST|COLLATION|TEXT\s+SEARCH|STATISTICS|LANGUAGE|EVENT\s+TRIGGER)\b/i, 'no counterpart'],
];

export class StatementReader {
  readonly #dialect: Dialect;
  readonly #schema: SourceSchema;
  readonly #report: Report;
  readonly #tables: TableReader;
  /** Sequences that number no column, with their lines. */
  readonly #sequences = new Map<string, number>();
  /** Databases that the dump has used; MySQL dumps may hold several. */
  readonly databases = new Set<string>();

  constructor(dialect: Dialect, schema: SourceSchema, report: Report) {
    this.#dialect = dialect;
    this.#schema = schema;
    this.#report = report;
    this.#tables = new TableReader(schema, report);
  }

  statement(text: string, line: number): void {
    try {
      this.#read(text, line);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#report.lost(line, decodeText(text), `cannot be read: ${error.message}`);
    }
  }

  /** Once the dump is at its end: what turned out to belong to nothing. */
  end(): void {
    for (const [name, line] of this.#sequences) {
      if (!this.#schema.owned.has(name)) this.#report.lost(line, `CREATE SEQUENCE ${name}`, 'sequences here do not count upwards: CREATE SEQUENCE … OPTIONS (sequence_kind = "bit_reversed_positive")');
    }
  }

  #read(text: string, line: number): void {
    this.#checkEncoding(text, line);
    const cursor = new TokenCursor(text, this.#dialect);
    if (cursor.accept('USE')) {
      this.databases.add(cursor.name());
      this.#report.ignored++;
    } else if (/^CREATE\s+(?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|OR\s+REPLACE)\s+)*TABLE\b/i.test(text)) this.#createTable(cursor, line);
    else if (/^CREATE\s+(?:UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?INDEX\b/i.test(text)) this.#createIndex(cursor, line);
    else if (/^CREATE\s+TYPE\b/i.test(text)) this.#createType(cursor, line);
    else if (/^CREATE\s+DOMAIN\b/i.test(text)) this.#createDomain(cursor, line);
    else if (/^CREATE\s+SEQUENCE\b/i.test(text)) this.#createSequence(cursor, line);
    else if (/^ALTER\s+SEQUENCE\b[\s\S]*\bOWNED\s+BY\b/i.test(text)) this.#ownSequence(cursor);
    else if (/^SELECT\s+(?:pg_catalog\.)?setval\b/i.test(text)) this.#setSequence(cursor);
    else if (/^DROP\s+TABLE\b/i.test(text)) this.#dropTable(cursor);
    else if (IGNORED.test(text) || STAND_IN.test(text)) this.#report.ignored++;
    else if (/^ALTER\s+TABLE\b/i.test(text)) this.#alterTable(cursor, line);
    else this.#report.lost(line, decodeText(text), LOST.find(([pattern]) => pattern.test(text))?.[1] ?? 'an unknown statement');
  }

  /** Strings are taken for UTF-8. */
  #checkEncoding(text: string, line: number): void {
    const encoding = /^SET\s+(?:client_encoding\s*(?:=|TO)\s*|NAMES\s+)['"]?([\w-]+)/i.exec(text)?.[1];
    if (encoding !== undefined && !/^(?:utf-?8(?:mb[34])?|unicode|sql_ascii|binary|ascii|default)$/i.test(encoding)) throw invalidArgument(`Line ${String(line)}: the dump is in ${encoding}. Make it in UTF-8.`);
    if (/^SET\s+standard_conforming_strings\s*(?:=|TO)\s*'?(?:off|false)\b/i.test(text)) throw invalidArgument(`Line ${String(line)}: the dump has backslashes in its strings. Make it with standard_conforming_strings on.`);
  }

  #createTable(cursor: TokenCursor, line: number): void {
    cursor.skipTo('TABLE');
    cursor.next();
    cursor.accept('IF', 'NOT', 'EXISTS');
    const name = tableName(cursor.path(), cursor);
    const table: SourceTable = { name, columns: [], primaryKey: undefined, checks: [], partitionOf: undefined, lastNumber: undefined, line };
    if (cursor.accept('PARTITION', 'OF')) table.partitionOf = tableName(cursor.path(), cursor);
    else if (cursor.peek().word !== '(' || ['SELECT', 'LIKE', 'WITH'].includes(cursor.peek(1).word)) {
      this.#report.lost(line, cursor.text, 'its columns are those of a query or of another table');
      return;
    } else this.#tables.body(cursor, table);
    const tail = cursor.text.slice(cursor.peek().start);
    const lastNumber = /\bAUTO_INCREMENT\s*=\s*(\d+)/i.exec(tail)?.[1];
    if (lastNumber !== undefined) table.lastNumber = BigInt(lastNumber) - 1n;
    if (/^INHERITS\b/i.test(tail)) this.#report.lost(line, `INHERITS of ${name}`, 'tables do not inherit; its own rows are carried over');
    if (/\bWITH\s+SYSTEM\s+VERSIONING\b/i.test(tail)) this.#report.lost(line, `system versioning of ${name}`, 'no counterpart');
    if (/\bPARTITION\s+BY\b/i.test(tail)) this.#report.changed(line, `partitions of ${name}`, 'are one table, which the database splits by itself');
    this.#schema.tables.set(name, table);
  }

  #dropTable(cursor: TokenCursor): void {
    cursor.expect('DROP', 'TABLE');
    cursor.accept('IF', 'EXISTS');
    this.#report.ignored++;
    const name = tableName(cursor.path(), cursor);
    if (!this.#schema.tables.delete(name)) return;
    for (const list of [this.#schema.indexes, this.#schema.foreignKeys]) list.splice(0, list.length, ...(list.filter((each) => each.table !== name) as never[]));
  }

  #createIndex(cursor: TokenCursor, line: number): void {
    cursor.expect('CREATE');
    if (cursor.accept('FULLTEXT') || cursor.accept('SPATIAL')) {
      this.#report.lost(line, cursor.text, 'no counterpart');
      return;
    }
    const unique = cursor.accept('UNIQUE');
    cursor.expect('INDEX');
    cursor.accept('CONCURRENTLY');
    cursor.accept('IF', 'NOT', 'EXISTS');
    const name = cursor.path().at(-1);
    cursor.expect('ON');
    cursor.accept('ONLY');
    const table = tableName(cursor.path(), cursor);
    const method = cursor.accept('USING') ? cursor.name() : 'btree';
    if (!/^(?:btree|hash)$/i.test(method)) {
      this.#report.lost(line, cursor.text, `there are no ${method} indexes`);
      return;
    }
    const parts = this.#tables.keyParts(cursor, name ?? table, line);
    const storing = cursor.accept('INCLUDE') ? cursor.names() : [];
    cursor.accept('NULLS', 'NOT', 'DISTINCT');
    if (cursor.accept('WITH')) cursor.parenthesized();
    const where = cursor.accept('WHERE') ? cursor.text.slice(cursor.peek().start) : undefined;
    if (parts !== undefined) this.#schema.indexes.push({ name, table, unique, parts, storing, where, line });
  }

  #createType(cursor: TokenCursor, line: number): void {
    cursor.expect('CREATE', 'TYPE');
    const name = tableName(cursor.path(), cursor).toLowerCase();
    if (!cursor.accept('AS', 'ENUM')) {
      this.#report.lost(line, cursor.text, 'only types that are enumerations are carried over; columns of it become STRING(MAX)');
      return;
    }
    const values: string[] = [];
    cursor.expect('(');
    while (!cursor.isAtEnd && !cursor.accept(')')) if (!cursor.accept(',')) values.push(cursor.next().text);
    this.#schema.enums.set(name, values);
  }

  #createDomain(cursor: TokenCursor, line: number): void {
    cursor.expect('CREATE', 'DOMAIN');
    const name = tableName(cursor.path(), cursor).toLowerCase();
    cursor.accept('AS');
    this.#schema.domains.set(name, readType(cursor));
    if (!cursor.isAtEnd) this.#report.lost(line, `constraints of domain ${name}`, 'columns of the domain have its type without its constraints');
  }

  #createSequence(cursor: TokenCursor, line: number): void {
    cursor.expect('CREATE', 'SEQUENCE');
    cursor.accept('IF', 'NOT', 'EXISTS');
    this.#sequences.set(tableName(cursor.path(), cursor), line);
    this.#report.ignored++;
  }

  #ownSequence(cursor: TokenCursor): void {
    cursor.expect('ALTER', 'SEQUENCE');
    const name = tableName(cursor.path(), cursor);
    cursor.expect('OWNED', 'BY');
    this.#schema.owned.set(name, tableName(cursor.path().slice(0, -1), cursor));
    this.#report.ignored++;
  }

  /** `SELECT pg_catalog.setval('public.books_id_seq', 3099, true)` */
  #setSequence(cursor: TokenCursor): void {
    cursor.skipTo('(');
    cursor.expect('(');
    const path = new TokenCursor(Buffer.from(cursor.next().text, 'utf8').toString('latin1'), this.#dialect).path();
    cursor.expect(',');
    const value = cursor.next().text;
    const table = this.#schema.tables.get(this.#schema.owned.get(tableName(path, cursor)) ?? '');
    if (table !== undefined && /^\d+$/.test(value)) table.lastNumber = BigInt(value);
    this.#report.ignored++;
  }

  #alterTable(cursor: TokenCursor, line: number): void {
    cursor.expect('ALTER', 'TABLE');
    cursor.accept('ONLY');
    cursor.accept('IF', 'EXISTS');
    const name = tableName(cursor.path(), cursor);
    const table = this.#schema.tables.get(name);
    if (table === undefined) throw new Unreadable(`there is no table ${name}`);
    do this.#alteration(cursor, table, line);
    while (cursor.accept(','));
    if (!cursor.isAtEnd) throw cursor.unreadable('the end');
  }

  #alteration(cursor: TokenCursor, table: SourceTable, line: number): void {
    if (cursor.accept('ATTACH', 'PARTITION')) {
      const part = this.#schema.tables.get(tableName(cursor.path(), cursor));
      if (part !== undefined) part.partitionOf = table.name;
      cursor.skipTo(',');
    } else if (cursor.accept('ADD')) {
      if (!this.#tables.constraint(cursor, table, line)) throw cursor.unreadable('a constraint');
    } else if (cursor.accept('ALTER')) this.#alterColumn(cursor, table);
    else if (cursor.accept('MODIFY')) this.#modifyColumn(cursor, table);
    else throw cursor.unreadable('a change of a table');
  }

  #alterColumn(cursor: TokenCursor, table: SourceTable): void {
    cursor.accept('COLUMN');
    const name = cursor.name();
    const column = table.columns.find((each) => each.name === name);
    if (column === undefined) throw new Unreadable(`${table.name} has no column ${name}`);
    if (cursor.accept('ADD', 'GENERATED')) {
      column.autoIncrement = true;
      cursor.skipTo('(');
      const options = cursor.parenthesized();
      const sequence = /SEQUENCE\s+NAME\s+(\S+)/i.exec(options)?.[1];
      if (sequence !== undefined) this.#schema.owned.set(tableName(new TokenCursor(sequence, this.#dialect).path(), cursor), table.name);
    } else if (cursor.accept('SET', 'DEFAULT')) column.default = cursor.skipTo(',');
    else if (cursor.accept('SET', 'NOT', 'NULL')) column.notNull = true;
    else throw cursor.unreadable('a change of a column');
  }

  /** phpMyAdmin's way to say AUTO_INCREMENT: ALTER TABLE `t` MODIFY `id` int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=5 */
  #modifyColumn(cursor: TokenCursor, table: SourceTable): void {
    cursor.accept('COLUMN');
    const name = cursor.name();
    const column = table.columns.find((each) => each.name === name);
    const rest = cursor.text.slice(cursor.peek().start);
    if (column === undefined || !/\bAUTO_INCREMENT\b/i.test(rest)) throw cursor.unreadable('AUTO_INCREMENT');
    column.autoIncrement = true;
    const next = /\bAUTO_INCREMENT\s*=\s*(\d+)/i.exec(rest)?.[1];
    if (next !== undefined) table.lastNumber = BigInt(next) - 1n;
    while (!cursor.isAtEnd) cursor.next();
  }
}

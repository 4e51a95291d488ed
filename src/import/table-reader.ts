/** Reads the body of CREATE TABLE, and the constraints that ALTER TABLE adds in the same words. */
import type { KeyPart, SourceColumn, SourceSchema, SourceTable } from './model.ts';
import type { Report } from './report.ts';
import type { TokenCursor } from './tokens.ts';
import { COLUMN_WORDS, readType } from './type-reader.ts';

/** `public.books` without the schema that a dialect takes for granted. */
export function tableName(parts: readonly string[], cursor: TokenCursor): string {
  const name = parts.slice(-2);
  if (name.length < 2) return name[0] ?? '';
  const implied = cursor.dialect === 'postgresql' ? name[0] === 'public' : true;
  return implied ? (name[1] ?? '') : name.join('.');
}

/** What an expression in a column's definition ends with. */
const EXPRESSION_END = [',', ...[...COLUMN_WORDS].filter((word) => !['AS', 'SET', 'WITH', 'USING', 'KEY'].includes(word))];

export class TableReader {
  readonly #schema: SourceSchema;
  readonly #report: Report;

  constructor(schema: SourceSchema, report: Report) {
    this.#schema = schema;
    this.#report = report;
  }

  /** The cursor stands behind the table's name. */
  body(cursor: TokenCursor, table: SourceTable): void {
    cursor.expect('(');
    do {
      if (cursor.peek().word === ')') break;
      if (!this.constraint(cursor, table, table.line)) this.#column(cursor, table);
    } while (cursor.accept(','));
    cursor.expect(')');
  }

  #column(cursor: TokenCursor, table: SourceTable): void {
    const column: SourceColumn = { name: cursor.name(), type: readType(cursor), notNull: false, default: undefined, generated: undefined, onUpdate: undefined, autoIncrement: false, line: table.line };
    table.columns.push(column);
    if (/^(small|big)?serial$/.test(column.type.name)) {
      column.autoIncrement = true;
      column.notNull = true;
    }
    while (cursor.peek().word !== ',' && cursor.peek().word !== ')' && !cursor.isAtEnd) this.#clause(cursor, table, column);
  }

  #clause(cursor: TokenCursor, table: SourceTable, column: SourceColumn): void {
    const named = cursor.accept('CONSTRAINT') ? cursor.name() : undefined;
    if (cursor.accept('NOT', 'NULL')) column.notNull = true;
    else if (cursor.accept('NULL') || cursor.accept('KEY')) return;
    else if (cursor.accept('PRIMARY', 'KEY')) {
      table.primaryKey = [{ column: column.name, descending: cursor.accept('DESC') }];
      cursor.accept('ASC');
      this.#conflictClause(cursor);
    } else if (cursor.accept('UNIQUE')) {
      cursor.accept('KEY');
      this.#conflictClause(cursor);
      this.#unique(table, named, [{ column: column.name, descending: false }]);
    } else if (cursor.accept('CHECK')) this.#check(cursor, table, named);
    else if (cursor.accept('DEFAULT')) column.default = this.#expression(cursor);
    else if (cursor.accept('REFERENCES')) this.#references(cursor, table, named, [column.name]);
    else if (cursor.accept('AUTO_INCREMENT') || cursor.accept('AUTOINCREMENT')) column.autoIncrement = true;
    else if (cursor.accept('ON', 'UPDATE')) column.onUpdate = this.#expression(cursor);
    else if (cursor.accept('GENERATED', 'ALWAYS') || cursor.accept('GENERATED', 'BY', 'DEFAULT') || cursor.peek().word === 'AS') this.#generated(cursor, column);
    else this.#storageClause(cursor);
  }

  #expression(cursor: TokenCursor): string {
    const first = cursor.peek();
    if (first.word !== 'NULL') return cursor.skipTo(...EXPRESSION_END).trim();
    cursor.next();
    const rest = cursor.skipTo(...EXPRESSION_END);
    return `NULL ${rest}`.trim();
  }

  #generated(cursor: TokenCursor, column: SourceColumn): void {
    cursor.expect('AS');
    if (cursor.accept('IDENTITY')) {
      column.autoIncrement = true;
      if (cursor.peek().word === '(') cursor.parenthesized();
      return;
    }
    column.generated = cursor.parenthesized();
  }

  /** How a column is stored or compared, which has no counterpart. Collations of bytes are what GoogleSQL does anyway. */
  #storageClause(cursor: TokenCursor): void {
    if (cursor.accept('CHARACTER', 'SET') || cursor.accept('CHARSET')) cursor.name();
    else if (cursor.accept('COLLATE')) cursor.path();
    else if (cursor.accept('COMMENT')) cursor.next();
    else if (cursor.accept('STORAGE') || cursor.accept('COMPRESSION') || cursor.accept('COLUMN_FORMAT') || cursor.accept('SRID')) cursor.next();
    else if (cursor.accept('REF_SYSTEM_ID')) {
      cursor.expect('=');
      cursor.next();
    } else if (!['VIRTUAL', 'STORED', 'PERSISTENT', 'INVISIBLE', 'VISIBLE', 'COMPRESSED'].some((word) => cursor.accept(word)) && !this.#deferrable(cursor)) throw cursor.unreadable('a clause of a column');
  }

  #deferrable(cursor: TokenCursor): boolean {
    return cursor.accept('NOT', 'DEFERRABLE') || cursor.accept('DEFERRABLE') || cursor.accept('INITIALLY', 'DEFERRED') || cursor.accept('INITIALLY', 'IMMEDIATE') || cursor.accept('NOT', 'VALID') || cursor.accept('NO', 'INHERIT');
  }

  #conflictClause(cursor: TokenCursor): void {
    if (cursor.accept('ON', 'CONFLICT')) cursor.next();
  }

  /** A constraint or key of the table; false when a column stands here. */
  constraint(cursor: TokenCursor, table: SourceTable, line: number): boolean {
    const { word, kind } = cursor.peek();
    if (kind !== 'word') return false;
    const next = cursor.peek(1);
    const isKeyword = ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'KEY', 'INDEX', 'FULLTEXT', 'SPATIAL', 'FOREIGN', 'CHECK', 'EXCLUDE', 'LIKE', 'VECTOR'].includes(word) && !(word === 'KEY' && cursor.dialect !== 'mysql');
    if (!isKeyword) return false;
    if (word === 'LIKE' || word === 'EXCLUDE' || ((word === 'FULLTEXT' || word === 'SPATIAL' || word === 'VECTOR') && (next.word === 'KEY' || next.word === 'INDEX'))) {
      this.#report.lost(line, `${table.name}: ${cursor.skipTo(',')}`, `no counterpart of ${word}`);
      return true;
    }
    const named = cursor.accept('CONSTRAINT') ? this.#constraintName(cursor) : undefined;
    if (cursor.accept('PRIMARY', 'KEY')) {
      this.#using(cursor);
      table.primaryKey = this.keyParts(cursor, table.name, line) ?? undefined;
    } else if (cursor.accept('FOREIGN', 'KEY')) {
      const own = cursor.peek().word === '(' ? undefined : cursor.name();
      const columns = cursor.names();
      cursor.expect('REFERENCES');
      this.#references(cursor, table, named ?? own, columns, line);
    } else if (cursor.accept('CHECK')) this.#check(cursor, table, named, line);
    else this.#index(cursor, table, named, line);
    this.#tail(cursor);
    return true;
  }

  #constraintName(cursor: TokenCursor): string | undefined {
    return ['PRIMARY', 'UNIQUE', 'FOREIGN', 'CHECK'].includes(cursor.peek().word) ? undefined : cursor.name();
  }

  #using(cursor: TokenCursor): void {
    if (cursor.accept('USING')) cursor.next();
  }

  #index(cursor: TokenCursor, table: SourceTable, named: string | undefined, line: number): void {
    const unique = cursor.accept('UNIQUE');
    if (!(cursor.accept('KEY') || cursor.accept('INDEX') || unique)) throw cursor.unreadable('a constraint');
    cursor.accept('NULLS', 'NOT', 'DISTINCT');
    const own = cursor.peek().word === '(' || cursor.peek().word === 'USING' ? undefined : cursor.name();
    this.#using(cursor);
    const parts = this.keyParts(cursor, named ?? own ?? table.name, line);
    if (parts !== undefined) this.#schema.indexes.push({ name: named ?? own, table: table.name, unique, parts, storing: cursor.accept('INCLUDE') ? cursor.names() : [], where: undefined, line });
  }

  #unique(table: SourceTable, name: string | undefined, parts: readonly KeyPart[]): void {
    this.#schema.indexes.push({ name, table: table.name, unique: true, parts, storing: [], where: undefined, line: table.line });
  }

  #check(cursor: TokenCursor, table: SourceTable, name: string | undefined, line = table.line): void {
    table.checks.push({ name, expression: cursor.parenthesized(), line });
    if (cursor.accept('NOT', 'ENFORCED')) this.#report.changed(line, `CHECK of ${table.name}`, 'is enforced here');
    else cursor.accept('ENFORCED');
  }

  #references(cursor: TokenCursor, table: SourceTable, name: string | undefined, columns: readonly string[], line = table.line): void {
    const referenced = tableName(cursor.path(), cursor);
    const referencedColumns = cursor.peek().word === '(' ? cursor.names() : [];
    let onDelete: string | undefined;
    let onUpdate: string | undefined;
    for (;;) {
      if (cursor.accept('ON', 'DELETE')) onDelete = this.#action(cursor);
      else if (cursor.accept('ON', 'UPDATE')) onUpdate = this.#action(cursor);
      else if (cursor.accept('MATCH')) cursor.next();
      else if (!this.#deferrable(cursor)) break;
    }
    this.#schema.foreignKeys.push({ name, table: table.name, columns, referenced, referencedColumns, onDelete, onUpdate, line });
  }

  #action(cursor: TokenCursor): string {
    const first = cursor.next().word;
    if (first !== 'SET' && first !== 'NO') return first;
    const action = `${first} ${cursor.next().word}`;
    if (cursor.peek().word === '(') cursor.parenthesized();
    return action;
  }

  /** Options behind a key: how it is stored, when it is checked. */
  #tail(cursor: TokenCursor): void {
    while (![',', ')'].includes(cursor.peek().word) && !cursor.isAtEnd) {
      if (this.#deferrable(cursor)) continue;
      if (cursor.accept('USING') || cursor.accept('COMMENT') || cursor.accept('ENFORCED') || cursor.accept('VISIBLE') || cursor.accept('INVISIBLE') || cursor.accept('IGNORED')) {
        const { kind, word } = cursor.peek();
        if (kind === 'string' || word === 'BTREE' || word === 'HASH') cursor.next();
      } else if (cursor.accept('KEY_BLOCK_SIZE') || cursor.accept('CLUSTERING') || cursor.accept('WITH', 'PARSER')) {
        cursor.accept('=');
        cursor.next();
      } else if (cursor.accept('ON', 'CONFLICT')) cursor.next();
      else throw cursor.unreadable('the end of a constraint');
    }
  }

  /** `(a, b DESC)`. Undefined, and reported, when a part is not a column. */
  keyParts(cursor: TokenCursor, what: string, line: number): readonly KeyPart[] | undefined {
    cursor.expect('(');
    const parts: KeyPart[] = [];
    let expression: string | undefined;
    do {
      const start = cursor.peek();
      const isColumn = (start.kind === 'word' || start.kind === 'name' || (start.kind === 'string' && cursor.dialect === 'sqlite')) && !(cursor.peek(1).word === '(' && cursor.peek(2).kind !== 'number');
      const column = isColumn ? cursor.name() : '';
      if (isColumn && cursor.peek().word === '(') {
        const length = cursor.parenthesized();
        this.#report.changed(line, `${what}: ${column}(${length})`, 'the index has the whole column, not its beginning');
      }
      const options = cursor.skipTo(',', ')');
      if (!isColumn || /::|\(|\|\|/.test(options)) expression = cursor.text.slice(start.start, start.start + 60);
      if (/\b\w+_ops\b/.test(options)) this.#report.changed(line, `${what}: ${column}`, 'the operator class is left out');
      parts.push({ column, descending: /\bDESC\b/i.test(options) });
    } while (cursor.accept(','));
    cursor.expect(')');
    if (expression === undefined) return parts;
    this.#report.lost(line, `index ${what}`, `it has an expression (${expression}); an index has columns only. A generated column can hold the expression`);
    return undefined;
  }
}

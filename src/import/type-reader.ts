/** Reads the type of a column: `character varying(20)`, `int(10) unsigned`, `public.mood[]`, or nothing at all in SQLite. */
import type { SourceType } from './model.ts';
import type { TokenCursor } from './tokens.ts';

/** Words that begin what comes after the type. */
export const COLUMN_WORDS: ReadonlySet<string> = new Set([
  'CONSTRAINT', 'PRIMARY', 'NOT', 'NULL', 'UNIQUE', 'CHECK', 'DEFAULT', 'COLLATE', 'REFERENCES', 'GENERATED', 'AS', 'AUTO_INCREMENT', 'AUTOINCREMENT', 'KEY',
  'COMMENT', 'ON', 'CHARSET', 'INVISIBLE', 'VISIBLE', 'VIRTUAL', 'STORED', 'PERSISTENT', 'STORAGE', 'COMPRESSION', 'COMPRESSED', 'DEFERRABLE', 'INITIALLY', 'COLUMN_FORMAT', 'SRID', 'REF_SYSTEM_ID',
  'WITH', 'USING', 'SET',
]);

const ALIASES: Readonly<Record<string, string>> = {
  'character varying': 'varchar', 'char varying': 'varchar', 'national varchar': 'varchar', 'national char': 'char', nvarchar: 'varchar', nchar: 'char',
  character: 'char', bpchar: 'char', 'bit varying': 'varbit', 'double precision': 'double', float8: 'double', float4: 'real',
  int2: 'smallint', int4: 'integer', int8: 'bigint', int: 'integer', bool: 'boolean', dec: 'decimal', fixed: 'decimal', numeric: 'decimal',
  'timestamp with time zone': 'timestamptz', 'timestamp without time zone': 'timestamp', 'time without time zone': 'time', 'time with time zone': 'timetz',
  serial4: 'serial', serial8: 'bigserial', serial2: 'smallserial', varchar2: 'varchar', 'long varchar': 'text', 'char byte': 'binary',
};
/** Further words of a name of a type. In SQLite any word may be one. */
const TYPE_WORDS: ReadonlySet<string> = new Set(['VARYING', 'PRECISION', 'VARCHAR', 'CHAR', 'CHARACTER', 'BYTE', 'YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND', 'TO']);
/** Behind a type, with arguments before them. */
const SUFFIXES = ['UNSIGNED', 'SIGNED', 'ZEROFILL'];

export function readType(cursor: TokenCursor): SourceType {
  const words: string[] = [];
  let args: readonly string[] = [];
  let unsigned = false;
  let array = false;
  for (;;) {
    const token = cursor.peek();
    if (token.word === '(') {
      args = typeArguments(cursor);
    } else if (token.word === '[') {
      cursor.next();
      cursor.skipTo(']');
      cursor.expect(']');
      array = true;
    } else if ((token.word === 'WITH' || token.word === 'WITHOUT') && cursor.peek(1).word === 'TIME') {
      cursor.next();
      cursor.expect('TIME', 'ZONE');
      words.push(token.word.toLowerCase(), 'time', 'zone');
    } else if (token.word === 'CHARACTER' && cursor.peek(1).word === 'SET') break;
    else if (token.word === 'ARRAY') {
      cursor.next();
      array = true;
    } else if (SUFFIXES.includes(token.word)) {
      cursor.next();
      unsigned ||= token.word !== 'SIGNED';
    } else if (words.length === 0 ? token.kind === 'name' || (token.kind === 'word' && !isClauseStart(cursor)) : token.kind === 'word' && (cursor.dialect === 'sqlite' ? !COLUMN_WORDS.has(token.word) : TYPE_WORDS.has(token.word))) {
      // A set is a type in MySQL; the schema of a type of the server itself says nothing.
      words.push(cursor.path().filter((part, i, all) => !(i < all.length - 1 && (part === 'pg_catalog' || part === 'public'))).join('.').toLowerCase());
    } else break;
  }
  const name = words.join(' ');
  return { name: ALIASES[name] ?? name, args, unsigned, array };
}

/** In SQLite a column may have no type: then its name is followed by a constraint, or nothing. */
const isClauseStart = (cursor: TokenCursor): boolean => cursor.dialect === 'sqlite' && COLUMN_WORDS.has(cursor.peek().word);

function typeArguments(cursor: TokenCursor): readonly string[] {
  cursor.expect('(');
  const args: string[] = [];
  while (!cursor.isAtEnd && !cursor.accept(')')) {
    if (!cursor.accept(',')) args.push(cursor.next().text);
  }
  return args;
}

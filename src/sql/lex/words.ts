/**
 * The words that the grammar knows. A reserved word is an identifier only in backquotes or after a dot; every other word may be a name.
 * Source: GoogleSQL for Spanner "Lexical structure", reserved keywords; the rest is what the grammar of parse/ asks for.
 */

const RESERVED = [
  'ALL', 'AND', 'ANY', 'ARRAY', 'AS', 'ASC', 'ASSERT_ROWS_MODIFIED', 'AT', 'BETWEEN', 'BY', 'CASE', 'CAST', 'COLLATE', 'CONTAINS', 'CREATE',
  'CROSS', 'CUBE', 'CURRENT', 'DEFAULT', 'DEFINE', 'DESC', 'DISTINCT', 'ELSE', 'END', 'ENUM', 'ESCAPE', 'EXCEPT', 'EXCLUDE', 'EXISTS',
  'EXTRACT', 'FALSE', 'FETCH', 'FOLLOWING', 'FOR', 'FROM', 'FULL', 'GROUP', 'GROUPING', 'GROUPS', 'HASH', 'HAVING', 'IF', 'IGNORE', 'IN',
  'INNER', 'INTERSECT', 'INTERVAL', 'INTO', 'IS', 'JOIN', 'LATERAL', 'LEFT', 'LIKE', 'LIMIT', 'LOOKUP', 'MERGE', 'NATURAL', 'NEW', 'NO',
  'NOT', 'NULL', 'NULLS', 'OF', 'ON', 'OR', 'ORDER', 'OUTER', 'OVER', 'PARTITION', 'PRECEDING', 'PROTO', 'RANGE', 'RECURSIVE', 'RESPECT',
  'RIGHT', 'ROLLUP', 'ROWS', 'SELECT', 'SET', 'SOME', 'STRUCT', 'TABLESAMPLE', 'THEN', 'TO', 'TREAT', 'TRUE', 'UNBOUNDED', 'UNION',
  'UNNEST', 'USING', 'WHEN', 'WHERE', 'WINDOW', 'WITH', 'WITHIN',
] as const;

const UNRESERVED = [
  'ACTION', 'ACYCLIC', 'ADD', 'AGGREGATE', 'ALTER', 'ANALYZE', 'ARE', 'ASCENDING', 'ASSERT', 'AUTO_INCREMENT', 'BIT_REVERSED_POSITIVE', 'BUNDLE', 'CALL',
  'CASCADE', 'CHANGE', 'CHEAPEST', 'CHECK', 'COLUMN', 'COLUMNS', 'CONFLICT', 'CONNECTION', 'CONSTRAINT', 'CORRESPONDING', 'COST', 'COUNTER', 'DATABASE',
  'DAY', 'DEFINER', 'DELETE', 'DELETION', 'DEPTH', 'DESCENDING', 'DESTINATION', 'DETERMINISTIC', 'DO', 'DROP', 'DYNAMIC', 'EDGE', 'ENFORCED',
  'EXECUTE', 'EXPLAIN', 'EXTEND', 'FILTER', 'FIRST', 'FOREIGN', 'FORMAT', 'FUNCTION', 'FUNCTIONS', 'GENERATED', 'GRANT', 'GRAPH', 'GRAPH_TABLE', 'HIDDEN',
  'IDENTITY', 'IMMUTABLE', 'INCLUDE', 'INDEX', 'INPUT', 'INSERT', 'INTERLEAVE', 'INVOKER', 'KEY', 'LABEL', 'LABELED', 'LANGUAGE', 'LAST', 'LET',
  'LOCALITY', 'MATCH', 'MATERIALIZED', 'MAX', 'MIN', 'MODEL', 'MODELS', 'NAME', 'NEXT', 'NODE', 'NOTHING', 'NULL_FILTERED', 'OFFSET', 'ONLY', 'OPTIONAL',
  'OPTIONS', 'OUTPUT', 'PARENT', 'PATH', 'PATHS', 'PER', 'PERCENT', 'PIVOT', 'PLACEMENT', 'POLICY', 'PRIMARY', 'PROPERTIES', 'PROPERTY', 'QUALIFY',
  'REFERENCES', 'REMOTE', 'RENAME', 'REPEATABLE', 'REPLACE', 'RESTART', 'RETURN', 'RETURNS', 'REVOKE', 'ROLE', 'ROW', 'SAFE', 'SAFE_CAST', 'SAFE_OFFSET',
  'SAFE_ORDINAL', 'ORDINAL', 'SAFE_KEY', 'SCHEMA', 'SEARCH', 'SECURITY', 'SEQUENCE', 'SEQUENCES', 'SHORTEST', 'SIMPLE', 'SKIP', 'SOURCE', 'SQL', 'STABLE',
  'START', 'STATIC_DESCRIBE', 'STATISTICS', 'STORED', 'STORING', 'STREAM', 'STREAMS', 'STRICT', 'SYNONYM', 'TABLE', 'TABLES', 'TIME', 'TRAIL', 'TRUNCATE',
  'TYPE', 'UNIQUE', 'UNKNOWN', 'UNPIVOT', 'UPDATE', 'USAGE', 'VALUE', 'VALUES', 'VECTOR', 'VECTOR_LENGTH', 'VIEW', 'VIEWS', 'VOLATILE', 'WALK', 'WEIGHT', 'YIELD', 'ZONE',
  'DATE', 'TIMESTAMP', 'NUMERIC', 'BIGNUMERIC', 'JSON', 'DATETIME', 'DECIMAL', 'BIGDECIMAL', 'MAP', 'SETS', 'DESCRIPTOR',
] as const;

/**
 * Words of GoogleSQL's keyword table that error messages call "keyword". Words that only Spanner's schema language has are plain
 * identifiers for the query parser, and are called so.
 */
const SCHEMA_ONLY: ReadonlySet<string> = new Set([
  'ACYCLIC', 'ARE', 'AUTO_INCREMENT', 'BIT_REVERSED_POSITIVE', 'BUNDLE', 'CHEAPEST', 'COUNTER', 'DELETION', 'FUNCTIONS', 
  'INTERLEAVE', 'LOCALITY', 'MODELS', 'NULL_FILTERED', 'PARENT', 'PATHS', 'PLACEMENT', 'POLICY', 'ROLE', 'SEARCH', 'SEQUENCES', 'STATISTICS', 'STREAM',
  'STREAMS', 'SYNONYM', 'USAGE', 'VECTOR', 'VECTOR_LENGTH', 'DAY', 'SAFE', 'SAFE_OFFSET', 'SAFE_ORDINAL', 'ORDINAL', 'SAFE_KEY',
]);

export type ReservedWord = (typeof RESERVED)[number];
export type Keyword = ReservedWord | (typeof UNRESERVED)[number];

/** Operators and punctuation, each one token. Shifts to the right are two `>` side by side, so that `ARRAY<ARRAY<INT64>>` closes twice. */
const SYMBOLS = [
  '(', ')', '[', ']', '{', '}', ',', '.', ';', ':', '*', '/', '+', '-', '~', '^', '&', '|', '||', '|>', '=', '=>', '!=', '<>', '<', '<=', '<<', '>', '>=',
  '->', '@', '@@', '?', '%', '!', '+=', '-=',
] as const;
export type Symbol_ = (typeof SYMBOLS)[number];

/** What a token is to the grammar: a keyword in upper case, a symbol, or '' for names and literals. */
export type Word = Keyword | Symbol_ | '';

const RESERVED_SET: ReadonlySet<string> = new Set(RESERVED);

/** From a word as commonly written (all upper case or all lower case) to the keyword. */
const byText = new Map<string, Keyword>();
for (const word of [...RESERVED, ...UNRESERVED]) {
  byText.set(word, word);
  byText.set(word.toLowerCase(), word);
}
const LONGEST = Math.max(...[...byText.keys()].map((word) => word.length));

/** First letter, last letter and length of each keyword: most names are told apart from keywords by these alone. */
const shapes = new Uint8Array(32 * 32 * (LONGEST + 1));
const shapeOf = (text: string): number => ((text.charCodeAt(0) & 31) << 5 | (text.charCodeAt(text.length - 1) & 31)) * (LONGEST + 1) + text.length;
for (const word of byText.keys()) shapes[shapeOf(word)] = 1;

/** The keyword that `text`, a word of at least one letter, is in any case, or ''. */
export function keywordOf(text: string): Keyword | '' {
  if (text.length > LONGEST || shapes[shapeOf(text)] !== 1) return '';
  return byText.get(text) ?? byText.get(text.toUpperCase()) ?? '';
}

export const isReserved = (word: string): boolean => RESERVED_SET.has(word);

/** Whether an error message says `keyword X` rather than `identifier "x"`. */
export const isNamedKeyword = (word: string): boolean => word !== '' && !SCHEMA_ONLY.has(word);

/** Queries, DML, schema statements: the parts that consumers of the tree look at. */
import { describe, expect, test } from 'vitest';
import { parseDdl, parseQuery, parseStatement } from '../../../src/sql/parse/parse.ts';
import { splitScript } from '../../../src/sql/parse/split.ts';
import { messageOf, plain } from './support.ts';

const statement = (sql: string): unknown => plain(parseStatement(sql));
const ddl = (sql: string): unknown => plain(parseDdl(sql));

describe('queries', () => {
  test('clauses', () => {
    expect(statement('@{optimizer_version=1} SELECT @{x=y} DISTINCT AS STRUCT a AS b, t.* EXCEPT (c) REPLACE (1 AS d), FROM t@{FORCE_INDEX=i} AS u WHERE x GROUP @{g=h} BY 1, ALL_ HAVING y ORDER BY a COLLATE "de" DESC NULLS FIRST LIMIT @n OFFSET 2 FOR UPDATE;')).toMatchObject({
      kind: 'queryStatement',
      hint: { entries: [{ name: { parts: [{ name: 'optimizer_version' }] }, value: { value: 1 } }] },
      query: {
        forUpdate: true, limit: { count: { kind: 'parameter' }, offset: { value: 2 } }, orderBy: [{ direction: 'desc', nulls: 'first', collation: { value: 'de' } }],
        body: {
          kind: 'select', distinct: true, as: { kind: 'struct' },
          items: [{ alias: { name: 'b' } }, { kind: 'selectDotStar', except: [{ name: 'c' }], replace: [{ name: { name: 'd' } }] }],
          from: { kind: 'tablePath', hint: { entries: [{}] }, alias: { name: 'u' } },
          groupBy: { all: false, items: [{}, {}], hint: {} }, having: { kind: 'pathExpression' },
        },
      },
    });
  });
  test('joins lean to the left', () => {
    expect(statement('SELECT 1 FROM a, b JOIN c ON x LEFT OUTER HASH JOIN @{k=v} d USING (p, q) CROSS JOIN UNNEST(e) AS f WITH OFFSET o')).toMatchObject({
      query: {
        body: {
          from: {
            type: 'cross', right: { kind: 'unnest', alias: { name: 'f' }, withOffset: { alias: { name: 'o' } } },
            left: {
              type: 'left', method: 'hash', hint: {}, condition: { kind: 'using', columns: [{ name: 'p' }, { name: 'q' }] },
              left: { type: 'inner', condition: { kind: 'on' }, left: { type: 'comma' } },
            },
          },
        },
      },
    });
  });
  test('a join with an array path needs no condition', () => {
    expect(messageOf(() => parseQuery('SELECT 1 FROM a JOIN a.items AS item LEFT JOIN UNNEST(a.more)'))).toBeUndefined();
  });
  test('parentheses in FROM hold a query or a join', () => {
    expect(statement('SELECT 1 FROM ((SELECT 1) UNION ALL SELECT 2) AS q, ((a JOIN b USING (x)) JOIN c USING (x)), ((SELECT 1) AS s CROSS JOIN d)')).toMatchObject({
      query: {
        body: {
          from: {
            right: { kind: 'parenthesisedJoin', join: { left: { kind: 'tableSubquery', alias: { name: 's' } } } },
            left: { left: { kind: 'tableSubquery', alias: { name: 'q' } }, right: { kind: 'parenthesisedJoin', join: { left: { kind: 'parenthesisedJoin' } } } },
          },
        },
      },
    });
  });
  test('set operations and WITH', () => {
    expect(statement('WITH RECURSIVE a AS (SELECT 1), b AS (FROM a) (SELECT 1) UNION ALL SELECT 2 UNION ALL (SELECT 3) ORDER BY 1')).toMatchObject({
      query: { with: { recursive: true, entries: [{ name: { name: 'a' } }, { name: { name: 'b' } }] }, body: { operator: 'union', quantifier: 'all', operands: [{}, {}, {}] }, orderBy: [{}] },
    });
  });
  test('pipe operators', () => {
    const sql = `FROM t |> WHERE a |> EXTEND b AS c |> SET d = 1 |> DROP e |> RENAME f AS g |> AS u |> AGGREGATE COUNT(*) AS n DESC GROUP AND ORDER BY h AS i |> DISTINCT
      |> ORDER BY n |> LIMIT 1 OFFSET 2 |> LEFT JOIN v USING (x) |> UNION ALL (SELECT 1), (SELECT 2) |> CALL tvf(1) AS w |> TABLESAMPLE BERNOULLI (1 PERCENT) |> ASSERT a, b |> SELECT *`;
    const query = parseQuery(sql);
    expect(query.pipes.map((pipe) => pipe.kind)).toEqual([
      'pipeWhere', 'pipeExtend', 'pipeSet', 'pipeDrop', 'pipeRename', 'pipeAs', 'pipeAggregate', 'pipeDistinct', 'pipeOrderBy', 'pipeLimit', 'pipeJoin',
      'pipeSetOperation', 'pipeCall', 'pipeTableSample', 'pipeAssert', 'pipeSelect',
    ]);
    expect(plain(query.pipes[6])).toMatchObject({ groupAndOrder: true, items: [{ order: { direction: 'desc' } }], groupBy: { items: [{ alias: { name: 'i' } }] } });
  });
});

describe('DML', () => {
  test('INSERT', () => {
    expect(statement('@{pdml_max_parallelism=2} INSERT OR UPDATE INTO s.t@{h=1} (a, b) VALUES (1, DEFAULT), (2, 3) ASSERT_ROWS_MODIFIED 2 THEN RETURN WITH ACTION AS act *')).toMatchObject({
      kind: 'insert', mode: 'orUpdate', hint: {}, tableHint: {}, columns: [{ name: 'a' }, { name: 'b' }],
      source: { kind: 'insertValues', rows: [{ values: [{}, { kind: 'defaultValue' }] }, {}] },
      assertRowsModified: { value: 2 }, thenReturn: { withAction: true, actionAlias: { name: 'act' }, items: [{ kind: 'selectStar' }] },
    });
    expect(statement('INSERT t (a) (SELECT 1) ON CONFLICT (a) DO UPDATE SET a = 2 WHERE TRUE')).toMatchObject({ source: { kind: 'insertQuery' }, onConflict: { action: 'update', columns: [{}], items: [{}] } });
  });
  test('UPDATE and DELETE', () => {
    expect(statement('UPDATE t AS x SET x.a.b = 1, c = DEFAULT, (DELETE x.d WHERE TRUE) WHERE x.k = 1')).toMatchObject({
      kind: 'update', alias: { name: 'x' }, items: [{ kind: 'setItem', target: { parts: [{}, {}, {}] } }, { value: { kind: 'defaultValue' } }, { kind: 'nestedDml', statement: { kind: 'delete' } }],
    });
    expect(statement('DELETE FROM t x WHERE TRUE THEN RETURN a')).toMatchObject({ kind: 'delete', alias: { name: 'x' }, thenReturn: { withAction: false } });
  });
});

describe('schema statements', () => {
  test('CREATE TABLE with everything', () => {
    expect(ddl(`CREATE TABLE IF NOT EXISTS s.t (
      a INT64 NOT NULL DEFAULT ( 1 + 2 ) , b STRING(0x10) AS (UPPER( c )) STORED HIDDEN OPTIONS (x = NULL),
      c STRING(MAX) PRIMARY KEY, d INT64 GENERATED BY DEFAULT AS IDENTITY (BIT_REVERSED_POSITIVE SKIP RANGE 1, 5 START COUNTER WITH 9),
      e TIMESTAMP ON UPDATE (CURRENT_TIMESTAMP()), f ARRAY<FLOAT32>(vector_length=>128),
      CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES u (x, y) ON DELETE CASCADE NOT ENFORCED, CHECK (a > 0), SYNONYM (w),
    ) PRIMARY KEY (a, b DESC), INTERLEAVE IN PARENT p ON DELETE NO ACTION, ROW DELETION POLICY (OLDER_THAN(e, INTERVAL 30 DAY))`)).toMatchObject({
      kind: 'createTable', ifNotExists: true, name: { parts: [{ name: 's' }, { name: 't' }] },
      columns: [
        { notNull: true, value: { kind: 'default', expression: { text: '1 + 2' } } },
        { type: { parameters: [{ kind: 'length', value: 16 }] }, value: { kind: 'generated', stored: true, expression: { text: 'UPPER( c )' } }, hidden: true, options: [{ value: { kind: 'null' } }] },
        { type: { parameters: [{ kind: 'max' }] }, primaryKey: true },
        { value: { kind: 'identity', parameters: [{ kind: 'bitReversedPositive' }, { min: 1, max: 5 }, { kind: 'startCounter', value: 9 }] } },
        { onUpdate: { text: 'CURRENT_TIMESTAMP()' } }, { type: { kind: 'arrayType', vectorLength: 128 } },
      ],
      constraints: [{ kind: 'foreignKey', name: { name: 'fk' }, onDelete: 'cascade', enforced: false }, { kind: 'checkConstraint', condition: { text: 'a > 0' } }],
      synonyms: [{}], primaryKey: [{}, { direction: 'desc' }],
      interleave: { inParent: true, onDelete: 'noAction' }, rowDeletionPolicy: { days: 30, column: { name: 'e' } },
    });
  });
  test.each([
    ['CREATE DATABASE d', 'createDatabase'], ["ALTER DATABASE d SET OPTIONS (version_retention_period = '7d')", 'alterDatabase'],
    ['RENAME TABLE a TO b, c TO d', 'renameTable'], ['CREATE UNIQUE NULL_FILTERED INDEX i ON t (a DESC) STORING (b) WHERE a IS NOT NULL, INTERLEAVE IN p', 'createIndex'],
    ['CREATE SEARCH INDEX i ON t (a) STORING (b) PARTITION BY c, d ORDER BY e DESC, INTERLEAVE IN p OPTIONS (sort_order_sharding = true)', 'createSearchIndex'],
    ["CREATE VECTOR INDEX i ON t (a) WHERE a IS NOT NULL OPTIONS (distance_type = 'COSINE')", 'createVectorIndex'],
    ['ALTER SEARCH INDEX i ADD STORED COLUMN c', 'alterIndex'], ['CREATE OR REPLACE VIEW v SQL SECURITY DEFINER AS SELECT 1 AS a', 'createView'],
    ['CREATE SCHEMA IF NOT EXISTS s', 'createSchema'], ['CREATE SEQUENCE s BIT_REVERSED_POSITIVE', 'createSequence'], ['ALTER SEQUENCE s RESTART COUNTER WITH 5', 'alterSequence'],
    ["CREATE CHANGE STREAM c FOR a, b(), d(e) OPTIONS (retention_period = '1d')", 'createChangeStream'], ['ALTER CHANGE STREAM c DROP FOR ALL', 'alterChangeStream'],
    ['CREATE ROLE r', 'createRole'], ['GRANT SELECT(a), INSERT ON TABLE t TO ROLE r', 'grantOrRevoke'], ['REVOKE ROLE a FROM ROLE b', 'grantOrRevokeRole'],
    ['CREATE FUNCTION f(x INT64 DEFAULT 1) RETURNS INT64 SQL SECURITY INVOKER AS (x + 1)', 'createFunction'], ['CREATE MODEL m REMOTE', 'createModel'],
    ['CREATE PROTO BUNDLE (a.B, c.D,)', 'createProtoBundle'], ['ALTER PROTO BUNDLE INSERT (a) DELETE (b)', 'alterProtoBundle'], ['CREATE PLACEMENT p', 'createPlacement'],
    ["CREATE LOCALITY GROUP g OPTIONS (storage = 'ssd')", 'createLocalityGroup'], ['ALTER STATISTICS s SET OPTIONS (allow_gc = false)', 'alterStatistics'], ['ANALYZE', 'analyze'],
    ['DROP PROTO BUNDLE', 'dropObject'], ['DROP TABLE IF EXISTS t', 'dropObject'], ['ALTER TABLE t ALTER c SET NOT NULL', 'alterTable'],
    ['CREATE PROPERTY GRAPH g NODE TABLES (a) EDGE TABLES (e SOURCE KEY (x) REFERENCES a (k) DESTINATION KEY (y) REFERENCES a (k))', 'createPropertyGraph'],
  ])('%s', (sql, kind) => {
    expect(parseDdl(sql).kind).toBe(kind);
    expect(parseStatement(sql)).toEqual(parseDdl(sql));
  });
  test.each([
    ['ADD COLUMN IF NOT EXISTS c INT64', 'addColumn'], ['ADD c INT64', 'addColumn'], ['DROP COLUMN c', 'dropColumn'], ['DROP c', 'dropColumn'], ['ALTER COLUMN c STRING(5) NOT NULL', 'alterColumn'],
    ['ADD CONSTRAINT k CHECK (a > 1)', 'addConstraint'], ['DROP CONSTRAINT k', 'dropConstraint'], ['ADD ROW DELETION POLICY (OLDER_THAN(c, INTERVAL 1 DAY))', 'addRowDeletionPolicy'],
    ['REPLACE ROW DELETION POLICY (OLDER_THAN(c, INTERVAL 1 DAY))', 'replaceRowDeletionPolicy'], ['DROP ROW DELETION POLICY', 'dropRowDeletionPolicy'], ['SET ON DELETE CASCADE', 'setOnDelete'],
    ['SET INTERLEAVE IN p', 'setInterleave'], ['ADD SYNONYM s', 'addSynonym'], ['DROP SYNONYM s', 'dropSynonym'], ['RENAME TO u, ADD SYNONYM t', 'renameTo'],
    ["SET OPTIONS (locality_group = 'g')", 'setOptions'],
  ])('ALTER TABLE t %s', (action, kind) => {
    expect(ddl(`ALTER TABLE t ${action}`)).toMatchObject({ action: { kind } });
  });
});

describe('scripts', () => {
  test('semicolons in strings, names and comments do not separate', () => {
    const script = "-- first; comment\nCREATE TABLE t (a INT64) PRIMARY KEY (a);;\n/* ; */ INSERT t (`a;b`) VALUES (';', \"\"\";\"\"\");\n@{h=1} UPDATE t SET a = 1 WHERE TRUE; SELECT 1 # end;";
    const statements = splitScript(script);
    expect(statements.map(({ kind }) => kind)).toEqual(['ddl', 'dml', 'dml', 'query']);
    expect(statements[1]?.text).toBe("INSERT t (`a;b`) VALUES (';', \"\"\";\"\"\")");
    for (const { text, start, end } of statements) expect(script.slice(start, end)).toBe(text);
  });
  test('nothing gives nothing, and a broken string is an error', () => {
    expect(splitScript(' ; -- x')).toEqual([]);
    expect(messageOf(() => splitScript("SELECT 1; SELECT 'a"))).toContain('Unclosed string literal [at 1:18]');
  });
});

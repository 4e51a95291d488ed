/** The row writer over a transaction in memory: what is stored, what is refused and how, what is read. */
import { describe, expect, it } from 'vitest';
import { describeConflict } from '../../../src/sql/rows/conflict.ts';
import { FakeConflict } from './fake-transaction.ts';
import { COMMIT_NANOS, Harness, insert, remove, replace, schemaOf, update, upsert } from './harness.ts';

const SINGERS = 'CREATE TABLE Singers (Id INT64 NOT NULL, Name STRING(5), Age INT64) PRIMARY KEY (Id)';
const ALBUMS = 'CREATE TABLE Albums (Id INT64 NOT NULL, Album STRING(MAX), Year INT64) PRIMARY KEY (Id, Album), INTERLEAVE IN PARENT Singers';

/** The message of the error; preconditions that fail in the transaction are described first. */
async function failure(harness: Harness, action: Promise<unknown>): Promise<string> {
  try {
    await action;
    return 'OK';
  } catch (error) {
    if (error instanceof FakeConflict) return describeConflict(harness.keySpace, error.conflict).message;
    return error instanceof Error ? error.message : String(error);
  }
}

describe('plain tables', () => {
  it('inserts, updates, upserts, replaces and deletes without reading', async () => {
    const h = new Harness(schemaOf(SINGERS));
    const columns = ['Id', 'Name', 'Age'];
    await h.apply(insert('Singers', columns, ['1', 'ann', '30'], ['2', 'bob', '40'], ['3', 'cid', '50']));
    await h.apply(update('Singers', ['Id', 'Age'], ['1', null]), upsert('Singers', ['Id', 'Name'], ['2', 'rob'], ['4', 'dan']), replace('Singers', ['Id', 'Name'], ['3', 'sid']));
    await h.apply(remove('Singers', ['4'], ['99']));
    expect(await h.rows('Singers')).toEqual([[1, 'ann', null], [2, 'rob', 40], [3, 'sid', null]]);
    expect(h.transaction.reads).toBe(1);
  });

  it('names the row when a precondition fails', async () => {
    const h = new Harness(schemaOf(SINGERS));
    await h.apply(insert('Singers', ['Id'], ['1']));
    expect(await failure(h, h.apply(insert('Singers', ['Id'], ['1'])))).toBe('Table Singers: Row {Int64(1)} already exists.');
    expect(await failure(h, h.apply(update('Singers', ['Id', 'Name'], ['9', 'x'])))).toBe('Table Singers: Row {Int64(9)} not found.');
  });

  it('refuses malformed mutations', async () => {
    const h = new Harness(schemaOf(SINGERS));
    expect(await failure(h, h.apply(insert('Nope', ['Id'], ['1'])))).toBe('Table not found: Nope');
    expect(await failure(h, h.apply(insert('', ['Id'], ['1'])))).toBe('Mutation does not specify table.');
    expect(await failure(h, h.apply(insert('Singers', ['Id', 'zz'], ['1', '2'])))).toBe('Column not found in table Singers: zz');
    expect(await failure(h, h.apply(insert('Singers', ['Id', 'Name', 'name'], ['1', 'a', 'b'])))).toBe('Multiple values for column Name.');
    expect(await failure(h, h.apply(insert('Singers', ['Id', 'Name'], ['1'])))).toBe('Mutation column and value size mismatch: Found: 2 columns and 1 values');
    expect(await failure(h, h.apply(insert('Singers', ['Id', 'Name'], ['1', 'toolong'])))).toBe('New value exceeds the maximum size limit for this column: Singers.Name, size: 7, limit: 5.');
    expect(await failure(h, h.apply(insert('Singers', ['Name'], ['a'])))).toBe('A new row in table Singers does not specify a non-null value for NOT NULL column: Id');
    expect(await failure(h, h.apply(insert('Singers', ['Id'], [null])))).toBe('Cannot specify a null value for column: Singers.Id in table: Singers');
    expect(await failure(h, h.apply(remove('Singers', ['1', '2'])))).toMatch(/^Wrong number of key parts for Singers. Expected 1 key parts, found 2 key parts./);
    expect(await failure(h, h.apply(insert('Singers', ['Id'], ['1'], ['1'])))).toMatch(/inserted more than once/);
    expect(await failure(h, h.apply(insert('Singers', ['Id'], ['5']), remove('Singers', ['5']), update('Singers', ['Id'], ['5'])))).toBe('Row {Int64(5)} in Singers was deleted and then updated in the same transaction.');
    expect(h.transaction.rows.size).toBe(0);
  });

  it('wants NOT NULL columns of every upsert, and keeps what it does not give', async () => {
    const h = new Harness(schemaOf('CREATE TABLE T (a INT64, b INT64 NOT NULL, c INT64 NOT NULL DEFAULT (7)) PRIMARY KEY (a)'), { '7': () => 7 });
    expect(await failure(h, h.apply(upsert('T', ['a'], ['1'])))).toBe('A new row in table T does not specify a non-null value for NOT NULL column: b');
    await h.apply(insert('T', ['a', 'b', 'c'], ['1', '2', '3']));
    expect(await failure(h, h.apply(upsert('T', ['a', 'c'], ['1', '8'])))).toBe('A new row in table T does not specify a non-null value for NOT NULL column: b');
    await h.apply(upsert('T', ['a', 'b'], ['1', '8']));
    expect(await h.rows('T')).toEqual([[1, 8, 3]]);
    expect(await failure(h, h.apply(update('T', ['a', 'b'], ['1', null])))).toBe('Cannot specify a null value for column: T.b in table: T');
  });

  it('refuses keys beyond 8 KiB', async () => {
    const h = new Harness(schemaOf('CREATE TABLE T (a STRING(MAX)) PRIMARY KEY (a)'));
    expect(await failure(h, h.apply(insert('T', ['a'], ['k'.repeat(9000)])))).toMatch(/^Number of bytes for key of table T is 90\d\d which exceeds the maximum of 8192\.$/);
  });
});

describe('indexes', () => {
  const T = 'CREATE TABLE T (id INT64, a STRING(MAX), b INT64, c INT64) PRIMARY KEY (id)';

  it('maintains entries over all kinds of writes', async () => {
    const h = new Harness(schemaOf(T, 'CREATE INDEX ByA ON T (a DESC) STORING (c)', 'CREATE NULL_FILTERED INDEX ByB ON T (b)', 'CREATE INDEX ByC ON T (c) WHERE c IS NOT NULL'));
    await h.apply(insert('T', ['id', 'a', 'b', 'c'], ['1', 'x', '10', '100'], ['2', 'y', null, '200'], ['3', null, '30', null]));
    expect(h.transaction.reads).toBe(0);
    expect(h.entries('ByA')).toEqual([['y', 2, 200], ['x', 1, 100], [null, 3, null]]);
    expect(h.entries('ByB')).toEqual([[10, 1], [30, 3]]);
    expect(h.entries('ByC')).toEqual([[100, 1], [200, 2]]);
    await h.apply(update('T', ['id', 'b'], ['2', '20'], ['1', null]), upsert('T', ['id', 'c'], ['3', '300'], ['4', '400']), replace('T', ['id', 'a'], ['1', 'z']), remove('T', ['2']));
    expect(h.entries('ByA')).toEqual([['z', 1, null], [null, 3, 300], [null, 4, 400]]);
    expect(h.entries('ByB')).toEqual([[30, 3]]);
    expect(h.entries('ByC')).toEqual([[300, 3], [400, 4]]);
  });

  it('keeps unique indexes unique, NULLs being equal', async () => {
    const h = new Harness(schemaOf(T, 'CREATE UNIQUE INDEX U ON T (a)'));
    await h.apply(insert('T', ['id', 'a'], ['1', 'x'], ['2', null], ['5', 'y']));
    expect(await failure(h, h.apply(insert('T', ['id', 'a'], ['3', 'x'])))).toBe('UNIQUE violation on index U,  duplicate key: {String("x")} in this transaction.');
    expect(await failure(h, h.apply(insert('T', ['id', 'a'], ['4', null])))).toBe('UNIQUE violation on index U,  duplicate key: {String(NULL)} in this transaction.');
    await h.apply(update('T', ['id', 'a'], ['1', 'y'], ['5', 'x']));
    expect(h.entries('U')).toEqual([[null, 2], ['x', 5], ['y', 1]]);
  });
});

describe('interleaving', () => {
  it('needs the parent, and protects or deletes children', async () => {
    const h = new Harness(schemaOf(SINGERS, ALBUMS));
    expect(await failure(h, h.apply(insert('Albums', ['Id', 'Album'], ['7', 'a'])))).toBe(
      'Insert failed because key was not found in parent table:  Parent Table: Singers  Child Table: Albums  Key: {Int64(7)}',
    );
    await h.apply(insert('Singers', ['Id'], ['1'], ['2'], ['3']), insert('Albums', ['Id', 'Album'], ['1', 'a'], ['1', 'b'], ['3', 'c']));
    expect(await h.rows('Singers')).toEqual([[1, null, null], [2, null, null], [3, null, null]]);
    expect(await h.rows('Albums')).toEqual([[1, 'a', null], [1, 'b', null], [3, 'c', null]]);
    const message = 'Delete failed because one or more keys exist within the child table:  Parent Table: Singers  Child Table: Albums  Key: {Int64(1)}';
    expect(await failure(h, h.apply(remove('Singers', ['1'])))).toBe(message);
    expect(await failure(h, h.apply(replace('Singers', ['Id'], ['1'])))).toBe(message);
    await h.apply(remove('Singers', ['2']), { op: 'delete', table: 'Albums', keySet: { ranges: [{ startClosed: ['1'], endClosed: ['1'] }] } }, remove('Singers', ['1']));
    expect(await h.rows('Singers')).toEqual([[3, null, null]]);
  });

  it('cascades, with the entries of children', async () => {
    const h = new Harness(schemaOf(SINGERS, `${ALBUMS} ON DELETE CASCADE`, 'CREATE INDEX ByYear ON Albums (Year)'));
    await h.apply(insert('Singers', ['Id'], ['1'], ['2']), insert('Albums', ['Id', 'Album', 'Year'], ['1', 'a', '5'], ['2', 'b', '6'], ['1', 'c', '7']));
    await h.apply(remove('Singers', ['1']));
    expect(await h.rows('Albums')).toEqual([[2, 'b', 6]]);
    expect(h.entries('ByYear')).toEqual([[6, 2, 'b']]);
    await h.apply({ op: 'delete', table: 'Singers', keySet: { all: true } });
    expect(h.transaction.rows.size).toBe(0);
  });

  it('deletes simple subtrees as one range, and leaves INTERLEAVE IN children', async () => {
    const simple = new Harness(schemaOf(SINGERS, `${ALBUMS} ON DELETE CASCADE`));
    await simple.apply({ op: 'delete', table: 'Singers', keySet: { all: true } });
    expect(simple.transaction.ops.map((op) => op.kind)).toEqual(['deleteRange']);
    const h = new Harness(schemaOf(SINGERS, ALBUMS.replace('IN PARENT', 'IN')));
    await h.apply(insert('Albums', ['Id', 'Album'], ['1', 'a']), insert('Singers', ['Id'], ['1']), { op: 'delete', table: 'Singers', keySet: { all: true } });
    expect(await h.rows('Singers')).toEqual([]);
    expect(await h.rows('Albums')).toEqual([[1, 'a', null]]);
  });

  it('tells a child before its parent from a child without', async () => {
    const h = new Harness(schemaOf(SINGERS, ALBUMS));
    await expect(h.apply(insert('Albums', ['Id', 'Album'], ['1', 'a']), insert('Singers', ['Id'], ['1']))).rejects.toMatchObject({ code: 3 });
    await expect(h.apply(insert('Albums', ['Id', 'Album'], ['1', 'a']))).rejects.toMatchObject({ code: 5 });
  });

  it('allows delete ranges that differ in the last part only', async () => {
    const h = new Harness(schemaOf(SINGERS, ALBUMS));
    const range = (start: unknown[], end: unknown[]) => ({ op: 'delete' as const, table: 'Albums', keySet: { ranges: [{ startClosed: start, endOpen: end }] } });
    expect(await failure(h, h.apply(range(['1', 'a'], ['2', 'b'])))).toBe(
      'For delete ranges, start and limit keys may only differ in the final key part: start={Int64(1), String("a")}, limit={Int64(2), String("b")}',
    );
    await h.apply(insert('Singers', ['Id'], ['1']), insert('Albums', ['Id', 'Album'], ['1', 'a'], ['1', 'b'], ['1', 'c']), range(['1', 'a'], ['1', 'c']));
    expect(await h.rows('Albums')).toEqual([[1, 'c', null]]);
    // A range of children over several parents leaves the parents.
    await h.apply(insert('Singers', ['Id'], ['2'], ['3']), insert('Albums', ['Id', 'Album'], ['2', 'a'], ['3', 'a']), range(['1'], ['3']));
    expect(await h.rows('Albums')).toEqual([[3, 'a', null]]);
    expect(await h.rows('Singers')).toHaveLength(3);
  });
});

describe('foreign keys', () => {
  const P = 'CREATE TABLE P (id INT64, code STRING(MAX)) PRIMARY KEY (id)';

  it('checks both directions at the end of the statement', async () => {
    const h = new Harness(schemaOf(P, 'CREATE TABLE F (id INT64, p INT64, CONSTRAINT fk FOREIGN KEY (p) REFERENCES P (id)) PRIMARY KEY (id)'));
    expect(await failure(h, h.apply(insert('F', ['id', 'p'], ['1', '9'])))).toBe('Foreign key `fk` constraint violation on table `F`. Cannot find referenced key `{Int64(9)}` in table `P`.');
    await h.apply(remove('F', ['1']));
    await h.apply(insert('F', ['id', 'p'], ['1', '5'], ['2', null]), insert('P', ['id'], ['5']));
    expect(await failure(h, h.apply(remove('P', ['5'])))).toBe(
      'Foreign key `fk` constraint violation when deleting or updating referenced key `{Int64(5)}` in table `P`. A row with that key exists in the referencing table `F`.',
    );
    await h.apply(insert('P', ['id'], ['5']));
    await h.apply(remove('F', ['1']), remove('P', ['5']));
    expect(await h.rows('P')).toEqual([]);
  });

  it('refers to unique columns through managed indexes, and cascades', async () => {
    const h = new Harness(schemaOf(P, 'CREATE TABLE F (id INT64, c STRING(MAX), CONSTRAINT fk FOREIGN KEY (c) REFERENCES P (code) ON DELETE CASCADE) PRIMARY KEY (id)'));
    await h.apply(insert('P', ['id', 'code'], ['1', 'a'], ['2', 'b']), insert('F', ['id', 'c'], ['1', 'a'], ['2', 'b'], ['3', 'a']));
    expect(await failure(h, h.apply(update('P', ['id', 'code'], ['1', 'z'])))).toMatch(/constraint violation when deleting or updating referenced key `{String\("a"\)}`/);
    await h.apply(update('P', ['id', 'code'], ['1', 'a']), remove('P', ['1']));
    expect(await h.rows('F')).toEqual([[2, 'b']]);
  });
});

describe('values that are computed', () => {
  it('fills in generated columns and checks', async () => {
    const h = new Harness(
      schemaOf('CREATE TABLE T (a INT64, b INT64, g INT64 AS (h * 2) STORED, h INT64 AS (b + 1) STORED, CONSTRAINT ck CHECK (b < 10)) PRIMARY KEY (a)', 'CREATE INDEX ByG ON T (g)'),
      { 'b + 1': ({ b }) => (b === null ? null : Number(b) + 1), 'h * 2': ({ h: x }) => (x === null ? null : Number(x) * 2), 'b < 10': ({ b }) => (b === null ? null : Number(b) < 10) },
    );
    await h.apply(insert('T', ['a', 'b'], ['1', '2'], ['2', null]));
    await h.apply(update('T', ['a', 'b'], ['1', '5']));
    expect(await h.rows('T')).toEqual([[1, 5, 12, 6], [2, null, null, null]]);
    expect(h.entries('ByG')).toEqual([[null, 2], [12, 1]]);
    expect(await failure(h, h.apply(update('T', ['a', 'b'], ['1', '50'])))).toBe('Check constraint `T`.`ck` is violated for key {Int64(1)}');
    expect(await failure(h, h.apply(insert('T', ['a', 'g'], ['3', '1'])))).toBe('Cannot write into generated column `T.g`.');
  });

  it('settles the commit timestamp in cells, keys and index entries', async () => {
    const h = new Harness(
      schemaOf(
        'CREATE TABLE T (id INT64, ts TIMESTAMP OPTIONS (allow_commit_timestamp = true), plain TIMESTAMP) PRIMARY KEY (id)',
        'CREATE INDEX ByAt ON T (ts DESC)',
        'CREATE TABLE Log (id INT64, ts TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true)) PRIMARY KEY (id, ts)',
      ),
    );
    const now = 'spanner.commit_timestamp()';
    await h.apply(insert('T', ['id', 'ts'], ['1', now], ['2', '2020-01-01T00:00:00Z']), insert('Log', ['id', 'ts'], ['1', now]));
    await h.apply(upsert('T', ['id', 'plain'], ['1', '2020-01-01T00:00:00Z']));
    expect(h.entries('ByAt').map((entry) => entry[1])).toEqual([2]);
    await h.finish();
    expect(h.entries('ByAt')).toEqual([[COMMIT_NANOS, 1], [1_577_836_800_000_000_000n, 2]]);
    expect(await h.rows('Log')).toEqual([[1, COMMIT_NANOS]]);
    expect((await h.rows('T'))[0]).toEqual([1, COMMIT_NANOS, 1_577_836_800_000_000_000n]);
    expect(await failure(h, h.apply(insert('T', ['id', 'plain'], ['9', now])))).toMatch(/^Cannot write commit timestamp because the allow_commit_timestamp column option/);
    expect(await failure(h, h.apply(insert('T', ['id', 'ts'], ['9', '2099-01-01T00:00:00Z'])))).toMatch(/^Cannot write timestamps in the future, found: 2099/);
  });
});

describe('mutations are counted', () => {
  it('by columns written, computed ones included, index entries, rows and ranges deleted', async () => {
    const h = new Harness(
      schemaOf('CREATE TABLE T (a INT64, b INT64, c INT64 DEFAULT (7), g INT64 AS (b + 1) STORED, v INT64 AS (b + 1)) PRIMARY KEY (a)', 'CREATE INDEX ByB ON T (b)'),
      { '7': () => 7, 'b + 1': ({ b }) => (b === null ? null : Number(b) + 1) },
    );
    const counted = async (change: Parameters<Harness['apply']>[0]): Promise<number> => {
      const before = h.writer.mutationCount;
      await h.apply(change);
      return h.writer.mutationCount - before;
    };
    // a, b, the default of c, the stored g, and an entry.
    expect(await counted(insert('T', ['a', 'b'], ['1', '2']))).toBe(5);
    expect(await counted(insert('T', ['a', 'b', 'c'], ['2', '2', '3'], ['3', '3', '3']))).toBe(10);
    // a, b, g, and two entries: the old one and the new.
    expect(await counted(update('T', ['a', 'b'], ['1', '9']))).toBe(5);
    expect(await counted(update('T', ['a', 'c'], ['1', '1']))).toBe(3);
    // A row and its entry; a range, and the entries of two rows.
    expect(await counted(remove('T', ['1']))).toBe(2);
    expect(await counted({ op: 'delete', table: 'T', keySet: { all: true } })).toBe(3);
  });
});

/** The tables of the schema workload, the changes that are made to them, and the writes of its clients. */
import type { Random } from '../../../src/base/env.ts';

export const TABLES = ['CREATE TABLE R (X INT64, Y INT64) PRIMARY KEY (X)', 'CREATE TABLE T (K INT64, A INT64, B INT64) PRIMARY KEY (K)',
  'CREATE TABLE C (K INT64, J INT64) PRIMARY KEY (K, J), INTERLEAVE IN PARENT T ON DELETE CASCADE'];

/** Many fail, because of what the schema or the rows are at the time: that is part of it. */
const CHANGES = [
  'CREATE INDEX ByA ON T (A)', 'DROP INDEX ByA',
  'CREATE UNIQUE INDEX ByB ON T (B)', 'DROP INDEX ByB',
  'CREATE INDEX Wide ON T (A DESC, K) STORING (B)', 'DROP INDEX Wide', 'ALTER INDEX Wide DROP STORED COLUMN B', 'ALTER INDEX Wide ADD STORED COLUMN B',
  'CREATE NULL_FILTERED INDEX Some ON T (B, A)', 'DROP INDEX Some',
  'ALTER TABLE T ADD COLUMN C INT64', 'ALTER TABLE T DROP COLUMN C',
  'ALTER TABLE T ADD COLUMN D INT64 DEFAULT (7)', 'ALTER TABLE T DROP COLUMN D', 'ALTER TABLE T ADD COLUMN G INT64 AS (IFNULL(B, -5) + 1) STORED', 'ALTER TABLE T DROP COLUMN G',
  'CREATE INDEX ByG ON T (G)', 'DROP INDEX ByG', 'ALTER TABLE T ADD COLUMN N INT64 NOT NULL DEFAULT (8)', 'ALTER TABLE T DROP COLUMN N',
  'CREATE INDEX ByJ ON C (J)', 'DROP INDEX ByJ',
  'ALTER TABLE T ADD CONSTRAINT Positive CHECK (A >= 0)', 'ALTER TABLE T DROP CONSTRAINT Positive',
  'ALTER TABLE T ADD CONSTRAINT ToR FOREIGN KEY (B) REFERENCES R (Y)', 'ALTER TABLE T ADD CONSTRAINT ToR FOREIGN KEY (B) REFERENCES R (X)', 'ALTER TABLE T DROP CONSTRAINT ToR',
  'ALTER TABLE T ALTER COLUMN A INT64 NOT NULL', 'ALTER TABLE T ALTER COLUMN A INT64',
];

/** Indexes, of T unless the table is said, and the columns that each has: a query over them reads nothing else. */
export const INDEXES: Readonly<Record<string, { readonly table?: string; readonly columns: string }>> = {
  ByA: { columns: 'A, K' }, ByB: { columns: 'B, K' }, Wide: { columns: 'A, K, B' }, Some: { columns: 'B, A, K' }, ByG: { columns: 'G, K' }, ByJ: { table: 'C', columns: 'J, K' },
};

/** Columns with values of their own, that no client sets, and what no row of a snapshot that has the column is like. */
export const FILLED: Readonly<Record<string, string>> = { D: 'D IS NULL', N: 'IFNULL(N, -1) != 8', G: 'IFNULL(G, -100) != IFNULL(B, -5) + 1' };

const pick = <T>(random: Random, items: readonly T[]): T => items[random.int(items.length)] as T;

export const drawChange = (random: Random): string[] => Array.from({ length: random.int(6) === 0 ? 2 : 1 }, () => pick(random, CHANGES));

const KEYS = 150;
const VALUES = 60;

/** A few statements of one transaction. Values that break constraints are rare, NULLs too. */
export function drawWrites(random: Random): string[] {
  const rare = random.int(12) === 0;
  const a = (): string => (rare && random.int(3) === 0 ? 'NULL' : String(rare ? -1 : random.int(VALUES)));
  const b = (): string => (random.int(10) === 0 ? 'NULL' : String(random.int(VALUES * 20)));
  const key = (): number => random.int(KEYS);
  return Array.from({ length: 1 + random.int(3) }, () => {
    switch (random.int(7)) {
      case 0: return `DELETE FROM T WHERE K = ${key()}`;
      case 1: return `UPDATE T SET A = ${a()} WHERE K = ${key()}`;
      case 2: return `UPDATE T SET B = ${b()} WHERE K BETWEEN ${key()} AND ${key()}`;
      case 3: return `INSERT OR UPDATE INTO R (X, Y) VALUES (${random.int(VALUES * 20)}, ${random.int(VALUES * 20)})`;
      case 5: return `INSERT OR UPDATE INTO C (K, J) SELECT K, ${random.int(VALUES)} FROM T WHERE K BETWEEN ${key()} AND ${key()} LIMIT 3`;
      case 4: return random.int(4) === 0 ? `DELETE FROM R WHERE X = ${random.int(VALUES * 20)}` : `DELETE FROM T WHERE A = ${random.int(VALUES)}`;
      default: return `INSERT OR UPDATE INTO T (K, A, B) VALUES (${key()}, ${a()}, ${b()})`;
    }
  });
}

/** Queries that need few rows, over tables of 1,000, 10,000 and 100,000 orders: their time must not grow with the table. */
import type { BenchQuery } from './queries.ts';

export const ORDERS: readonly number[] = [1_000, 10_000, 100_000];
export const LINES_PER_ORDER = 4;

const query = (name: string, trestle: string, rows: number, parameters: BenchQuery['parameters'] = () => []): BenchQuery => ({ name, trestle, standard: '', parameters, repeat: 20, rows });

export const SIZE_QUERIES: readonly BenchQuery[] = [
  query('point', 'SELECT o_totalprice FROM orders WHERE o_orderkey = @p1', 1, (run) => [1 + (run % 1000)]),
  query('index look-up', 'SELECT COUNT(*), SUM(o_totalprice) FROM orders WHERE o_custkey = @p1', 1, (run) => [1 + (run % 100)]),
  query('IN of 1,000 keys', 'SELECT o_totalprice FROM orders WHERE o_orderkey IN UNNEST(GENERATE_ARRAY(1, 1000))', 1000),
  query('join of 1,000 rows by key', 'SELECT o.o_totalprice, l.l_quantity FROM orders o JOIN lineitem l ON l.l_orderkey = o.o_orderkey AND l.l_linenumber = 1 WHERE o.o_orderkey <= 1000', 1000),
  query('ORDER BY key LIMIT 10', 'SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_orderkey LIMIT 10', 10),
  query('correlated EXISTS, 1,000 rows', 'SELECT COUNT(*) FROM orders o WHERE o.o_orderkey <= 1000 AND EXISTS (SELECT 1 FROM lineitem l WHERE l.l_orderkey = o.o_orderkey AND l.l_quantity > 25)', 1),
];

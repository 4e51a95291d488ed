/** What is measured: each query in the dialects of the databases, and what its parameters are in one run. */
export interface BenchQuery {
  readonly name: string;
  readonly trestle: string;
  /** SQLite and PostgreSQL, with `$1`, `$2` for parameters. */
  readonly standard: string;
  /** Parameters of the n-th run, by name in Trestle (`@p1`) and by position elsewhere. */
  readonly parameters: (run: number) => readonly number[];
  /** Runs in one measurement: point look-ups are too short to be timed one by one. */
  readonly repeat: number;
  /** Calls its answer by this many rows, or leaves it open. */
  readonly rows?: number;
}

const none = (): readonly number[] => [];
const date = (standard: boolean, text: string): string => (standard ? `'${text}'` : `DATE '${text}'`);

const q1 = (s: boolean): string => `SELECT l_returnflag, l_linestatus, SUM(l_quantity) AS sum_qty, SUM(l_extendedprice) AS sum_base_price,
  SUM(l_extendedprice * (1 - l_discount)) AS sum_disc_price, SUM(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
  AVG(l_quantity) AS avg_qty, AVG(l_extendedprice) AS avg_price, AVG(l_discount) AS avg_disc, COUNT(*) AS count_order
  FROM lineitem WHERE l_shipdate <= ${date(s, '1998-09-02')}
  GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus`;

const q3 = (s: boolean): string => `SELECT l_orderkey, SUM(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
  FROM customer, orders, lineitem
  WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
    AND o_orderdate < ${date(s, '1995-03-15')} AND l_shipdate > ${date(s, '1995-03-15')}
  GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10`;

const q6 = (s: boolean): string => `SELECT SUM(l_extendedprice * l_discount) AS revenue FROM lineitem
  WHERE l_shipdate >= ${date(s, '1994-01-01')} AND l_shipdate < ${date(s, '1995-01-01')}
    AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24`;

/** 1,000 orders, each joined with its customer, found through the index on the customer. */
const join = (p: string): string => `SELECT c.c_name, o.o_orderkey, o.o_totalprice FROM customer c JOIN orders o ON o.o_custkey = c.c_custkey
  WHERE c.c_custkey BETWEEN ${p}1 AND ${p}1 + 99`;

export const QUERIES: readonly BenchQuery[] = [
  { name: 'Q1', trestle: q1(false), standard: q1(true), parameters: none, repeat: 1 },
  { name: 'Q3', trestle: q3(false), standard: q3(true), parameters: none, repeat: 1 },
  { name: 'Q6', trestle: q6(false), standard: q6(true), parameters: none, repeat: 1 },
  { name: 'index join, 1,000 rows', trestle: join('@p'), standard: join('$'), parameters: (run) => [1 + (run * 37) % 100], repeat: 10 },
  { name: 'point', trestle: 'SELECT o_totalprice, o_orderdate FROM orders WHERE o_orderkey = @p1', standard: 'SELECT o_totalprice, o_orderdate FROM orders WHERE o_orderkey = $1', parameters: (run) => [1 + ((run * 7919) % 250)], repeat: 1000, rows: 1 },
  {
    name: 'range, 100 rows', trestle: 'SELECT l_linenumber, l_quantity FROM lineitem WHERE l_orderkey >= @p1 AND l_orderkey < @p1 + 25',
    standard: 'SELECT l_linenumber, l_quantity FROM lineitem WHERE l_orderkey >= $1 AND l_orderkey < $1 + 25', parameters: (run) => [1 + ((run * 7919) % 200)], repeat: 100, rows: 100,
  },
];

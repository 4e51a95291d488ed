/**
 * Tables in the manner of TPC-H: customers, orders, line items, with the columns that the measured queries read and a
 * few more. The same seed gives the same rows, so that all databases hold the same.
 */
import { SeededRandom } from '../../src/base/random.ts';

export type Cell = string | number;
export type TableName = 'customer' | 'orders' | 'lineitem';

export interface BenchColumn {
  readonly name: string;
  readonly type: 'INT64' | 'FLOAT64' | 'STRING' | 'DATE';
}

const columns = (text: string): readonly BenchColumn[] =>
  text.split(', ').map((each) => {
    const [name = '', type = 'STRING'] = each.split(' ');
    return { name, type: type as BenchColumn['type'] };
  });

export const TABLES: Readonly<Record<TableName, { readonly columns: readonly BenchColumn[]; readonly key: readonly string[] }>> = {
  customer: { columns: columns('c_custkey INT64, c_name STRING, c_mktsegment STRING, c_acctbal FLOAT64'), key: ['c_custkey'] },
  orders: { columns: columns('o_orderkey INT64, o_custkey INT64, o_orderstatus STRING, o_totalprice FLOAT64, o_orderdate DATE, o_orderpriority STRING, o_shippriority INT64'), key: ['o_orderkey'] },
  lineitem: {
    columns: columns(
      'l_orderkey INT64, l_linenumber INT64, l_partkey INT64, l_suppkey INT64, l_quantity FLOAT64, l_extendedprice FLOAT64, l_discount FLOAT64, l_tax FLOAT64, l_returnflag STRING, l_linestatus STRING, l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct STRING, l_shipmode STRING, l_comment STRING',
    ),
    key: ['l_orderkey', 'l_linenumber'],
  },
};

export const INDEX = { name: 'orders_by_customer', table: 'orders', column: 'o_custkey' } as const;

const SEGMENTS = ['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'HOUSEHOLD', 'MACHINERY'];
const PRIORITIES = ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'];
const INSTRUCTIONS = ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'];
const MODES = ['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK'];
const WORDS = ['carefully', 'quickly', 'final', 'special', 'pending', 'requests', 'deposits', 'packages', 'ironic', 'accounts'];

/** Days from 1992-01-01, the first order of TPC-H, to 1998-08-02, the last. */
const FIRST_DAY = 8035;
const DAYS = 2406;
const LINES_PER_ORDER = 4;
/** 1995-06-17: what was shipped before it has come back or been paid. */
const STATUS_DAY = 9298;

export const dateText = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);

export type OnRow = (table: TableName, row: readonly Cell[]) => void;

/** Makes `lines` line items, a quarter as many orders, a fortieth as many customers. Dates are days since 1970. */
export function generate(lines: number, onRow: OnRow): void {
  const random = new SeededRandom(19920101);
  const pick = (list: readonly string[]): string => list[random.int(list.length)] ?? '';
  const cents = (max: number): number => random.int(max * 100) / 100;
  const orders = Math.max(1, Math.floor(lines / LINES_PER_ORDER));
  const customers = Math.max(1, Math.floor(orders / 10));
  for (let c = 1; c <= customers; c++) onRow('customer', [c, `Customer#${String(c).padStart(9, '0')}`, pick(SEGMENTS), cents(10_000)]);
  for (let o = 1; o <= orders; o++) {
    const ordered = FIRST_DAY + random.int(DAYS - 151);
    onRow('orders', [o, 1 + random.int(customers), pick(['F', 'O', 'P']), cents(400_000), ordered, pick(PRIORITIES), 0]);
    for (let n = 1; n <= LINES_PER_ORDER; n++) {
      const quantity = 1 + random.int(50);
      const shipped = ordered + 1 + random.int(121);
      const received = shipped + 1 + random.int(30);
      onRow('lineitem', [
        o, n, 1 + random.int(20_000), 1 + random.int(1_000), quantity, quantity * (900 + cents(1_000)), random.int(11) / 100, random.int(9) / 100,
        received <= STATUS_DAY ? pick(['R', 'A']) : 'N', shipped > STATUS_DAY ? 'O' : 'F', shipped, ordered + 30 + random.int(61), received,
        pick(INSTRUCTIONS), pick(MODES), `${pick(WORDS)} ${pick(WORDS)} ${pick(WORDS)}`,
      ]);
    }
  }
}

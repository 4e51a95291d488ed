/**
 * The rows of the sample shop: the same at every run, drawn from a generator with a fixed seed. 12,000 and more over four
 * tables, in an order in which parents come before what is interleaved in them.
 */
import { typed, type SqlParameter } from '../../client/values.ts';

export interface TableRows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlParameter[])[];
}

const SEED = 20_121_008;
const PRODUCTS = 240;
const CUSTOMERS = 900;
const ORDERS_MAX = 7;
const LINES_MAX = 5;

/** mulberry32, a small generator of good enough quality for names and prices; in the public domain. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const FIRST_NAMES = ['Ada', 'Bruno', 'Chen', 'Dalia', 'Emeka', 'Freya', 'Goran', 'Hana', 'Idris', 'Jonas', 'Kavya', 'Lucia', 'Mateo', 'Nadia', 'Olu', 'Priya', 'Quinn', 'Rosa', 'Sven', 'Tomas'];
const LAST_NAMES = ['Abara', 'Berg', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ito', 'Jensen', 'Kaya', 'Lindt', 'Mori', 'Novak', 'Okafor', 'Patel', 'Rossi', 'Silva'];
const COUNTRIES = ['BR', 'DE', 'ES', 'FR', 'IN', 'IT', 'JP', 'NG', 'NO', 'PT', 'TR', 'US'];
const CATEGORIES = ['Bags', 'Books', 'Garden', 'Kitchen', 'Lamps', 'Music', 'Toys', 'Tools'];
const ADJECTIVES = ['Amber', 'Blue', 'Copper', 'Folding', 'Giant', 'Little', 'Oak', 'Paper', 'Quiet', 'Round', 'Silver', 'Woollen'];
const NOUNS = ['Atlas', 'Basket', 'Clock', 'Drum', 'Easel', 'Flute', 'Globe', 'Kettle', 'Lantern', 'Mirror', 'Press', 'Robot', 'Shovel', 'Teapot'];
const STATUSES = ['placed', 'paid', 'shipped', 'shipped', 'shipped', 'returned'];
const DAY_MILLIS = 86_400_000;
const FIRST_DAY = Date.UTC(2023, 0, 1);
const DAYS = 700;

const pick = (list: readonly string[], i: number): string => list[i % list.length] ?? '';
const cents = (amount: number): SqlParameter => typed('NUMERIC', `${String(Math.floor(amount / 100))}.${String(amount % 100).padStart(2, '0')}`);
const day = (millis: number): SqlParameter => typed('DATE', new Date(millis).toISOString().slice(0, 10));

type Draw = (below: number) => number;

function products(draw: Draw): { readonly rows: SqlParameter[][]; readonly prices: readonly number[] } {
  const prices = Array.from({ length: PRODUCTS }, () => 200 + draw(12_000));
  const rows = prices.map((price, i) => [
    i + 1,
    `${pick(ADJECTIVES, i)} ${pick(NOUNS, Math.floor(i / ADJECTIVES.length) + i)} ${String(100 + i)}`,
    pick(CATEGORIES, draw(CATEGORIES.length)),
    cents(price),
    draw(20) === 0,
  ]);
  return { rows, prices };
}

function customer(id: number, draw: Draw): SqlParameter[] {
  const first = pick(FIRST_NAMES, id === 17 ? 0 : draw(FIRST_NAMES.length));
  const last = pick(LAST_NAMES, id === 17 ? 1 : draw(LAST_NAMES.length));
  return [id, `${first} ${last}`, `${first}.${last}.${String(id)}@example.com`.toLowerCase(), pick(COUNTRIES, draw(COUNTRIES.length)), day(FIRST_DAY - draw(1_000) * DAY_MILLIS)];
}

export function sampleRows(): readonly TableRows[] {
  const draw = generator(SEED);
  const { rows: productRows, prices } = products(draw);
  const customers: SqlParameter[][] = [];
  const orders: SqlParameter[][] = [];
  const lines: SqlParameter[][] = [];
  for (let customerId = 1; customerId <= CUSTOMERS; customerId++) {
    customers.push(customer(customerId, draw));
    const orderCount = 1 + draw(ORDERS_MAX);
    for (let orderId = 1; orderId <= orderCount; orderId++) {
      orders.push([customerId, orderId, new Date(FIRST_DAY + draw(DAYS) * DAY_MILLIS + draw(DAY_MILLIS)), pick(STATUSES, draw(STATUSES.length))]);
      const lineCount = 1 + draw(LINES_MAX);
      for (let line = 1; line <= lineCount; line++) {
        // Squared, so that some products sell far better than others.
        const product = Math.floor((draw(1_000) / 1_000) ** 2 * PRODUCTS);
        lines.push([customerId, orderId, line, product + 1, 1 + draw(4), cents(prices[product] ?? 0)]);
      }
    }
  }
  return [
    { table: 'Products', columns: ['ProductId', 'Name', 'Category', 'Price', 'Discontinued'], rows: productRows },
    { table: 'Customers', columns: ['CustomerId', 'Name', 'Email', 'Country', 'Since'], rows: customers },
    { table: 'Orders', columns: ['CustomerId', 'OrderId', 'OrderedAt', 'Status'], rows: orders },
    { table: 'OrderLines', columns: ['CustomerId', 'OrderId', 'LineNumber', 'ProductId', 'Quantity', 'UnitPrice'], rows: lines },
  ];
}

/**
 * What a workload may ask of a database under test. Every peer has a driver; what a peer cannot do its driver lacks, and
 * the workloads that need it are left out for it.
 *
 * All of them have the same rows: an integer key, a balance, 256 bytes of data. `ROWS` of them, 0 and up, are there when a
 * run begins.
 */
export const ROWS = 20_000;
export const DATA = 'x'.repeat(256);

/** Where the load finds a peer: plain data, since the load is a process of its own. */
export interface Target {
  readonly driver: string;
  /** host:port of every node. */
  readonly addresses: readonly string[];
  readonly database?: string;
  /** How many splits the rows are cut into, evenly by key. */
  readonly splits?: number;
}

export type SqlValue = number | string;
export type Query = (sql: string, values: readonly SqlValue[]) => Promise<readonly (readonly string[])[]>;

/** One logical client: one thing at a time. */
export interface Client {
  /** A row that may be there already. */
  insert(key: number): Promise<void>;
  update?(key: number): Promise<void>;
  read?(key: number): Promise<void>;
  staleRead?(key: number): Promise<void>;
  scan?(from: number, count: number): Promise<void>;
  select?(key: number): Promise<void>;
  dml?(key: number): Promise<void>;
  /** Reads two balances, then writes both, in one transaction, again until it commits. Answers how often it was aborted. */
  transfer?(from: number, to: number): Promise<number>;
  readModifyWrite?(key: number): Promise<number>;
  /** One transaction that writes all these rows. */
  writeAll?(keys: readonly number[]): Promise<void>;
  /** A transaction of SQL statements with parameters @p1, @p2 …, again until it commits. */
  transaction?(work: (query: Query) => Promise<void>): Promise<number>;
}

export interface Driver {
  /** Fills the tables. Called once, before any load. */
  prepare(rows: number): Promise<void>;
  client(index: number): Promise<Client>;
  /** Statements of a schema, for workloads with tables of their own. */
  define?(statements: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Waits longer with each attempt, at random: what the official clients do when a transaction is aborted. */
export function backOff(attempt: number): Promise<void> {
  const millis = Math.random() * Math.min(32, 2 ** attempt);
  return new Promise((resolve) => setTimeout(resolve, millis));
}

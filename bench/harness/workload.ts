/** What one logical client does, over and over. Workloads are chosen by name; their operations are what is counted. */
import type { Client, Driver } from './driver.ts';

export interface LoadContext {
  /** Rows that are there. */
  readonly rows: number;
  /** How many splits they are cut into. */
  readonly splits: number;
  readonly index: number;
}

export interface Workload {
  readonly name: string;
  readonly about: string;
  /** Tables of its own, filled once a peer; absent: only the common rows. */
  prepare?(driver: Driver): Promise<void>;
  /** The operation of this client; undefined when the peer cannot do it. Answers how often it was aborted, if it can be. */
  operation(client: Client, context: LoadContext): (() => Promise<number | void>) | undefined;
}

export const randomInt = (n: number): number => Math.floor(Math.random() * n);

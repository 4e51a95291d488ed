/** Invariants over all rows of one read: the accounts of a bank, and a ring of links. */
import { unknown, verdictOf, type Anomaly, type Verdict } from './verdict.ts';

/** Balances of all accounts as one transaction or snapshot saw them; undefined where the row was missing. */
export interface BankRead {
  readonly id: number;
  readonly balances: readonly (number | undefined)[];
}

/** Money is neither made nor lost. */
export function checkBank(reads: readonly BankRead[], accounts: number, total: number): Verdict {
  const anomalies: Anomaly[] = [];
  for (const { id, balances } of reads) {
    if (balances.length !== accounts) return unknown(`read ${id} is of ${balances.length} accounts, not ${accounts}`);
    if (balances.some((balance) => balance !== undefined && !Number.isSafeInteger(balance))) return unknown(`read ${id} has a balance that is no integer`);
    const missing = balances.indexOf(undefined);
    if (missing >= 0) anomalies.push({ name: 'missing-row', detail: `read ${id} misses account ${missing}` });
    const sum = balances.reduce<number>((x, y) => x + (y ?? 0), 0);
    if (missing < 0 && sum !== total) anomalies.push({ name: 'wrong-total', detail: `read ${id} adds up to ${sum}, not ${total}` });
  }
  return verdictOf(anomalies);
}

/** `next[i]` is the element after i. */
export interface RingRead {
  readonly id: number;
  readonly next: readonly (number | undefined)[];
}

/** The links form one ring through all elements. */
export function checkRing(reads: readonly RingRead[], size: number): Verdict {
  const anomalies: Anomaly[] = [];
  for (const { id, next } of reads) {
    if (next.length !== size) return unknown(`read ${id} is of ${next.length} elements, not ${size}`);
    if (next.some((to) => to !== undefined && !(Number.isSafeInteger(to) && to >= 0 && to < size))) return unknown(`read ${id} has a link to nowhere`);
    let steps = 0;
    let at: number | undefined = 0;
    do {
      at = next[at];
      steps++;
    } while (at !== undefined && at !== 0 && steps < size);
    if (next.includes(undefined)) anomalies.push({ name: 'missing-row', detail: `read ${id} misses element ${next.indexOf(undefined)}` });
    else if (at !== 0 || steps !== size) anomalies.push({ name: 'broken-ring', detail: `read ${id}: from 0 ${steps} steps lead to ${at ?? 'nowhere'} (${next.join()})` });
  }
  return verdictOf(anomalies);
}

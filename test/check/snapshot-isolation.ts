/**
 * Checks histories of transactions at snapshot isolation (Berenson et al., SIGMOD 1995, §4.2) over append-only lists. Each
 * transaction knows its snapshot's and its commit's timestamp, so that what every read should have shown is known, too.
 *
 *   fractured-read      a read does not show exactly what was committed up to the snapshot
 *   non-repeatable      two reads of a transaction differ
 *   lost-update         a transaction appended to a list that it did not know the end of, or its value is gone
 *   changed-under-lock  a list read under a lock was changed between snapshot and commit
 *   dirty-read          a read saw a value of a transaction that failed, or of nobody
 *   incompatible-order  two reads of a list, neither a prefix of the other
 *   stale-snapshot      a transaction does not see one that was acknowledged before it began
 */
import { unknown, verdictOf, type Anomaly, type Verdict } from './verdict.ts';

export interface ListRead {
  readonly key: string;
  /** Without the transaction's own appends. */
  readonly values: readonly number[];
  readonly locked: boolean;
}

export interface SnapshotTxn {
  readonly id: number;
  readonly outcome: 'ok' | 'fail' | 'unknown';
  readonly start: number;
  /** Infinity when `unknown`. */
  readonly end: number;
  /** Undefined when it is not known. */
  readonly snapshot: number | undefined;
  /** Undefined when it is not known, or nothing was written. */
  readonly commit: number | undefined;
  readonly reads: readonly ListRead[];
  /** One value for each list that it appended to, all of which it read. */
  readonly appends: ReadonlyMap<string, number>;
}

const isPrefix = (a: readonly number[], b: readonly number[]): boolean => a.length <= b.length && a.every((value, i) => value === b[i]);
const show = (values: readonly number[]): string => `[${values.slice(-8).join()}]`;

class Checker {
  private readonly anomalies: Anomaly[] = [];
  private readonly txns: readonly SnapshotTxn[];
  private readonly writers = new Map<string, Map<number, SnapshotTxn>>();
  private readonly longest = new Map<string, readonly number[]>();

  constructor(txns: readonly SnapshotTxn[]) {
    this.txns = txns;
  }

  run(): Verdict {
    const malformed = this.index();
    if (malformed !== undefined) return unknown(malformed);
    for (const txn of this.txns) if (txn.outcome !== 'fail') for (const read of txn.reads) this.order(txn, read);
    for (const txn of this.txns) if (txn.outcome === 'ok') this.check(txn);
    this.checkStaleness();
    return verdictOf(this.anomalies);
  }

  private report(name: string, detail: string): void {
    if (this.anomalies.length < 20) this.anomalies.push({ name, detail });
  }

  private index(): string | undefined {
    for (const txn of this.txns) {
      if (txn.outcome === 'ok' && txn.snapshot === undefined && txn.reads.length > 0) return `T${txn.id}: it read, and has no snapshot`;
      if (txn.outcome === 'ok' && txn.appends.size > 0 && txn.commit === undefined) return `T${txn.id}: it wrote, and has no commit timestamp`;
      for (const [key, value] of txn.appends) {
        if (!txn.reads.some((read) => read.key === key)) return `T${txn.id}: it appends to ${key} without reading it`;
        let byValue = this.writers.get(key);
        if (byValue === undefined) this.writers.set(key, (byValue = new Map()));
        if (byValue.has(value)) return `${value} is appended to ${key} twice`;
        byValue.set(value, txn);
      }
    }
    return undefined;
  }

  private order(txn: SnapshotTxn, { key, values }: ListRead): void {
    const known = this.longest.get(key) ?? [];
    if (!isPrefix(values, known) && !isPrefix(known, values)) this.report('incompatible-order', `T${txn.id} read ${key}=${show(values)}, another ${show(known)}`);
    if (values.length > known.length) this.longest.set(key, values);
    for (const value of values) {
      const writer = this.writers.get(key)?.get(value);
      if (writer === undefined || writer.outcome === 'fail') this.report('dirty-read', `T${txn.id} read ${value} in ${key}, which nobody committed`);
    }
  }

  private check(txn: SnapshotTxn): void {
    const first = new Map<string, readonly number[]>();
    for (const read of txn.reads) {
      const before = first.get(read.key);
      if (before === undefined) first.set(read.key, read.values);
      else if (before.join() !== read.values.join()) this.report('non-repeatable', `T${txn.id} read ${read.key}=${show(before)}, then ${show(read.values)}`);
      this.checkRead(txn, read);
    }
    for (const [key, value] of txn.appends) {
      const order = this.longest.get(key) ?? [];
      const seen = first.get(key) ?? [];
      const at = order.indexOf(value);
      // The end of every history reads all lists.
      if (at < 0) this.report('lost-update', `T${txn.id} appended ${value} to ${key}, which is gone`);
      else if (at !== seen.length) this.report('lost-update', `T${txn.id} appended ${value} to ${key}, having seen ${seen.length} values, and is the ${at + 1}. there`);
    }
  }

  private checkRead(txn: SnapshotTxn, { key, values, locked }: ListRead): void {
    const { snapshot, commit } = txn;
    if (snapshot === undefined) return;
    for (const [value, writer] of this.writers.get(key) ?? []) {
      if (writer === txn || writer.outcome !== 'ok' || writer.commit === undefined) continue;
      const isSeen = values.includes(value);
      if (isSeen !== writer.commit <= snapshot) {
        this.report('fractured-read', `T${txn.id} at ${snapshot} ${isSeen ? 'saw' : 'missed'} ${value} in ${key}, which T${writer.id} committed at ${writer.commit}`);
      }
      if (locked && commit !== undefined && writer.commit > snapshot && writer.commit < commit) {
        this.report('changed-under-lock', `T${txn.id}, from ${snapshot} to ${commit}, held ${key}, which T${writer.id} changed at ${writer.commit}`);
      }
    }
  }

  private checkStaleness(): void {
    const ended = this.txns.filter((txn) => txn.outcome === 'ok' && txn.commit !== undefined).sort((a, b) => a.end - b.end);
    let highest: SnapshotTxn | undefined;
    let done = 0;
    for (const txn of this.txns.filter(({ outcome }) => outcome === 'ok').sort((a, b) => a.start - b.start)) {
      for (let next = ended[done]; next !== undefined && next.end < txn.start; next = ended[++done]) if ((next.commit ?? 0) > (highest?.commit ?? 0)) highest = next;
      if (txn.snapshot !== undefined && (highest?.commit ?? 0) > txn.snapshot) this.report('stale-snapshot', `T${txn.id} reads at ${txn.snapshot}, after T${highest?.id ?? -1} of ${highest?.commit ?? 0} was acknowledged`);
    }
  }
}

export const checkSnapshotIsolation = (txns: readonly SnapshotTxn[]): Verdict => new Checker(txns).run();

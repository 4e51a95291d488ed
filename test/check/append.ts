/**
 * Checks histories of transactions over append-only lists. Since a list only grows, and every value is appended once, a
 * read tells the order of all versions before it, and which transaction made each (the idea of Kingsbury and Alvaro,
 * "Elle", VLDB 2020, §3). From that follows the dependency graph, whose cycles are searched (graph.ts).
 *
 * Beside cycles:
 *   G1a                 a read saw a value of a transaction that had failed
 *   G1b                 a read saw a list in the middle of another transaction's appends to it
 *   phantom-value       a read saw a value that nobody appended
 *   duplicate-value     a list holds a value twice
 *   incompatible-order  two reads of a list, neither a prefix of the other
 *   internal            a transaction's reads contradict its own earlier reads and appends
 *   timestamp-order     commit timestamps contradict the dependencies
 *   timestamp-realtime  of two transactions, the one acknowledged before the other began has the later timestamp
 */
import { DependencyGraph, Edge } from './graph.ts';
import { unknown, verdictOf, type Anomaly, type Verdict } from './verdict.ts';

export type AppendOp =
  | { readonly kind: 'read'; readonly key: string; readonly values: readonly number[] }
  | { readonly kind: 'append'; readonly key: string; readonly value: number };

export interface AppendTxn {
  readonly id: number;
  /** `unknown`: the client was not told. `fail`: it was told that nothing was written. */
  readonly outcome: 'ok' | 'fail' | 'unknown';
  /**
   * `update` takes its place in real time. `strong` is a read of everything acknowledged before. `stale` reads at
   * `timestamp`, wherever that lies.
   */
  readonly kind: 'update' | 'strong' | 'stale';
  readonly start: number;
  /** Infinity when `unknown`. */
  readonly end: number;
  /** Commit or read timestamp, where the client knows it. */
  readonly timestamp: number | undefined;
  readonly ops: readonly AppendOp[];
}

interface Writer {
  readonly node: number;
  /** Whether it is the transaction's last append to that list. */
  readonly final: boolean;
}

/** What a read saw of others: the list without the transaction's own appends. */
interface ExternalRead {
  readonly node: number;
  readonly key: string;
  readonly values: readonly number[];
}

class Checker {
  readonly anomalies: Anomaly[] = [];
  private readonly txns: readonly AppendTxn[];
  private readonly graph: DependencyGraph;
  private readonly writers = new Map<string, Map<number, Writer>>();
  private readonly reads: ExternalRead[] = [];
  private readonly longest = new Map<string, readonly number[]>();
  private readonly observed = new Set<number>();

  constructor(txns: readonly AppendTxn[]) {
    this.txns = txns;
    this.graph = new DependencyGraph(txns.length, (node) => `T${this.txns[node]?.id ?? -1}`, (from, to, kind) => this.explain(from, to, kind));
  }

  run(): Verdict {
    const malformed = this.index();
    if (malformed !== undefined) return unknown(malformed);
    this.collectReads();
    for (const read of this.reads) this.checkRead(read);
    // Cycles over contradictory versions would mean nothing.
    if (this.anomalies.some(({ name }) => name !== 'G1b')) return verdictOf(this.anomalies);
    this.connect();
    this.checkTimestamps();
    this.anomalies.push(...this.graph.cycles());
    return verdictOf(this.anomalies);
  }

  private report(name: string, detail: string): void {
    if (this.anomalies.length < 20) this.anomalies.push({ name, detail });
  }

  private index(): string | undefined {
    const ids = new Set<number>();
    for (const [node, txn] of this.txns.entries()) {
      const problem = malformation(txn);
      if (problem !== undefined) return `T${txn.id}: ${problem}`;
      if (ids.has(txn.id)) return `T${txn.id} occurs twice`;
      ids.add(txn.id);
      const last = new Map<string, number>();
      for (const op of txn.ops) if (op.kind === 'append') last.set(op.key, op.value);
      for (const op of txn.ops) {
        if (op.kind !== 'append') continue;
        let byValue = this.writers.get(op.key);
        if (byValue === undefined) this.writers.set(op.key, (byValue = new Map()));
        if (byValue.has(op.value)) return `${op.value} is appended to ${op.key} twice`;
        byValue.set(op.value, { node, final: last.get(op.key) === op.value });
      }
    }
    return undefined;
  }

  private collectReads(): void {
    for (const [node, txn] of this.txns.entries()) {
      if (txn.outcome === 'fail') continue;
      const own = new Map<string, number[]>();
      const seen = new Map<string, readonly number[]>();
      for (const op of txn.ops) {
        const mine = own.get(op.key) ?? [];
        if (op.kind === 'append') {
          own.set(op.key, [...mine, op.value]);
          continue;
        }
        const external = op.values.slice(0, op.values.length - mine.length);
        const before = seen.get(op.key);
        const agrees = mine.every((value, i) => op.values[external.length + i] === value) && (before === undefined || same(before, external));
        if (!agrees) this.report('internal', `T${txn.id} read ${print(op.key, op.values)} after ${print(op.key, before ?? [])} and its own ${mine.join()}`);
        else if (before === undefined) this.reads.push({ node, key: op.key, values: external });
        seen.set(op.key, external);
      }
    }
  }

  private checkRead({ node, key, values }: ExternalRead): void {
    const reader = this.txns[node];
    const label = `T${reader?.id ?? -1} read ${print(key, values)}`;
    if (new Set(values).size !== values.length) this.report('duplicate-value', label);
    for (const [i, value] of values.entries()) {
      const writer = this.writers.get(key)?.get(value);
      if (writer === undefined) this.report('phantom-value', `${label}, but nobody appended ${value}`);
      else if (this.txns[writer.node]?.outcome === 'fail') this.report('G1a', `${label}, but T${this.txns[writer.node]?.id ?? -1} had failed`);
      else this.observed.add(writer.node);
      if (i === values.length - 1 && writer !== undefined && !writer.final && writer.node !== node) this.report('G1b', `${label}, in the middle of T${this.txns[writer.node]?.id ?? -1}`);
    }
    const known = this.longest.get(key) ?? [];
    const [short, long] = known.length < values.length ? [known, values] : [values, known];
    if (short.some((value, i) => value !== long[i])) this.report('incompatible-order', `${label}, another read was ${print(key, known)}`);
    this.longest.set(key, long);
  }

  /** A transaction of unknown outcome has happened if what it wrote was seen. */
  private happened(node: number): boolean {
    return this.txns[node]?.outcome === 'ok' || this.observed.has(node);
  }

  private connect(): void {
    const { graph } = this;
    for (const [key, order] of this.longest) {
      const writers = this.writers.get(key);
      for (let i = 1; i < order.length; i++) {
        const [a, b] = [writers?.get(order[i - 1] ?? 0), writers?.get(order[i] ?? 0)];
        if (a !== undefined && b !== undefined) graph.add(a.node, b.node, Edge.ww);
      }
    }
    for (const { node, key, values } of this.reads) {
      if (!this.happened(node)) continue;
      const writers = this.writers.get(key);
      const order = this.longest.get(key) ?? [];
      const last = writers?.get(values[values.length - 1] ?? NaN);
      if (last !== undefined) graph.add(last.node, node, Edge.wr);
      const next = writers?.get(order[values.length] ?? NaN);
      if (next !== undefined) graph.add(node, next.node, Edge.rw);
      if (values.length < order.length) continue;
      // Nobody saw these appends, but they cannot come before a list that lacks them.
      const inOrder = new Set(order);
      for (const [value, writer] of writers ?? []) if (!inOrder.has(value) && this.happened(writer.node)) graph.add(node, writer.node, Edge.rw);
    }
    graph.addRealTime(this.txns.flatMap((txn, node) => (txn.kind !== 'stale' && this.happened(node) ? [{ ...txn, node }] : [])));
  }

  /** Why one transaction comes before another, in words. */
  private explain(from: number, to: number, kind: number): string {
    const [a, b] = [`T${this.txns[from]?.id ?? -1}`, `T${this.txns[to]?.id ?? -1}`];
    const valueBy = (key: string, node: number, at: number): number | undefined => {
      const value = this.longest.get(key)?.[at];
      return value !== undefined && this.writers.get(key)?.get(value)?.node === node ? value : undefined;
    };
    if ((kind & Edge.ww) !== 0) {
      for (const [key, order] of this.longest) {
        const i = order.findIndex((_, at) => at > 0 && valueBy(key, from, at - 1) !== undefined && valueBy(key, to, at) !== undefined);
        if (i > 0) return `${b} appended ${String(order[i])} to ${key} right after the ${String(order[i - 1])} of ${a}`;
      }
    }
    if ((kind & Edge.wr) !== 0) {
      const read = this.reads.find(({ node, key, values }) => node === to && valueBy(key, from, values.length - 1) !== undefined);
      if (read !== undefined) return `${b} read ${print(read.key, read.values)}, whose last value is of ${a}`;
    }
    if ((kind & Edge.rw) !== 0) {
      for (const { node, key, values } of this.reads) {
        if (node !== from) continue;
        const next = valueBy(key, to, values.length) ?? [...(this.writers.get(key) ?? [])].find(([value, writer]) => writer.node === to && !values.includes(value))?.[0];
        if (next !== undefined) return `${a} read ${print(key, values)}, without the ${next} of ${b}`;
      }
    }
    return `${a} was acknowledged before ${b} began`;
  }

  private checkTimestamps(): void {
    for (const [from, out] of this.graph.next.slice(0, this.txns.length).entries()) {
      const a = this.txns[from];
      for (const [to, kinds] of out) {
        const b = this.txns[to];
        if ((kinds & (Edge.ww | Edge.wr | Edge.rw)) === 0 || a?.timestamp === undefined || b?.timestamp === undefined) continue;
        const inOrder = b.kind === 'update' ? a.timestamp < b.timestamp : a.timestamp <= b.timestamp;
        if (!inOrder) this.report('timestamp-order', `T${a.id} at ${a.timestamp} precedes T${b.id} at ${b.timestamp}`);
      }
    }
    const updates = this.txns.filter((txn) => txn.kind === 'update' && txn.outcome === 'ok' && txn.timestamp !== undefined).sort((a, b) => a.end - b.end);
    const later = this.txns.filter((txn) => txn.kind !== 'stale' && txn.outcome === 'ok' && txn.timestamp !== undefined).sort((a, b) => a.start - b.start);
    let highest: AppendTxn | undefined;
    let done = 0;
    for (const txn of later) {
      for (let ended = updates[done]; ended !== undefined && ended.end < txn.start; ended = updates[++done]) {
        if ((ended.timestamp ?? 0) > (highest?.timestamp ?? 0)) highest = ended;
      }
      const [before, after] = [highest?.timestamp ?? -1, txn.timestamp ?? 0];
      if (txn.kind === 'update' ? before >= after : before > after) {
        this.report('timestamp-realtime', `T${highest?.id ?? -1} at ${before} was acknowledged before T${txn.id} at ${after} began`);
      }
    }
  }
}

function malformation(txn: AppendTxn): string | undefined {
  if (!Number.isFinite(txn.start)) return 'has no start';
  if (!(txn.start <= txn.end)) return 'ends before it starts';
  if (txn.outcome === 'unknown' ? txn.end !== Infinity : txn.end === Infinity) return 'its end does not fit its outcome';
  if (txn.kind !== 'update' && txn.outcome === 'ok' && txn.timestamp === undefined) return 'a snapshot has no timestamp';
  if (txn.kind !== 'update' && txn.ops.some((op) => op.kind === 'append')) return 'a snapshot appends';
  if (txn.timestamp !== undefined && !Number.isSafeInteger(txn.timestamp)) return 'its timestamp is not an integer';
  const values = txn.ops.flatMap((op) => (op.kind === 'read' ? op.values : [op.value]));
  return values.every((value) => Number.isSafeInteger(value)) ? undefined : 'a value is not an integer';
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((value, i) => value === b[i]);
const print = (key: string, values: readonly number[]): string => `${key}=[${values.length > 8 ? `…${values.slice(-8).join()}` : values.join()}]`;

export function checkAppend(txns: readonly AppendTxn[]): Verdict {
  return new Checker(txns).run();
}

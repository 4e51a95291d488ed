/**
 * Dependency graphs of transactions and their cycles, named after Adya ("Weak Consistency", MIT 1999, §4): ww a version
 * replaced by the next, wr a version read, rw a version read and then replaced (anti-dependency), rt one transaction
 * acknowledged before the other began.
 *
 *   G0        a cycle of ww only
 *   G1c       of ww and wr
 *   G-single  exactly one rw
 *   G2-item   more than one rw
 *
 * A cycle that needs real time carries "-realtime": the history is serializable there, but not in an order that its
 * clients could have seen.
 */
import type { Anomaly } from './verdict.ts';

export const Edge = { ww: 1, wr: 2, rw: 4, rt: 8 } as const;
type EdgeBits = number;

/** The part of a transaction that real time needs. `end` is Infinity when nobody was told. */
export interface Interval {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

export class DependencyGraph {
  /** By node: successor and the kinds of edges to it. Nodes 0 to n-1 are transactions, further ones instants. */
  readonly next: Map<number, EdgeBits>[];
  readonly count: number;
  private readonly name: (node: number) => string;

  constructor(count: number, name: (node: number) => string) {
    this.count = count;
    this.name = name;
    this.next = Array.from({ length: count }, () => new Map<number, EdgeBits>());
  }

  add(from: number, to: number, kind: EdgeBits): void {
    if (from === to) return;
    const out = this.next[from];
    out?.set(to, (out.get(to) ?? 0) | kind);
  }

  /**
   * Adds "acknowledged before the other began" for all given nodes: a chain of instants, one for each end, so that the
   * edges are linear in number.
   */
  addRealTime(intervals: readonly (Interval & { readonly node: number })[]): void {
    const ends = intervals.filter(({ end }) => end < Infinity).sort((a, b) => a.end - b.end);
    const starts = [...intervals].sort((a, b) => a.start - b.start);
    let done = 0;
    let instant: number | undefined;
    for (const { node, start } of starts) {
      for (let ended = ends[done]; ended !== undefined && ended.end < start; ended = ends[++done]) {
        const at = this.next.push(new Map()) - 1;
        if (instant !== undefined) this.add(instant, at, Edge.rt);
        this.add(ended.node, at, Edge.rt);
        instant = at;
      }
      if (instant !== undefined) this.add(instant, node, Edge.rt);
    }
  }

  /** One cycle for each class that occurs. */
  cycles(): Anomaly[] {
    const found: Anomaly[] = [];
    for (const { name, needed, back } of CLASSES) {
      const plain = this.find(needed, back, name === 'G2-item');
      const timed = plain ?? this.find(needed, back | Edge.rt, name === 'G2-item');
      if (timed !== undefined) found.push({ name: plain === undefined ? `${name}-realtime` : name, detail: timed });
    }
    return found;
  }

  /** A cycle of one edge of kind `needed` and a way back over `back`; with `another`, no way back without `needed`. */
  private find(needed: EdgeBits, back: EdgeBits, another: boolean): string | undefined {
    const component = this.components(needed | back);
    for (let from = 0; from < this.count; from++) {
      for (const [to, kinds] of this.next[from] ?? []) {
        if ((kinds & needed) === 0 || component[from] !== component[to]) continue;
        if (another && this.path(to, from, back & ~needed) !== undefined) continue;
        const path = this.path(to, from, back);
        if (path !== undefined) return this.print([{ node: from, kind: needed }, ...path]);
      }
    }
    return undefined;
  }

  /** The shortest way, as nodes with the kind of the edge that leaves each. */
  private path(from: number, to: number, allowed: EdgeBits): { node: number; kind: EdgeBits }[] | undefined {
    const before = new Map<number, number>([[from, -1]]);
    const queue = [from];
    for (let i = 0; i < queue.length; i++) {
      const node = queue[i] ?? 0;
      if (node === to) {
        const way: { node: number; kind: EdgeBits }[] = [];
        for (let at = to; at !== from; at = before.get(at) ?? from) {
          const previous = before.get(at) ?? from;
          way.unshift({ node: previous, kind: (this.next[previous]?.get(at) ?? 0) & allowed });
        }
        return way;
      }
      for (const [next, kinds] of this.next[node] ?? []) {
        if ((kinds & allowed) === 0 || before.has(next)) continue;
        before.set(next, node);
        queue.push(next);
      }
    }
    return undefined;
  }

  private print(cycle: readonly { node: number; kind: EdgeBits }[]): string {
    const parts: string[] = [];
    for (const { node, kind } of cycle) if (node < this.count) parts.push(`${this.name(node)} -${kindName(kind)}->`);
    return `${parts.join(' ')} ${this.name(cycle[0]?.node ?? 0)}`;
  }

  /** Strongly connected components over the allowed edges (Tarjan 1972), without recursion. */
  private components(allowed: EdgeBits): Int32Array {
    const size = this.next.length;
    const index = new Int32Array(size).fill(-1);
    const low = new Int32Array(size);
    const component = new Int32Array(size).fill(-1);
    const stack: number[] = [];
    let counter = 0;
    let components = 0;
    for (let root = 0; root < size; root++) {
      if (index[root] !== -1) continue;
      const work: { node: number; edges: Iterator<[number, EdgeBits]> }[] = [];
      const enter = (node: number): void => {
        index[node] = low[node] = counter++;
        stack.push(node);
        work.push({ node, edges: (this.next[node] ?? new Map<number, EdgeBits>()).entries() });
      };
      enter(root);
      for (let top = work[work.length - 1]; top !== undefined; top = work[work.length - 1]) {
        const { node, edges } = top;
        const step = edges.next();
        if (step.done !== true) {
          const [to, kinds] = step.value;
          if ((kinds & allowed) === 0) continue;
          if (index[to] === -1) enter(to);
          else if (component[to] === -1) low[node] = Math.min(low[node] ?? 0, index[to] ?? 0);
          continue;
        }
        work.pop();
        const parent = work[work.length - 1];
        if (parent !== undefined) low[parent.node] = Math.min(low[parent.node] ?? 0, low[node] ?? 0);
        if (low[node] !== index[node]) continue;
        for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
          component[member] = components;
          if (member === node) break;
        }
        components++;
      }
    }
    return component;
  }
}

const CLASSES = [
  { name: 'G0', needed: Edge.ww, back: Edge.ww },
  { name: 'G1c', needed: Edge.wr, back: Edge.ww | Edge.wr },
  { name: 'G-single', needed: Edge.rw, back: Edge.ww | Edge.wr },
  { name: 'G2-item', needed: Edge.rw, back: Edge.ww | Edge.wr | Edge.rw },
] as const;

function kindName(kind: EdgeBits): string {
  return Object.entries(Edge)
    .filter(([, bit]) => (kind & bit) !== 0)
    .map(([name]) => name)
    .join('/');
}

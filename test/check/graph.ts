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

interface Step {
  readonly node: number;
  readonly kind: EdgeBits;
}

/** Of the cycles of a class that a broken history may have by the thousand, so many are looked at for the shortest. */
const CYCLES_COMPARED = 200;

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
  /** Says in words why there is an edge: asked about cycles only. */
  private readonly explain: (from: number, to: number, kind: number) => string;

  constructor(count: number, name: (node: number) => string, explain: (from: number, to: number, kind: number) => string) {
    this.count = count;
    this.name = name;
    this.explain = explain;
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

  /** The shortest cycle of one edge of kind `needed` and a way back over `back`; with `another`, no way back without `needed`. */
  private find(needed: EdgeBits, back: EdgeBits, another: boolean): string | undefined {
    const component = this.components(needed | back);
    let best: Step[] | undefined;
    let found = 0;
    for (let from = 0; from < this.count && found < CYCLES_COMPARED; from++) {
      for (const [to, kinds] of this.next[from] ?? []) {
        if ((kinds & needed) === 0 || component[from] !== component[to]) continue;
        if (another && this.path(to, from, back & ~needed) !== undefined) continue;
        const path = this.path(to, from, back);
        if (path === undefined) continue;
        found++;
        const cycle = [{ node: from, kind: needed }, ...path].filter(({ node }) => node < this.count);
        if (best === undefined || cycle.length < best.length) best = cycle;
      }
    }
    return best === undefined ? undefined : this.print(best);
  }

  /** The way over the fewest transactions, as nodes with the kind of the edge that leaves each. Instants cost nothing. */
  private path(from: number, to: number, allowed: EdgeBits): Step[] | undefined {
    const before = new Map<number, number>([[from, -1]]);
    for (let level = [from], next: number[] = []; level.length > 0; level = next, next = []) {
      for (let i = 0; i < level.length; i++) {
        const node = level[i] ?? 0;
        if (node === to) return this.wayBack(before, from, to, allowed);
        for (const [successor, kinds] of this.next[node] ?? []) {
          if ((kinds & allowed) === 0 || before.has(successor)) continue;
          before.set(successor, node);
          (successor < this.count ? next : level).push(successor);
        }
      }
    }
    return undefined;
  }

  private wayBack(before: ReadonlyMap<number, number>, from: number, to: number, allowed: EdgeBits): Step[] {
    const way: Step[] = [];
    for (let at = to; at !== from; ) {
      const previous = before.get(at) ?? from;
      way.unshift({ node: previous, kind: (this.next[previous]?.get(at) ?? 0) & allowed });
      at = previous;
    }
    return way;
  }

  /** The cycle as arrows, and then what each of them stands for. */
  private print(cycle: readonly Step[]): string {
    const first = cycle[0]?.node ?? 0;
    const arrows = cycle.map(({ node, kind }) => `${this.name(node)} -${kindName(kind)}-> `).join('');
    const words = cycle.map(({ node, kind }, i) => this.explain(node, cycle[i + 1]?.node ?? first, kind));
    return `${arrows}${this.name(first)}, because ${words.join('; ')}`;
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

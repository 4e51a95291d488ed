/**
 * Locks on ranges of keys, found by what they overlap: an interval tree (Cormen et al., ch. 14.3) over a treap (Seidel and
 * Aragon 1996). Ranges are in order of their ends' beginning, each node knows the furthest end below it, and a search goes
 * only where something can overlap: what it looks at grows with the logarithm of the ranges, and with what it finds.
 */
import type { Key } from '../base/ids.ts';

interface Node<L> {
  readonly from: Key;
  readonly to: Key;
  readonly locks: L[];
  /** Parents have the higher one. */
  readonly priority: number;
  /** The furthest `to` here and below. */
  furthest: Key;
  left: Node<L> | undefined;
  right: Node<L> | undefined;
}

/** Multiples of it, modulo 2^32, look drawn at random: a treap needs no more. */
const GOLDEN = 0x9e3779b1;

const order = (aFrom: Key, aTo: Key, bFrom: Key, bTo: Key): number => (aFrom !== bFrom ? (aFrom < bFrom ? -1 : 1) : aTo === bTo ? 0 : aTo < bTo ? -1 : 1);

function refresh<L>(node: Node<L>): Node<L> {
  let { to: furthest } = node;
  if (node.left !== undefined && node.left.furthest > furthest) ({ furthest } = node.left);
  if (node.right !== undefined && node.right.furthest > furthest) ({ furthest } = node.right);
  node.furthest = furthest;
  return node;
}

/** Everything in `left` comes before everything in `right`. */
function joined<L>(left: Node<L> | undefined, right: Node<L> | undefined): Node<L> | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  if (left.priority > right.priority) {
    left.right = joined(left.right, right);
    return refresh(left);
  }
  right.left = joined(left, right.left);
  return refresh(right);
}

/** What comes before the range, and what comes after it; the range itself is not there. */
function cut<L>(node: Node<L> | undefined, from: Key, to: Key): readonly [Node<L> | undefined, Node<L> | undefined] {
  if (node === undefined) return [undefined, undefined];
  if (order(node.from, node.to, from, to) < 0) {
    const [before, after] = cut(node.right, from, to);
    node.right = before;
    return [refresh(node), after];
  }
  const [before, after] = cut(node.left, from, to);
  node.left = after;
  return [before, refresh(node)];
}

export class RangeLocks<L> {
  private root: Node<L> | undefined;
  private made = 0;
  /** Nodes that searches have looked at so far. */
  visits = 0;

  /** The locks on exactly this range. */
  at(from: Key, to: Key): readonly L[] | undefined {
    return this.find(from, to)?.locks;
  }

  add(from: Key, to: Key, lock: L): void {
    const there = this.find(from, to);
    if (there !== undefined) {
      there.locks.push(lock);
      return;
    }
    this.made++;
    const node: Node<L> = { from, to, locks: [lock], priority: Math.imul(this.made, GOLDEN) >>> 0, furthest: to, left: undefined, right: undefined };
    const [before, after] = cut(this.root, from, to);
    this.root = joined(joined(before, node), after);
  }

  drop(from: Key, to: Key, lock: L): void {
    const there = this.find(from, to);
    const at = there?.locks.indexOf(lock) ?? -1;
    if (there === undefined || at < 0) return;
    there.locks.splice(at, 1);
    if (there.locks.length === 0) this.root = this.without(this.root, there);
  }

  private without(node: Node<L> | undefined, gone: Node<L>): Node<L> | undefined {
    if (node === undefined || node === gone) return node && joined(node.left, node.right);
    if (order(gone.from, gone.to, node.from, node.to) < 0) node.left = this.without(node.left, gone);
    else node.right = this.without(node.right, gone);
    return refresh(node);
  }

  /** Looks at the locks on ranges that overlap from <= key < to, or hold the single key `from`. Nothing may change meanwhile. */
  overlapping(from: Key, to: Key | undefined, look: (lock: L) => void): void {
    if (this.root !== undefined) this.search(this.root, from, to, look);
  }

  private search(node: Node<L>, from: Key, to: Key | undefined, look: (lock: L) => void): void {
    this.visits++;
    if (node.left !== undefined && node.left.furthest > from) this.search(node.left, from, to, look);
    // This one, and all to the right of it, begin too late.
    if (to === undefined ? node.from > from : node.from >= to) return;
    if (node.to > from) node.locks.forEach(look);
    if (node.right !== undefined && node.right.furthest > from) this.search(node.right, from, to, look);
  }

  private find(from: Key, to: Key): Node<L> | undefined {
    let node = this.root;
    while (node !== undefined) {
      const comes = order(from, to, node.from, node.to);
      if (comes === 0) return node;
      node = comes < 0 ? node.left : node.right;
    }
    return undefined;
  }
}

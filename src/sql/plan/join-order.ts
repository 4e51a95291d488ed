/**
 * The order of a chain of inner joins: from each input as the first, the one that makes the least of the next step is joined
 * next; of the chains, the cheapest is taken. Long chains begin with the smallest input only.
 */
import type { Expr, Rel } from '../bind/tree.ts';
import { satisfies } from './access.ts';
import { usesOnly } from './conjuncts.ts';
import { costOf, sortedCost, type Built, type Wanted } from './cost.ts';

export interface JoinInput {
  readonly rel: Rel;
  readonly ids: ReadonlySet<number>;
}

/** The joined inputs so far. */
export interface Chain {
  readonly built: Built;
  /** In a subplan: it depends on the enclosing row. */
  readonly isOuter: boolean;
  /** Conditions that it has not met yet. */
  readonly pending: readonly Expr[];
}

export interface JoinSteps {
  begin(input: JoinInput, wanted: Wanted, conditions: readonly Expr[]): Chain;
  /** With the conditions that refer to both sides. */
  join(left: Chain, input: JoinInput, conditions: readonly Expr[]): Chain;
}

/** Inputs each of which is tried as the first. */
const MAX_STARTS = 6;
const MAX_ORDERED = 12;
/** A chain must be cheaper than one that keeps more to the order of the text by this factor, since all is guessed. */
const CLEARLY = 0.5;

export function orderJoins(inputs: readonly JoinInput[], conditions: readonly Expr[], wanted: Wanted, keepsOrder: boolean, steps: JoinSteps): Chain {
  if (keepsOrder || inputs.length > MAX_ORDERED) return chainFrom(0, inputs, conditions, wanted, true, steps);
  const starts = inputs.length <= MAX_STARTS ? inputs.map((_, i) => i) : [...new Set([0, smallest(inputs, steps)])];
  let best: { readonly chain: Chain; readonly cost: number } | undefined;
  for (const start of starts) {
    const chain = chainFrom(start, inputs, conditions, wanted, false, steps);
    const cost = costFor(chain.built, wanted);
    if (best === undefined || cost < best.cost * CLEARLY) best = { chain, cost };
  }
  return best?.chain ?? chainFrom(0, inputs, conditions, wanted, true, steps);
}

/** With a sort when it lacks the order. */
function costFor(built: Built, { order, most }: Wanted): number {
  return satisfies(built.order, order, new Set()) ? costOf(built, most) : sortedCost(built).cost;
}

function smallest(inputs: readonly JoinInput[], steps: JoinSteps): number {
  const rows = inputs.map((input) => steps.begin(input, { order: [], most: Infinity }, []).built.rows);
  return rows.indexOf(Math.min(...rows));
}

function chainFrom(start: number, inputs: readonly JoinInput[], conditions: readonly Expr[], wanted: Wanted, keepsOrder: boolean, steps: JoinSteps): Chain {
  const remaining = [...inputs];
  const [first] = remaining.splice(start, 1);
  if (first === undefined) throw new TypeError('a chain of joins has inputs');
  let chain = steps.begin(first, wanted, conditions);
  while (remaining.length > 0) {
    const candidates = keepsOrder ? remaining.slice(0, 1) : connected(remaining, chain.pending);
    let best: { readonly input: JoinInput; readonly chain: Chain; readonly cost: number } | undefined;
    for (const input of candidates) {
      const later = new Set(remaining.flatMap((other) => (other === input ? [] : [...other.ids])));
      const next = steps.join(chain, input, chain.pending.filter((c) => usesOnly(c, later)));
      // Rows that come out have to be worked on afterwards.
      const cost = next.built.cost + next.built.rows;
      if (best === undefined || cost < best.cost) best = { input, chain: next, cost };
    }
    if (best === undefined) break;
    ({ chain } = best);
    remaining.splice(remaining.indexOf(best.input), 1);
  }
  return chain;
}

/** Inputs that a condition relates to what is joined already; all of them when there are none. */
function connected(remaining: readonly JoinInput[], pending: readonly Expr[]): readonly JoinInput[] {
  const related = remaining.filter((input) => {
    const later = new Set(remaining.flatMap((other) => (other === input ? [] : [...other.ids])));
    return pending.some((c) => usesOnly(c, later) && !usesOnly(c, input.ids));
  });
  return related.length === 0 ? remaining : related;
}

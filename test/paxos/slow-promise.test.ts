/** Promises that carry much take long. A candidate that asked again before they came, at ever new ballots, was never elected. */
import { expect, test } from 'vitest';
import { Cluster, text, voters, type Flying } from './cluster.ts';

const STEP = 10_000;
/** A promise holds its link for so long, and those behind it wait: ten times a round of an election. */
const PROMISE_MICROS = 900_000;
const LIMIT = 60_000_000;

test('a leader is elected over links that are slow with what phase 1 carries', () => {
  const cluster = new Cluster({ members: voters(3), preferred: 1 });
  cluster.run(2_000_000);
  cluster.propose(cluster.leader() ?? cluster.node(1), text('large'));
  cluster.run(500_000);
  cluster.crash(cluster.node(1));
  let waiting: { readonly flying: Flying; readonly at: number }[] = [];
  const freeAt = new Map<string, number>();
  let promises = 0;
  const end = cluster.trueMicros + LIMIT;
  while (cluster.leader()?.ready !== true && cluster.trueMicros < end) {
    cluster.advance(STEP);
    for (const node of cluster.up()) cluster.tick(node);
    for (const node of cluster.up()) cluster.sync(node);
    for (const flying of cluster.network.splice(0)) {
      const link = `${String(flying.from)} ${String(flying.to)}`;
      const isPromise = flying.message.kind === 'promise';
      if (isPromise) promises++;
      const at = Math.max(freeAt.get(link) ?? 0, cluster.trueMicros) + (isPromise ? PROMISE_MICROS : 0);
      freeAt.set(link, at);
      waiting.push({ flying, at });
    }
    const due = waiting.filter(({ at }) => at <= cluster.trueMicros);
    waiting = waiting.filter(({ at }) => at > cluster.trueMicros);
    for (const { flying } of due) cluster.deliver(flying);
  }
  expect(cluster.leader()?.ready).toBe(true);
  expect(promises).toBeLessThan(20);
});

/** The router over real calls between simulated nodes, with handlers of the test's own. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Code, invalidArgument } from '../../src/base/errors.ts';
import { nodeId, splitId, type Key } from '../../src/base/ids.ts';
import { notLeaderAnswer, okAnswer, readAnswer, wrongSplitAnswer } from '../../src/splits/answer.ts';
import { ByteWriter } from '../../src/base/bytes.ts';
import { decodeEntry, decodeState, encodeCut, encodeState, writeApplication } from '../../src/splits/entries.ts';
import { Router } from '../../src/splits/router.ts';
import type { SplitDescriptor } from '../../src/splits/types.ts';
import { expectOnlyCorruptBytes, keys, splitIds } from '../txn/arbitraries.ts';
import { startCluster, type TestCluster } from '../txn/cluster.ts';

const describeSplit = (id: number, from: string, to: string, generation = 1): SplitDescriptor => ({ id: splitId(id), from: from as Key, to: to as Key, generation });
const METHOD = 'test.call';

interface Routed {
  readonly test: TestCluster;
  readonly router: Router;
  readonly calls: number[];
  /** What the node answers; undefined: it is its turn to say that somebody else leads. */
  answer: (node: number) => Uint8Array | Promise<Uint8Array>;
}

const makeRouter = (test: TestCluster, lookup: (key: Key) => SplitDescriptor | undefined = () => undefined): Router =>
  new Router({ env: test.core(1).env, rpc: test.core(1).rpc, self: nodeId(1), nodes: () => [1, 2, 3].map(nodeId), lookup, leaderHint: () => undefined });

async function start(lookup?: (key: Key) => SplitDescriptor | undefined): Promise<Routed> {
  const test = await startCluster({ seed: 1 });
  const routed: Routed = {
    test,
    router: makeRouter(test, lookup),
    calls: [],
    answer: () => notLeaderAnswer(undefined),
  };
  for (const node of [1, 2, 3]) {
    test.core(node).rpc.handle(METHOD, () => {
      routed.calls.push(node);
      return routed.answer(node);
    });
  }
  return routed;
}
const call = (routed: Routed, limitMicros?: number) => routed.router.call(splitId(5), METHOD, Buffer.alloc(0), limitMicros === undefined ? {} : { limitMicros });
const body = async (answer: Awaited<ReturnType<Router['call']>>): Promise<number> => (answer === 'rerouted' ? -1 : answer.varint());

describe('the cache of splits', () => {
  it('finds keys, and the split below a key', async () => {
    const { router } = await start();
    router.learn(describeSplit(1, '', 'g'));
    router.learn(describeSplit(2, 'g', 'p'));
    const id = (key: string, below = false): number => {
      const found = router.locate(key as Key, below);
      return found instanceof Promise ? 0 : found.id;
    };
    expect([id('a'), id('fz'), id('g'), id('oz')]).toEqual([1, 1, 2, 2]);
    expect([id('g', true), id('g\0', true), id('p', true), id('a', true)]).toEqual([1, 2, 2, 1]);
  });

  it('keeps the newest news, without overlaps, in whatever order it comes', async () => {
    const { test } = await start();
    // The history of one split that is cut again and again: descriptors of all its moments.
    const history: SplitDescriptor[] = [describeSplit(1, 'a', 'z', 1)];
    const live = new Map([[1, history[0] ?? describeSplit(1, 'a', 'z')]]);
    for (const [index, at] of ['m', 'f', 't', 'p', 'c'].entries()) {
      const [old] = [...live.values()].filter(({ from, to }) => from < at && at < to);
      if (old === undefined) throw new Error('some split holds the key');
      const left = describeSplit(old.id, old.from, at, old.generation + 1);
      const right = describeSplit(index + 2, at, old.to, old.generation + 1);
      for (const one of [left, right]) {
        live.set(one.id, one);
        history.push(one);
      }
    }
    fc.assert(
      fc.property(fc.shuffledSubarray(history, { minLength: 1 }), fc.boolean(), (news, forgets) => {
        const fresh = makeRouter(test);
        for (const one of news) fresh.learn(one);
        if (forgets) fresh.forget(splitId(3));
        for (const key of ['a', 'b', 'c', 'f', 'h', 'm', 'o', 'p', 's', 't', 'y']) {
          const found = fresh.locate(key as Key);
          const about = news.filter(({ id, from, to }) => from <= key && key < to && !(forgets && id === 3));
          if (found instanceof Promise) continue; // Asks for it.
          expect(about).toContainEqual(found);
          // Nothing newer about this key was learned.
          const newest = Math.max(...news.filter(({ id, from, to }) => from <= key && key < to && !(forgets && id === 3)).map(({ generation }) => generation));
          expect(found.generation).toBe(newest);
        }
      }),
    );
  });

  it('asks for what it does not know, until somebody knows', async () => {
    let known: SplitDescriptor | undefined;
    const asked: string[] = [];
    const { router, test } = await start((key) => {
      asked.push(key);
      return known;
    });
    const found = Promise.resolve(router.locate('k' as Key));
    await test.settle(0.1);
    known = describeSplit(4, 'h', 'm');
    expect(await test.run(found)).toEqual(known);
    expect(router.locate('l' as Key)).toEqual(known);
    const below = Promise.resolve(router.locate('h' as Key, true));
    known = describeSplit(3, 'a', 'h');
    expect(await test.run(below)).toEqual(known);
    expect((asked.at(-1) ?? '') < 'h').toBe(true);
    known = undefined;
    await expect(test.run(Promise.resolve(router.locate('z' as Key)), 60)).rejects.toMatchObject({ code: Code.UNAVAILABLE });
  });
});

describe('calls of a split', () => {
  it('follow the hint to the leader, and go there at once the next time', async () => {
    const routed = await start();
    routed.answer = (node) => (node === 3 ? okAnswer().varint(7).finish() : notLeaderAnswer(nodeId(3)));
    expect(await body(await routed.test.run(call(routed)))).toBe(7);
    expect(routed.calls).toEqual([1, 3]);
    await routed.test.run(call(routed));
    expect(routed.calls).toEqual([1, 3, 3]);
  });

  it('do not wait before they follow a hint', async () => {
    const routed = await start();
    routed.answer = (node) => (node === 3 ? okAnswer().varint(7).finish() : notLeaderAnswer(nodeId(3)));
    const begun = routed.test.sim.now;
    await routed.test.run(call(routed));
    expect(routed.test.sim.now - begun).toBeLessThan(1_500);
  });

  it('try everybody, and again, while nobody leads', async () => {
    const routed = await start();
    const done = call(routed);
    await routed.test.settle(0.5);
    expect(new Set(routed.calls)).toEqual(new Set([1, 2, 3]));
    routed.answer = (node) => (node === 2 ? okAnswer().varint(1).finish() : notLeaderAnswer(nodeId(1)));
    expect(await body(await routed.test.run(done))).toBe(1);
  });

  it('end as UNAVAILABLE when nobody leads in time, and with the error of the handler', async () => {
    const routed = await start();
    await expect(routed.test.run(call(routed, 1_000_000))).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    routed.answer = () => {
      throw invalidArgument('no');
    };
    await expect(routed.test.run(call(routed))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  });

  it('end as UNAVAILABLE, which clients repeat, when the leader does not answer', async () => {
    const routed = await start();
    routed.answer = () => new Promise(() => undefined);
    await expect(routed.test.run(call(routed, 1_000_000))).rejects.toMatchObject({ code: Code.UNAVAILABLE });
  });

  it('end when they are cancelled', async () => {
    const routed = await start();
    const controller = new AbortController();
    const done = routed.router.call(splitId(5), METHOD, Buffer.alloc(0), { signal: controller.signal });
    await routed.test.settle(0.1);
    controller.abort();
    await expect(routed.test.run(done)).rejects.toMatchObject({ code: Code.CANCELLED });
  });

  it('learn where the keys lie now', async () => {
    const routed = await start();
    routed.router.learn(describeSplit(5, 'a', 'z', 1));
    routed.answer = () => wrongSplitAnswer([describeSplit(5, 'a', 'm', 2), describeSplit(6, 'm', 'z', 2)]);
    expect(await routed.test.run(call(routed))).toBe('rerouted');
    expect(routed.router.locate('b' as Key)).toMatchObject({ id: 5, generation: 2 });
    expect(routed.router.locate('q' as Key)).toMatchObject({ id: 6 });
  });

  it('pass over a node that is down', async () => {
    const routed = await start();
    routed.answer = (node) => (node === 3 ? okAnswer().varint(1).finish() : notLeaderAnswer(nodeId(3)));
    await routed.test.run(call(routed));
    routed.test.cluster.crash(nodeId(3), false);
    routed.answer = (node) => (node === 2 ? okAnswer().varint(2).finish() : notLeaderAnswer(nodeId(3)));
    expect(await body(await routed.test.run(call(routed)))).toBe(2);
  });
});

describe('calls of several splits', () => {
  const three = (routed: Routed) => routed.router.callEach(METHOD, [5, 6, 7].map((id) => ({ split: splitId(id), body: Buffer.of(id) })));
  const knowing = async (): Promise<Routed> => {
    const routed = await start();
    routed.answer = (node) => (node === 3 ? okAnswer().varint(1).finish() : notLeaderAnswer(nodeId(3)));
    for (const id of [5, 6, 7]) await routed.test.run(routed.router.call(splitId(id), METHOD, Buffer.alloc(0)));
    routed.calls.length = 0;
    return routed;
  };

  it('go to the leader in one message, and those that it does not lead go on alone', async () => {
    const routed = await knowing();
    let together = 0;
    const { rpc } = routed.test.core(1);
    const callEach = rpc.callEach.bind(rpc);
    rpc.callEach = (...args) => {
      together++;
      callEach(...args);
    };
    let refused = 0;
    routed.answer = (node) => (node === 2 || (node === 3 && refused++ !== 1) ? okAnswer().varint(node).finish() : notLeaderAnswer(nodeId(2)));
    const answers = await routed.test.run(Promise.all(three(routed)));
    expect(answers.map((answer) => (answer === 'rerouted' ? -1 : answer.varint()))).toEqual([3, 2, 3]);
    expect(together).toBe(1);
  });

  it('fail each for itself, and learn where keys lie now', async () => {
    const routed = await knowing();
    let n = 0;
    routed.answer = () => {
      n++;
      if (n === 1) throw invalidArgument('no');
      return n === 2 ? wrongSplitAnswer([describeSplit(6, 'a', 'm', 2)]) : okAnswer().varint(9).finish();
    };
    const results = await routed.test.run(Promise.allSettled(three(routed)));
    expect(results.map((result) => (result.status === 'rejected' ? (result.reason as { code: number }).code : result.value === 'rerouted' ? 'rerouted' : result.value.varint()))).toEqual([Code.INVALID_ARGUMENT, 'rerouted', 9]);
    expect(routed.router.locate('b' as Key)).toMatchObject({ id: 6, generation: 2 });
  });

  it('look for another leader when theirs is down', async () => {
    const routed = await knowing();
    routed.test.cluster.crash(nodeId(3), false);
    routed.answer = (node) => (node === 2 ? okAnswer().varint(2).finish() : notLeaderAnswer(nodeId(3)));
    const answers = await routed.test.run(Promise.all(three(routed)));
    expect(answers.map((answer) => (answer === 'rerouted' ? -1 : answer.varint()))).toEqual([2, 2, 2]);
  });

  it('end as UNAVAILABLE when the leader does not answer, and when they are cancelled as such', async () => {
    const routed = await knowing();
    routed.answer = () => new Promise(() => undefined);
    const calls = [5, 6].map((id) => ({ split: splitId(id), body: Buffer.alloc(0) }));
    const late = routed.router.callEach(METHOD, calls, { limitMicros: 500_000 });
    const codes = async (answers: Promise<unknown>[]) => (await routed.test.run(Promise.allSettled(answers))).map((result) => (result.status === 'rejected' ? (result.reason as { code: number }).code : 0));
    expect(await codes(late)).toEqual([Code.UNAVAILABLE, Code.UNAVAILABLE]);
    const controller = new AbortController();
    const cancelled = routed.router.callEach(METHOD, calls, { signal: controller.signal });
    await routed.test.settle(0.1);
    controller.abort();
    expect(await codes(cancelled)).toEqual([Code.CANCELLED, Code.CANCELLED]);
  });
});

describe('answers, entries and states of splits', () => {
  const descriptors = fc.record({ id: splitIds, from: keys, to: keys, generation: fc.nat() });

  it('are read back as they were written', () => {
    fc.assert(fc.property(fc.array(descriptors, { maxLength: 4 }), (known) => {
      expect(readAnswer(wrongSplitAnswer(known))).toEqual({ directions: { kind: 'wrongSplit', known } });
    }));
    fc.assert(fc.property(keys, splitIds, (at, right) => {
      expect(decodeEntry(encodeCut(at, right))).toEqual([{ kind: 'cut', at, right }]);
    }));
    fc.assert(fc.property(fc.record({ descriptor: descriptors, ancestors: fc.array(splitIds, { maxLength: 8 }), installing: fc.boolean() }), (state) => {
      expect(decodeState(encodeState(state))).toEqual(state);
    }));
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1 }), (commands) => {
      const entry = commands.reduce((out, data) => writeApplication(out, data), new ByteWriter()).finish();
      expect(decodeEntry(entry)).toEqual(commands.map((data) => ({ kind: 'application', data: Buffer.from(data) })));
    }));
    expect(readAnswer(notLeaderAnswer(nodeId(3)))).toEqual({ directions: { kind: 'notLeader', hint: 3 } });
  });

  it('that are corrupt are refused as such', () => {
    expectOnlyCorruptBytes(fc.tuple(keys, splitIds).map(([at, right]) => encodeCut(at, right)), decodeEntry);
    expectOnlyCorruptBytes(fc.uint8Array().map((data) => writeApplication(new ByteWriter(), data).finish()), decodeEntry);
    expectOnlyCorruptBytes(fc.record({ descriptor: descriptors, ancestors: fc.array(splitIds), installing: fc.boolean() }).map(encodeState), decodeState);
  });

  it('keep their format', () => {
    expect(Buffer.from(encodeCut('k' as Key, splitId(9))).toString('hex')).toBe('0109016b');
    expect(Buffer.from(encodeState({ descriptor: describeSplit(3, 'a', 'b', 2), ancestors: [splitId(1)], installing: true })).toString('hex')).toBe('010302016101620101');
    expect(Buffer.from(notLeaderAnswer(nodeId(2))).toString('hex')).toBe('0102');
  });
});

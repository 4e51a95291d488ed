/** Partitioned DML whose node dies: another goes on where it was, each row is changed once, and the count is of them all. */
import { expect, it } from 'vitest';
import type { PartitionedRun } from '../../src/api/sql.ts';
import { Code, type TrestleError } from '../../src/base/errors.ts';
import { timestamp, txnId } from '../../src/base/ids.ts';
import { sweepCheckpoints } from '../../src/node/dml-checkpoints.ts';
import { Kind, MetaStore } from '../../src/node/meta.ts';
import { startNodes, type TestNodes } from './nodes.ts';

const ROWS = 12_000;
const TEXT = 'UPDATE T SET V = V + 1 WHERE TRUE';

async function filled(seed: number): Promise<TestNodes> {
  const nodes = await startNodes({ seed, statements: ['CREATE TABLE T (K INT64, V INT64) PRIMARY KEY (K)'] });
  for (let from = 0; from < ROWS; from += 4_000) {
    await nodes.dml(1, `INSERT INTO T (K, V) SELECT k, 0 FROM UNNEST(GENERATE_ARRAY(${String(from)}, ${String(from + 3_999)})) AS k`);
  }
  const keys = [['5500'], ['9000']];
  await nodes.test.run(nodes.database(1).addSplitPoints([{ table: 'T', index: '', keys, expireMicros: undefined }], ''), 60);
  return nodes;
}

const runOf = (nodes: TestNodes, number: number, text = TEXT): PartitionedRun => ({
  id: txnId(number.toString(16).padStart(32, '0')), age: timestamp(nodes.nowMicros()), fingerprint: `1 ${text}`,
});

async function start(nodes: TestNodes, node: number, run: PartitionedRun, text = TEXT): Promise<{ readonly answer: Promise<number>; done: number }> {
  const { sql } = nodes.database(node);
  const statement = await nodes.test.run(sql.prepare(text, new Map()));
  const state = { answer: Promise.resolve(0), done: 0 };
  state.answer = sql.partitionedDml(statement, {}, { run, progress: { partitions: () => undefined, partitionDone: () => state.done++ } });
  state.answer.catch(() => undefined);
  return state;
}

/** Runs on until the statement is in its second part of three. */
async function untilUnderWay(nodes: TestNodes, state: { readonly done: number }): Promise<void> {
  while (state.done === 0) await nodes.test.settle(0.001);
  expect(state.done).toBe(1);
}

const values = (nodes: TestNodes, node: number): Promise<unknown> => nodes.query(node, 'SELECT V, COUNT(*) FROM T GROUP BY V');

it('goes on at another node', async () => {
  const nodes = await filled(31);
  const run = runOf(nodes, 1);
  const first = await start(nodes, 2, run);
  await untilUnderWay(nodes, first);
  nodes.test.cluster.crash(nodes.test.cluster.ids[1] as never, false);
  expect(await nodes.query(1, 'SELECT COUNT(*) FROM T WHERE V = 0')).not.toEqual([[0]]);
  const second = await start(nodes, 3, run);
  expect(await nodes.test.run(second.answer, 60)).toBe(ROWS);
  expect(await values(nodes, 1)).toEqual([[1, ROWS]]);
  // Its client may not have heard of it.
  const third = await start(nodes, 1, run);
  expect(await nodes.test.run(third.answer)).toBe(ROWS);
  expect(await values(nodes, 1)).toEqual([[1, ROWS]]);
});

it('is done by one node at a time', async () => {
  const nodes = await filled(32);
  const run = runOf(nodes, 2);
  const first = await start(nodes, 2, run);
  await untilUnderWay(nodes, first);
  const second = await start(nodes, 3, run);
  await expect(nodes.test.run(first.answer, 60)).rejects.toMatchObject({ code: Code.ABORTED } satisfies Partial<TrestleError>);
  expect(await nodes.test.run(second.answer, 60)).toBe(ROWS);
  expect(await values(nodes, 1)).toEqual([[1, ROWS]]);
});

it('runs no second statement', async () => {
  const nodes = await filled(33);
  const run = runOf(nodes, 3);
  const first = await start(nodes, 2, run);
  await nodes.test.run(first.answer, 60);
  const other = await start(nodes, 3, { ...run, fingerprint: '1 other' });
  await expect(nodes.test.run(other.answer)).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  expect(await values(nodes, 1)).toEqual([[1, ROWS]]);
});

it('keeps one record a statement, for an hour', async () => {
  const nodes = await filled(34);
  const meta = new MetaStore(nodes.test.core(1));
  const { env } = nodes.test.core(1);
  for (const number of [4, 5]) await nodes.test.run((await start(nodes, 2, runOf(nodes, number))).answer, 60);
  await nodes.test.run(sweepCheckpoints(meta, env));
  expect(await nodes.test.run(meta.list(Kind.partitionedDml, ''))).toHaveLength(2);
  await nodes.test.settle(1);
  const later = { ...env, clock: { ...env.clock, interval: () => ({ monotonic: env.clock.monotonicMicros(), earliest: timestamp(nodes.nowMicros() + 3_700_000_000), latest: timestamp(nodes.nowMicros() + 3_700_000_000) }) } };
  await nodes.test.run(sweepCheckpoints(meta, later));
  expect(await nodes.test.run(meta.list(Kind.partitionedDml, ''))).toHaveLength(0);
});

it('takes fewer rows at a time where rows are large', async () => {
  const nodes = await startNodes({ seed: 34, statements: ['CREATE TABLE L (K INT64, V INT64, S STRING(MAX)) PRIMARY KEY (K)'] });
  const rows = 40;
  await nodes.dml(1, `INSERT INTO L (K, V, S) SELECT k, 0, REPEAT('x', 200000) FROM UNNEST(GENERATE_ARRAY(1, ${String(rows)})) AS k`);
  const applied = (): number => Math.max(...[...nodes.test.core(1).host.all()].map(({ replica }) => replica.appliedSlot));
  const before = applied();
  const text = 'UPDATE L SET V = V + 1 WHERE TRUE';
  const state = await start(nodes, 1, runOf(nodes, 4, text), text);
  expect(await nodes.test.run(state.answer, 60)).toBe(rows);
  // 8 MB in slices of about one.
  expect(applied() - before).toBeGreaterThanOrEqual(7);
});

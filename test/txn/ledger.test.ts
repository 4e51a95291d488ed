import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeId, splitId, timestamp, txnId, type Key, type SplitId } from '../../src/base/ids.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { latestVersion } from '../../src/storage/mvcc.ts';
import { COMMIT_TIMESTAMP_CELL, encodeCell, encodeRecord, readRecord } from '../../src/storage/record.ts';
import type { Engine, WriteOp } from '../../src/storage/types.ts';
import type { TxnCommand } from '../../src/txn/commands.ts';
import { Ledger, OUTCOME_RETENTION_MICROS } from '../../src/txn/ledger.ts';
import { k } from './cluster.ts';
import { TestEnvironment } from '../storage/support.ts';

const SPLIT = splitId(3);
const ids = Array.from({ length: 4 }, (_, n) => txnId(String(n).padStart(32, '0')));
const [A, B] = [txnId('a'.repeat(32)), txnId('b'.repeat(32))];

function start(split: SplitId = SPLIT, ancestors: readonly SplitId[] = [], engine?: Engine) {
  const env = new TestEnvironment();
  const opened = engine ?? openEngine(new MemoryDisk(env.scheduler), env);
  const ledger = new Ledger(opened, split, ancestors);
  const apply = (command: TxnCommand): void => {
    const ops: WriteOp[] = [];
    ledger.apply(command, ops);
    opened.write(ops);
  };
  const tell = (): void => {
    const ops: WriteOp[] = [];
    ledger.tell(ops);
    opened.write(ops);
  };
  const finish = async (work: Promise<void>): Promise<void> => {
    let done = false;
    const watched = work.finally(() => (done = true));
    for (let i = 0; i < 20_000 && !done; i++) {
      await Promise.resolve();
      if (i % 10 === 0) env.step();
    }
    await watched;
  };
  return { engine: opened, ledger, apply, tell, finish };
}

const value = (engine: Engine, key: Key): unknown => {
  const record = latestVersion(engine, key)?.record;
  if (record === undefined) return undefined;
  const out: unknown[] = [];
  readRecord(record, [1], out);
  return out[0];
};
const write = (name: string, n: number) => ({ key: k(name), record: encodeRecord([{ column: 1, value: encodeCell({ kind: 'INT64' }, n) }]) });
const prepare = (txn: typeof A, at: number, name: string, n: number): TxnCommand => ({
  kind: 'prepare', txn, age: 1, gateway: nodeId(1), timestamp: timestamp(at), coordinator: splitId(9), reads: [], writes: [write(name, n)],
});

describe("a split's ledger of transactions", () => {
  it('lets the first decision stand, whatever is told later, and survives a restart at every point', async () => {
    const step = fc.record({ txn: fc.nat(3), kind: fc.constantFrom('prepare' as const, 'outcome' as const, 'decide' as const), commits: fc.boolean(), tells: fc.boolean(), restart: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const first = start();
        let current = first;
        const decided = new Map<string, number>();
        const prepared = new Set<string>();
        const rows = new Map<string, number>();
        let now = 10;
        for (const { txn, kind, commits, tells, restart } of steps) {
          const id = ids[txn] ?? A;
          const at = timestamp(commits ? (now += 10) : 0);
          const name = `t${String(txn)}`;
          // What reaches the disk is told to the engine before.
          if (tells || restart) current.tell();
          if (restart) {
            current = start(SPLIT, [], first.engine);
            await first.finish(current.ledger.load());
          }
          if (kind === 'prepare') {
            // Nobody prepares what has ended, or anew.
            if (prepared.has(id) || decided.has(id)) continue;
            current.apply(prepare(id, (now += 10), name, now));
            prepared.add(id);
            rows.set(`${name}?`, now);
          } else if (kind === 'outcome') {
            current.apply({ kind: 'outcome', txn: id, timestamp: at });
            if (!prepared.delete(id)) continue;
            decided.set(id, at);
            if (commits) rows.set(name, rows.get(`${name}?`) ?? 0);
          } else {
            if (prepared.has(id)) continue;
            const n = (now += 10);
            current.apply({ kind: 'decide', txn: id, timestamp: timestamp(commits ? n : 0), participants: [], writes: [write(name, n)] });
            if (decided.has(id)) continue;
            decided.set(id, commits ? n : 0);
            if (commits) rows.set(name, n);
          }
          for (const one of ids) {
            expect(current.ledger.outcome(one)).toBe(decided.get(one));
            expect(current.ledger.prepared.has(one)).toBe(prepared.has(one));
          }
          for (const one of [0, 1, 2, 3]) expect(value(current.engine, k(`t${String(one)}`))).toBe(rows.get(`t${String(one)}`));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('tells the engine of what is prepared when it is asked to, and no more once it is decided', async () => {
    const { engine, ledger, apply, tell } = start();
    const known = async (): Promise<number> => {
      const [range] = ledger.ranges();
      const cursor = engine.scan(range?.from ?? k(''), range?.to ?? k(''));
      const { length } = await cursor.next(10);
      await cursor.close();
      return length;
    };
    apply(prepare(A, 5, 'a', 1));
    expect(await known()).toBe(0);
    tell();
    apply(prepare(B, 6, 'b', 1));
    expect(await known()).toBe(1);
    for (const txn of [A, B]) apply({ kind: 'outcome', txn, timestamp: timestamp(7) });
    tell();
    expect(await known()).toBe(0);
  });

  it('fills in the commit timestamp of prepared writes when it is known', () => {
    const { engine, apply } = start();
    const record = encodeRecord([{ column: 1, value: COMMIT_TIMESTAMP_CELL }]);
    apply({ kind: 'prepare', txn: A, age: 1, gateway: nodeId(1), timestamp: timestamp(5), coordinator: splitId(9), reads: [], writes: [{ key: k('x'), record }] });
    expect(value(engine, k('x'))).toBeUndefined();
    apply({ kind: 'outcome', txn: A, timestamp: timestamp(77) });
    expect(value(engine, k('x'))).toBe(77_000n);
  });

  it('knows what the splits it was cut from decided, for calls that are repeated, but decides for itself', () => {
    const left = start(splitId(1));
    left.apply({ kind: 'commit', txn: A, timestamp: timestamp(5), writes: [write('x', 1)] });
    const right = start(splitId(2), [splitId(1)], left.engine);
    expect(right.ledger.outcome(A)).toBe(5);
    right.apply({ kind: 'decide', txn: A, timestamp: timestamp(0), participants: [], writes: [] });
    expect([right.ledger.outcome(A), left.ledger.outcome(A)]).toEqual([0, 5]);
    expect(start(splitId(3), [], left.engine).ledger.outcome(A)).toBeUndefined();
  });

  it('forgets outcomes after the retention, committed or aborted, and no others', async () => {
    const { ledger, apply, finish } = start();
    apply({ kind: 'commit', txn: A, timestamp: timestamp(1_000), writes: [] });
    apply({ kind: 'decide', txn: B, timestamp: timestamp(0), participants: [], writes: [] });
    const forget = (horizon: number, limit = 100) => finish(ledger.forgetOutcomes(timestamp(horizon), limit));
    await forget(1_000);
    expect([ledger.outcome(A), ledger.outcome(B)]).toEqual([1_000, 0]);
    await forget(1_001);
    expect([ledger.outcome(A), ledger.outcome(B)]).toEqual([undefined, 0]);
    const late = txnId('c'.repeat(32));
    apply({ kind: 'decide', txn: late, timestamp: timestamp(0), participants: [], writes: [] });
    await forget(1_000 + OUTCOME_RETENTION_MICROS);
    expect([ledger.outcome(B), ledger.outcome(late)]).toEqual([undefined, 0]);
    await forget(1_000 + 2 * OUTCOME_RETENTION_MICROS);
    expect(ledger.outcome(late)).toBeUndefined();
  });

  it('forgets a bounded number at once', async () => {
    const { ledger, apply, finish } = start();
    for (const txn of ids) apply({ kind: 'commit', txn, timestamp: timestamp(5), writes: [] });
    await finish(ledger.forgetOutcomes(timestamp(100), 3));
    expect(ids.filter((id) => ledger.outcome(id) !== undefined)).toHaveLength(1);
  });
});

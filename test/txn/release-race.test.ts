/** A release that reaches a leader while it evaluates a prepare, at any of the moments between. */
import { expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { splitId, timestamp, txnId, type NodeId } from '../../src/base/ids.ts';
import { Participant } from '../../src/txn/participant.ts';
import type { GatewayTransaction } from '../../src/txn/readwrite.ts';
import { k, put, startCluster, transact } from './cluster.ts';

const MOMENTS = 30;
const COORDINATOR = splitId(99);

it('is either too late or leaves nothing prepared', async () => {
  const c = await startCluster();
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1)])));
  const hosted = [...c.core(1).host.all(), ...c.core(2).host.all(), ...c.core(3).host.all()].find((one) => one.isLeading() && one.descriptor().from <= k('a') && k('a') < one.descriptor().to);
  const participant = hosted?.application;
  if (hosted === undefined || !(participant instanceof Participant)) throw new Error('somebody leads');
  const outcomes = new Set<string>();
  for (const since of [0, 1]) {
    for (let moment = 0; moment < MOMENTS; moment++) {
      const txn = txnId(`${since}${String(moment).padStart(2, '0')}`.padStart(32, '0'));
      const now = c.core(1).env.clock.interval().latest;
      const prepared = participant.endings.prepare({
          split: hosted.split, txn, age: now, gateway: 1 as NodeId, token: '', coordinator: COORDINATOR, maxDelayMicros: 0, schemaVersion: timestamp(0), fixed: timestamp(0),
          checks: { since: timestamp(since * now), writes: false, reads: [{ from: k('b'), to: undefined }] },
          ops: [put(k('a'), moment)],
        })
        .then(() => 'prepared', () => 'aborted');
      for (let i = 0; i < moment; i++) await Promise.resolve();
      participant.release(txn, false);
      const outcome = await c.run(prepared);
      outcomes.add(outcome);
      expect([moment, participant.ledger.prepared.has(txn), participant.counts()]).toEqual(
        outcome === 'prepared' ? [moment, true, { transactions: 1, lockOwners: 1, lockWaiters: 0, prepared: 1, unfinishedParts: 0 }] : [moment, false, { transactions: 0, lockOwners: 0, lockWaiters: 0, prepared: 0, unfinishedParts: 0 }],
      );
      if (outcome === 'prepared') await c.run(participant.endings.learnOutcome(txn, timestamp(0)));
    }
  }
  expect([...outcomes].sort()).toEqual(['aborted', 'prepared']);
});

it('that came too soon is repeated as long as somebody older waits', async () => {
  const c = await startCluster();
  await c.run(c.core(1).cutAt(k('m'), c.nextSplit()));
  await c.run(transact(c.core(1), (txn) => txn.write([put(k('a'), 1), put(k('z'), 1)])));
  const holder = c.core(1).gateway.beginReadWrite();
  await c.run(holder.get([k('z')], { lock: 'exclusive' }));
  const { gateway } = c.core(2);
  const waiting = gateway.beginReadWrite();
  await c.run(waiting.write([put(k('a'), 2), put(k('z'), 2)]));
  const ended = waiting.commit().then(() => 'committed', (error: { code?: number }) => error.code);
  await c.settle(0.1);
  const release = gateway.release.bind(gateway);
  let lost = 0;
  gateway.release = () => void lost++;
  (waiting as GatewayTransaction).wounded();
  gateway.release = release;
  expect(lost).toBe(1);
  (waiting as GatewayTransaction).wounded();
  expect(await c.run(ended, 1)).toBe(Code.ABORTED);
  await c.run(holder.rollback());
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { Code } from '../../src/base/errors.ts';
import { ballot, nodeId, slot, splitId } from '../../src/base/ids.ts';
import type { Membership, Payload } from '../../src/paxos/types.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { appliedOps, hardStateOps, listGroups, loadGroup, readPayload, truncatedSlotOf, truncateOps, writePayload } from '../../src/storage/groupstore.ts';
import { SimDisk } from '../../src/storage/sim-disk.ts';
import type { Engine } from '../../src/storage/types.ts';
import { drain, hex, k, TestEnvironment, text } from './support.ts';

const MEMBERS: Membership = { version: 3, members: [{ node: nodeId(1), kind: 'read-write' }, { node: nodeId(2), kind: 'witness' }, { node: nodeId(1023), kind: 'read-only' }] };
const B = ballot(7, nodeId(2));

function setUp(): { env: TestEnvironment; disk: SimDisk; engine: Engine } {
  const env = new TestEnvironment();
  const disk = new SimDisk(env.scheduler, env.random);
  return { env, disk, engine: openEngine(disk, env) };
}
const create = (engine: Engine, id: number): void => {
  engine.write([...hardStateOps(splitId(id), { promised: B }), ...appliedOps(splitId(id), slot(0), MEMBERS, text('state'))]);
};

describe('what is stored of a split', () => {
  it('comes back as it was written', async () => {
    const { engine } = setUp();
    const entries = [{ slot: slot(12), ballot: B, payload: { kind: 'noop' as const } }];
    create(engine, 5);
    create(engine, 6);
    engine.write([...appliedOps(splitId(5), slot(9), MEMBERS, text('later')), ...truncateOps(splitId(5), slot(4))]);
    const stored = loadGroup(engine, splitId(5), entries);
    expect(stored.persisted).toEqual({ hard: { promised: B }, appliedSlot: 9, truncatedSlot: 4, membership: MEMBERS, entries });
    expect(Buffer.from(stored.state).toString()).toBe('later');
    expect([truncatedSlotOf(engine, splitId(5)), truncatedSlotOf(engine, splitId(6))]).toEqual([4, 0]);
    expect(await listGroups(engine)).toEqual([5, 6]);
  });

  it('finds any damaged value: DATA_LOSS, and what to do', async () => {
    const { env, disk, engine } = setUp();
    create(engine, 5);
    engine.write(truncateOps(splitId(5), slot(0)));
    engine.sync(() => undefined);
    env.settle();
    const stored = await drain(engine.scan(k(''), k('\xff')));
    expect(stored.length).toBe(3);
    for (const { key, value } of stored) {
      for (let i = 0; i < 20; i++) {
        expect(disk.damage(key)).toBe(true);
        expect(() => loadGroup(openEngine(disk, env), splitId(5), [])).toThrow(expect.objectContaining({ code: Code.DATA_LOSS }));
        disk.batch([{ key, value }], () => undefined);
        env.settle();
      }
    }
    expect(loadGroup(openEngine(disk, env), splitId(5), [])).toBeDefined();
  });

  it('misses what must be there', () => {
    const { engine } = setUp();
    engine.write(appliedOps(splitId(5), slot(0), MEMBERS, text('')));
    expect(() => loadGroup(engine, splitId(5), [])).toThrow('has no hard state');
    engine.write([...hardStateOps(splitId(5), { promised: B }), ...truncateOps(splitId(5), slot(3))]);
    expect(() => loadGroup(engine, splitId(5), [])).toThrow('truncated beyond');
  });

  it('decodes every payload that it encodes', () => {
    const payload: fc.Arbitrary<Payload> = fc.oneof(
      fc.constant<Payload>({ kind: 'noop' }),
      fc.uint8Array().map((data): Payload => ({ kind: 'command', data: Buffer.from(data) })),
      fc.constant<Payload>({ kind: 'membership', membership: MEMBERS }),
    );
    fc.assert(
      fc.property(payload, (value) => {
        const out = new ByteWriter();
        writePayload(out, value);
        expect(readPayload(new ByteReader(out.finish()))).toEqual(value);
      }),
    );
  });

  it('has the golden bytes', () => {
    const golden = [
      ...hardStateOps(splitId(5), { promised: B }),
      ...appliedOps(splitId(5), slot(300), MEMBERS, text('state')),
      ...truncateOps(splitId(2 ** 33), slot(2)),
    ].map(({ key, value }) => `${Buffer.from(key, 'latin1').toString('hex')} ${value === undefined ? '-' : hex(value)}`);
    expect(golden).toMatchSnapshot();
  });
});

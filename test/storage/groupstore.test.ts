import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { Code, TrestleError } from '../../src/base/errors.ts';
import { ballot, nodeId, slot, splitId, type Key } from '../../src/base/ids.ts';
import type { LogEntry, Membership, Payload } from '../../src/paxos/types.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { appendOps, appliedOps, deleteGroup, hardStateOps, listGroups, loadGroup, readPayload, resumeDeletions, truncateOps, writePayload } from '../../src/storage/groupstore.ts';
import { SimDisk } from '../../src/storage/sim-disk.ts';
import type { Engine } from '../../src/storage/types.ts';
import { drain, hex, k, TestEnvironment, text } from './support.ts';

const MEMBERS: Membership = { version: 3, members: [{ node: nodeId(1), kind: 'read-write' }, { node: nodeId(2), kind: 'witness' }, { node: nodeId(1023), kind: 'read-only' }] };
const B = ballot(7, nodeId(2));
const entry = (at: number, payload: Payload = { kind: 'command', data: text(`command ${at}`) }): LogEntry => ({ slot: slot(at), ballot: B, payload });
const entries = (from: number, to: number): LogEntry[] => Array.from({ length: to - from + 1 }, (_, i) => entry(from + i));

function setUp(): { env: TestEnvironment; disk: SimDisk; engine: Engine } {
  const env = new TestEnvironment();
  const disk = new SimDisk(env.scheduler, env.random);
  return { env, disk, engine: openEngine(disk, env) };
}
const create = (engine: Engine, id: number): void => {
  engine.write([...hardStateOps(splitId(id), { promised: B }), ...appliedOps(splitId(id), slot(0), MEMBERS, text('state'))]);
};

describe('the log of a split', () => {
  it('comes back as it was written, gaps, replacements and truncation included', async () => {
    const { engine } = setUp();
    const [a, b] = [splitId(5), splitId(6)];
    create(engine, 5);
    create(engine, 6);
    engine.write(appendOps(a, [...entries(1, 9), entry(12), entry(13, { kind: 'noop' }), entry(14, { kind: 'membership', membership: MEMBERS })]));
    engine.write(appendOps(b, entries(1, 2)));
    const replacement: LogEntry = { slot: slot(12), ballot: ballot(8, nodeId(1)), payload: { kind: 'noop' } };
    engine.write(appendOps(a, [replacement]));
    engine.write([...appliedOps(a, slot(9), MEMBERS, text('later')), ...truncateOps(a, slot(1), slot(4))]);
    const stored = await loadGroup(engine, a);
    expect(stored.persisted.entries).toEqual([...entries(5, 9).map(plain), replacement, entry(13, { kind: 'noop' }), entry(14, { kind: 'membership', membership: MEMBERS })]);
    expect(stored.persisted).toMatchObject({ hard: { promised: B }, appliedSlot: 9, truncatedSlot: 4, membership: MEMBERS });
    expect(Buffer.from(stored.state).toString()).toBe('later');
    expect((await loadGroup(engine, b)).persisted.entries.length).toBe(2);
    expect(await listGroups(engine)).toEqual([5, 6]);
  });

  it('survives a crash as a prefix', async () => {
    const { env, disk, engine } = setUp();
    create(engine, 5);
    engine.sync(() => undefined);
    env.settle();
    engine.write(appendOps(splitId(5), entries(1, 3)));
    let synced = false;
    engine.sync(() => (synced = true));
    env.settle();
    expect(synced).toBe(true);
    engine.write(appendOps(splitId(5), entries(4, 6)));
    disk.crash();
    env.dropTimers();
    const stored = await loadGroup(openEngine(disk, env), splitId(5));
    expect(stored.persisted.entries.map((e) => e.slot)).toEqual([1, 2, 3]);
  });

  it('finds any damaged value: DATA_LOSS, and what to do', async () => {
    const { env, disk, engine } = setUp();
    create(engine, 5);
    engine.write([...appendOps(splitId(5), entries(1, 3)), ...truncateOps(splitId(5), slot(1), slot(0))]);
    engine.sync(() => undefined);
    env.settle();
    const stored = await drain(engine.scan(k(''), k('\xff')));
    expect(stored.length).toBe(6);
    for (const { key, value } of stored) {
      for (let i = 0; i < 20; i++) {
        expect(disk.damage(key)).toBe(true);
        await expect(loadGroup(openEngine(disk, env), splitId(5))).rejects.toMatchObject({ code: Code.DATA_LOSS });
        disk.batch([{ key, value }], () => undefined);
        env.settle();
      }
    }
    await expect(loadGroup(openEngine(disk, env), splitId(5))).resolves.toBeDefined();
  });

  it('misses what must be there', async () => {
    const { engine } = setUp();
    engine.write(appliedOps(splitId(5), slot(0), MEMBERS, text('')));
    await expect(loadGroup(engine, splitId(5))).rejects.toThrow('has no hard state');
    engine.write([...hardStateOps(splitId(5), { promised: B }), ...truncateOps(splitId(5), slot(1), slot(3))]);
    await expect(loadGroup(engine, splitId(5))).rejects.toThrow('truncated beyond');
  });

  it('finds an entry in the place of another', async () => {
    const { engine } = setUp();
    create(engine, 5);
    const [op] = appendOps(splitId(5), [entry(1)]);
    engine.write([{ key: `l${'\0'.repeat(7)}\x05${'\0'.repeat(7)}\x02` as Key, value: op?.value }]);
    await expect(loadGroup(engine, splitId(5))).rejects.toThrow(TrestleError);
  });

  it('goes whole when the group is deleted, also in two lives', async () => {
    const { engine } = setUp();
    create(engine, 5);
    create(engine, 6);
    engine.write(appendOps(splitId(5), entries(1, 3000)));
    const deleting = deleteGroup(engine, splitId(5));
    expect(await listGroups(engine)).toEqual([6]);
    await deleting;
    expect((await drain(engine.scan(k(''), k('\xff')))).length).toBe(2);
    // A life that ended after the state had gone and before the log.
    engine.write([...appendOps(splitId(7), entries(1, 10)), { key: `g${'\0'.repeat(7)}\x07x` as Key, value: text('mark') }]);
    await resumeDeletions(engine);
    expect((await drain(engine.scan(k(''), k('\xff')))).length).toBe(2);
  });

  it('decodes every payload that it encodes', () => {
    const payload: fc.Arbitrary<Payload> = fc.oneof(
      fc.constant<Payload>({ kind: 'noop' }),
      fc.uint8Array().map((data): Payload => ({ kind: 'command', data })),
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
      ...truncateOps(splitId(5), slot(2), slot(2)),
      ...appendOps(splitId(2 ** 33), [entry(1), entry(2, { kind: 'noop' }), entry(3, { kind: 'membership', membership: MEMBERS })]),
    ].map(({ key, value }) => `${Buffer.from(key, 'latin1').toString('hex')} ${value === undefined ? '-' : hex(value)}`);
    expect(golden).toMatchSnapshot();
  });
});

const plain = (e: LogEntry): LogEntry => (e.payload.kind === 'command' ? { ...e, payload: { kind: 'command', data: new Uint8Array(e.payload.data) } } : e);

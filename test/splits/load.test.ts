/** What reaches a split's state machine, and when: not before its memory is there, and behind what the disk and peers wait for. */
import { expect, test } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { ballot, nodeId, slot, splitId, timestamp, type Key } from '../../src/base/ids.ts';
import { Channel, type MessageHandler, type Transport } from '../../src/net/transport.ts';
import { encodeMessage } from '../../src/paxos/codec.ts';
import { DEFAULT_TUNING } from '../../src/paxos/tuning.ts';
import { writeApplication } from '../../src/splits/entries.ts';
import { SplitHost } from '../../src/splits/host.ts';
import type { SplitApplication } from '../../src/splits/types.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { JOURNAL_PREFIX } from '../../src/storage/journal.ts';
import { SimDisk } from '../../src/storage/sim-disk.ts';
import { TestEnvironment, text } from '../storage/support.ts';

const SPLIT = splitId(7);
const [SELF, LEADER] = [nodeId(1), nodeId(2)];
const STEPS = 30;
const nothing = (): void => undefined;

/** A state machine that keeps a list of what happens to it, and whose memory is there when the test says so. */
class Recorder implements SplitApplication {
  readonly happened: string[] = [];
  endReload: () => void = nothing;

  apply(data: Uint8Array): void {
    this.happened.push(`applied ${Buffer.from(data).toString()}`);
  }
  async reload(): Promise<void> {
    await new Promise<void>((resolve) => (this.endReload = resolve));
    this.happened.push('reloaded');
  }
  readonly applied = nothing;
  readonly becameLeader = nothing;
  readonly lostLeadership = nothing;
  closeTimestamp = (): ReturnType<typeof timestamp> => timestamp(0);
  highestTimestamp = (): ReturnType<typeof timestamp> => timestamp(0);
  readonly closedAdvanced = nothing;
  drain = (): Promise<boolean> => Promise.resolve(true);
  readonly resume = nothing;
  readonly inherit = nothing;
  readonly cut = nothing;
  readonly tellEngine = nothing;
  stateRanges = (): [] => [];
  readonly peerDown = nothing;
  readonly housekeeping = nothing;
}

function world() {
  const env = new TestEnvironment();
  const disk = new SimDisk(env.scheduler, env.random);
  const recorder = new Recorder();
  let handler: MessageHandler = nothing;
  /** Far enough for a message and what follows from it; the host's own timers go on for ever. */
  const run = (): void => {
    for (let i = 0; i < STEPS; i++) env.step();
  };
  const transport: Transport = {
    self: SELF, send: () => true, isUp: () => true, disconnect: nothing, onPeer: nothing,
    onMessage: (channel, handle) => {
      if (channel === Channel.paxos) handler = handle;
    },
  };
  const life = (): SplitHost =>
    new SplitHost({ self: SELF, env, engine: openEngine(disk, env), transport, tuning: DEFAULT_TUNING, application: () => recorder, prefers: () => false });
  life().bootstrap({ id: SPLIT, from: '' as Key, to: 'z' as Key, generation: 1 }, { version: 1, members: [1, 2, 3].map((node) => ({ node: nodeId(node), kind: 'read-write' })) });
  run();
  return { disk, recorder, life, run, deliver: (message: Buffer) => handler(LEADER, message) };
}

/** An entry of the leader in slot `n`, and what is chosen. */
function accept(n: number, command: string, chosen: number): Buffer {
  const out = new ByteWriter();
  encodeMessage(out, {
    kind: 'accept', ballot: ballot(1, LEADER), first: slot(n), payloads: [{ kind: 'command', data: writeApplication(new ByteWriter(), text(command)).finish() }], chosen: slot(chosen),
    leaseUntil: timestamp(0), closed: timestamp(0), closedSlot: slot(0), copied: slot(0),
  });
  return Buffer.from(new ByteWriter().varint(SPLIT).bytes(out.view()).view());
}

test('nothing is applied before the memory of a split is there, and everything afterwards', async () => {
  const { recorder, life, run, deliver } = world();
  const message = accept(1, 'outcome', 1);
  const host = life();
  const loaded = host.load();
  for (let i = 0; i < 1_000 && host.count === 0; i++) await Promise.resolve();
  deliver(message);
  run();
  expect(recorder.happened).toEqual([]);
  recorder.endReload();
  await loaded;
  deliver(message);
  run();
  expect(recorder.happened).toEqual(['reloaded', 'applied outcome']);
  host.stop();
});

test('what is chosen is applied when the entries of the same turn are on their way to the disk, and in order', async () => {
  const { disk, recorder, life, run, deliver } = world();
  const host = life();
  const loaded = host.load();
  for (let i = 0; i < 1_000 && host.count === 0; i++) await Promise.resolve();
  recorder.endReload();
  await loaded;
  deliver(accept(1, 'first', 0));
  run();
  const batch = disk.batch.bind(disk);
  disk.batch = (ops, done) => {
    if (ops.some(({ key, value }) => key.startsWith(JOURNAL_PREFIX) && value !== undefined)) recorder.happened.push('disk');
    batch(ops, done);
  };
  deliver(accept(2, 'second', 1));
  run();
  deliver(accept(3, 'third', 2));
  deliver(accept(4, 'fourth', 3));
  run();
  expect(recorder.happened).toEqual(['reloaded', 'disk', 'applied first', 'disk', 'applied second', 'applied third']);
  host.stop();
});

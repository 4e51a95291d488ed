/** What a replica's log keeps: copies of what it is given, in about as much memory as it says. */
import { expect, test } from 'vitest';
import { SLOT_ZERO, type Ballot, type Slot } from '../../src/base/ids.ts';
import { ReplicaLog } from '../../src/paxos/log.ts';
import type { LogEntry } from '../../src/paxos/types.ts';

const BALLOT = 1 as Ballot;

const entry = (slot: number, data: Uint8Array): LogEntry => ({ slot: slot as Slot, ballot: BALLOT, payload: { kind: 'command', data } });

function dataAt(log: ReplicaLog, slot: number): Uint8Array {
  const payload = log.get(slot)?.payload;
  if (payload?.kind !== 'command') throw new Error(`no command at ${slot}`);
  return payload.data;
}

/** Of all buffers that the log's data lies in. */
function bufferBytes(log: ReplicaLog): number {
  const buffers = new Set<ArrayBufferLike>();
  for (let slot = log.first as number; slot <= log.last; slot++) buffers.add(dataAt(log, slot).buffer);
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

test('an entry does not keep the buffer it came in', () => {
  const log = new ReplicaLog(SLOT_ZERO);
  const message = Buffer.alloc(60_000, 7);
  const kept = log.set(entry(1, message.subarray(100, 400)));
  const large = log.set(entry(2, message.subarray(400, 20_400)));
  message.fill(0);
  for (const { slot, payload } of [kept, large]) {
    expect(log.get(slot)?.payload).toBe(payload);
    expect(dataAt(log, slot)).toEqual(Buffer.alloc(slot === 1 ? 300 : 20_000, 7));
  }
});

test('a large entry with a buffer of its own keeps that', () => {
  const log = new ReplicaLog(SLOT_ZERO);
  const data = Buffer.allocUnsafeSlow(100_000);
  log.set(entry(1, data));
  expect(dataAt(log, 1)).toBe(data);
});

test('the data of many entries takes little more than its size, however long the log is and wherever it begins', () => {
  const log = new ReplicaLog(SLOT_ZERO);
  let bytes = 0;
  const sizes = [0, 1, 40, 300, 700, 5_000];
  for (let slot = 1; slot <= 3_000; slot++) {
    const size = sizes[slot % sizes.length] ?? 0;
    log.set(entry(slot, Buffer.alloc(size, slot)));
    bytes += size;
    // The last slab may be empty nearly, and as large as all before; a tenth for what did not fit before a slab's end.
    if (slot % 100 === 0) expect(bufferBytes(log)).toBeLessThan(bytes * 1.1 + Math.min(bytes + 8_192, 65_536));
  }
  log.truncate(1_500 as Slot);
  expect(bufferBytes(log)).toBeLessThan((bytes / 2) * 1.1 + 2 * 65_536);
  for (let slot = log.first as number; slot <= log.last; slot++) expect(dataAt(log, slot)).toEqual(Buffer.alloc(sizes[slot % sizes.length] ?? 0, slot));
});

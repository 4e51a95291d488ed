/**
 * What a replica of one split keeps on disk beside its rows and its log (journal.ts): hard state, and how far it is.
 *
 *   'g' split 'h'   hard state: promised ballot
 *   'g' split 'a'   applied slot, membership as of it, bytes of the layer above
 *   'g' split 't'   truncated slot: no entry up to it is kept
 *
 * The split is 8 bytes, big-endian. Values are as in sealed.ts. The functions build writes and leave it to the caller to
 * write them together: the applied slot goes to the disk with the rows that the entries up to it changed, so that slot
 * and rows never disagree after a crash.
 */
import { ByteWriter, CorruptBytes, type ByteReader } from '../base/bytes.ts';
import { dataLoss } from '../base/errors.ts';
import { MAX_NODE_ID, nodeId, slot as slotOf, splitId, SLOT_ZERO, type Ballot, type Key, type Slot, type SplitId } from '../base/ids.ts';
import type { HardState, LogEntry, Membership, Member, Payload, PersistedState, ReplicaKind } from '../paxos/types.ts';
import { begin, sealed, unsealed } from './sealed.ts';
import type { Engine, WriteOp } from './types.ts';

/** A group as it was found on disk. */
export interface StoredGroup {
  readonly persisted: PersistedState;
  /** What the layer above stored with the applied slot. */
  readonly state: Uint8Array;
}

export const GROUP_PREFIX = 'g';

const ID_LENGTH = 8;
const LOAD_BATCH = 512;
const TWO_32 = 0x1_0000_0000;

type Part = 'h' | 'a' | 't';

/** A number as 8 bytes, big-endian. */
export function number8(n: number): string {
  const high = Math.floor(n / TWO_32);
  const low = n % TWO_32;
  const c = String.fromCharCode;
  return c(high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff);
}

/** The number that 8 bytes at `offset` stand for. */
export function numberAt(text: string, offset: number): number {
  let n = 0;
  for (let i = offset; i < offset + ID_LENGTH; i++) n = n * 256 + text.charCodeAt(i);
  return n;
}

const partKey = (split: SplitId, part: Part): Key => (GROUP_PREFIX + number8(split) + part) as Key;

// ---- values

const writer = new ByteWriter(4096);

// ---- payloads

const NOOP = 0;
const COMMAND = 1;
const MEMBERSHIP = 2;
const FENCE = 3;
const KINDS: readonly ReplicaKind[] = ['read-write', 'witness', 'read-only'];

export function writePayload(out: ByteWriter, payload: Payload): void {
  switch (payload.kind) {
    case 'noop':
      if (payload.fence === undefined) out.u8(NOOP);
      else out.u8(FENCE).varint(payload.fence);
      return;
    case 'command':
      out.u8(COMMAND).bytes(payload.data);
      return;
    case 'membership':
      out.u8(MEMBERSHIP);
      writeMembership(out, payload.membership);
      return;
    default:
      payload satisfies never;
  }
}

/** A command's data is a view of what is read: a log copies what it keeps. */
export function readPayload(input: ByteReader): Payload {
  const kind = input.u8();
  if (kind === NOOP) return { kind: 'noop' };
  if (kind === FENCE) return { kind: 'noop', fence: input.varint() as Ballot };
  if (kind === COMMAND) return { kind: 'command', data: input.bytes() };
  if (kind === MEMBERSHIP) return { kind: 'membership', membership: readMembership(input) };
  throw new CorruptBytes('unknown kind of payload');
}

export function writeMembership(out: ByteWriter, membership: Membership): void {
  out.varint(membership.version).varint(membership.members.length);
  for (const { node, kind } of membership.members) out.varint(node).u8(KINDS.indexOf(kind));
  out.varint(membership.fence ?? 0);
}

export function readMembership(input: ByteReader): Membership {
  const version = input.varint();
  const members: Member[] = [];
  for (let n = input.count(); n > 0; n--) {
    const node = input.varint();
    const kind = KINDS[input.u8()];
    if (kind === undefined || node < 1 || node > MAX_NODE_ID) throw new CorruptBytes('malformed member');
    members.push({ node: nodeId(node), kind });
  }
  const fence = input.varint() as Ballot;
  return fence === 0 ? { version, members } : { version, members, fence };
}

// ---- writes

/** The promise of a replica. */
export function hardStateOps(split: SplitId, hard: HardState): WriteOp[] {
  return [{ key: partKey(split, 'h'), value: sealed(begin(writer).varint(hard.promised)) }];
}

/** No entry of slots up to `through` counts any more. The applied state must have them. */
export function truncateOps(split: SplitId, through: Slot): WriteOp[] {
  return [{ key: partKey(split, 't'), value: sealed(begin(writer).varint(through)) }];
}

/** Everything up to `appliedSlot` is applied; `state` belongs to the layer above. */
export function appliedOps(split: SplitId, appliedSlot: Slot, membership: Membership, state: Uint8Array): WriteOp[] {
  const out = begin(writer).varint(appliedSlot);
  writeMembership(out, membership);
  return [{ key: partKey(split, 'a'), value: sealed(out.bytes(state)) }];
}

// ---- reading

/** The splits that have a replica on this node, in order. */
export async function listGroups(engine: Engine): Promise<SplitId[]> {
  const splits: SplitId[] = [];
  const cursor = engine.scan(GROUP_PREFIX as Key, 'h' as Key);
  try {
    for (let batch = await cursor.next(LOAD_BATCH); batch.length > 0; batch = await cursor.next(LOAD_BATCH)) {
      for (const { key } of batch) if (key.at(-1) === 'a') splits.push(splitId(numberAt(key, 1)));
    }
  } finally {
    await cursor.close();
  }
  return splits;
}

/** The slot through which the log of a group is truncated. Throws DATA_LOSS. */
export function truncatedSlotOf(engine: Engine, split: SplitId): Slot {
  const truncation = engine.get(partKey(split, 't'));
  return truncation === undefined ? SLOT_ZERO : unsealed(truncation, `the truncation of split ${split}`, (input) => slotOf(input.varint()));
}

/** Loads one group; `entries` are those of its log, in order. Throws DATA_LOSS when anything of it is missing or damaged. */
export function loadGroup(engine: Engine, split: SplitId, entries: readonly LogEntry[]): StoredGroup {
  const name = `split ${split}`;
  const promised = unsealed(required(engine, split, 'h', name), `the hard state of ${name}`, (input) => input.varint() as Ballot);
  const applied = unsealed(required(engine, split, 'a', name), `the applied state of ${name}`, (input) => ({
    slot: slotOf(input.varint()),
    membership: readMembership(input),
    state: new Uint8Array(input.bytes()),
  }));
  const truncatedSlot = truncatedSlotOf(engine, split);
  if (truncatedSlot > applied.slot) throw dataLoss(`the log of ${name} is truncated beyond what is applied`);
  return { persisted: { hard: { promised }, appliedSlot: applied.slot, entries, truncatedSlot, membership: applied.membership }, state: applied.state };
}

function required(engine: Engine, split: SplitId, part: Part, name: string): Uint8Array {
  const value = engine.get(partKey(split, part));
  if (value === undefined) throw dataLoss(`${name} has no ${part === 'h' ? 'hard' : 'applied'} state on this node. Remove its data folder and let its peers fill it again`);
  return value;
}

/**
 * What a replica of one split's log keeps on disk: hard state, log entries, the applied state beside the rows.
 *
 *   'g' split 'h'   hard state: promised ballot
 *   'g' split 'a'   applied slot, membership as of it, bytes of the layer above
 *   'g' split 't'   truncated slot: no entry up to it is kept
 *   'g' split 'x'   the group is being deleted
 *   'l' split slot  an accepted entry: slot, ballot, payload
 *
 * Split and slot are 8 bytes, big-endian. Every value begins with a version byte and ends with the crc32 of what is before.
 * The functions build writes and leave it to the caller to write them together: what is applied goes into one engine
 * write with the rows that the entry changed, so that slot and rows never disagree after a crash.
 *
 * A wrong checksum is DATA_LOSS. A replica must not go on without an entry or a promise that it once acknowledged, so
 * such a node is to be emptied and filled again by its peers.
 */
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { dataLoss } from '../base/errors.ts';
import { MAX_NODE_ID, nodeId, slot as slotOf, splitId, SLOT_ZERO, type Ballot, type Key, type Slot, type SplitId } from '../base/ids.ts';
import type { HardState, LogEntry, Membership, Member, Payload, PersistedState, ReplicaKind } from '../paxos/types.ts';
import type { Engine, Entry, WriteOp } from './types.ts';

/** A group as it was found on disk. */
export interface StoredGroup {
  readonly persisted: PersistedState;
  /** What the layer above stored with the applied slot. */
  readonly state: Uint8Array;
}

export const GROUP_PREFIX = 'g';
export const LOG_PREFIX = 'l';

const VERSION = 1;
const CHECKSUM_LENGTH = 4;
const ID_LENGTH = 8;
const LOAD_BATCH = 512;
const DELETE_BATCH = 1024;
const TWO_32 = 0x1_0000_0000;

type Part = 'h' | 'a' | 't' | 'x';

/** A split or slot number as 8 bytes, big-endian. */
function number8(n: number): string {
  const high = Math.floor(n / TWO_32);
  const low = n % TWO_32;
  const c = String.fromCharCode;
  return c(high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff);
}

function numberAt(text: string, offset: number): number {
  let n = 0;
  for (let i = offset; i < offset + ID_LENGTH; i++) n = n * 256 + text.charCodeAt(i);
  return n;
}

const partKey = (split: SplitId, part: Part): Key => (GROUP_PREFIX + number8(split) + part) as Key;
const logPrefix = (split: SplitId): string => LOG_PREFIX + number8(split);
const logKey = (split: SplitId, at: Slot): Key => (logPrefix(split) + number8(at)) as Key;
const logEnd = (split: SplitId): Key => (LOG_PREFIX + number8(split + 1)) as Key;

// ---- values

const writer = new ByteWriter(4096);

const begin = (): ByteWriter => writer.reset().u8(VERSION);
const sealed = (out: ByteWriter): Uint8Array => out.u32(crc32(out.view())).copy();

/** The content of a value, its checksum having been checked. `what` names it in the error. */
function unseal(value: Uint8Array, what: string): ByteReader {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = bytes.length - CHECKSUM_LENGTH;
  if (end < 1 || crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) {
    throw dataLoss(`${what} is damaged: its checksum is wrong. Remove this node's data folder and let its peers fill it again`);
  }
  const input = new ByteReader(bytes.subarray(0, end));
  if (input.u8() !== VERSION) throw dataLoss(`${what} was written by another version of this program`);
  return input;
}

/** Runs a decoder, turning what it cannot read into DATA_LOSS. */
function decoded<T>(value: Uint8Array, what: string, decode: (input: ByteReader) => T): T {
  const input = unseal(value, what);
  try {
    return decode(input);
  } catch (error) {
    if (error instanceof CorruptBytes) throw dataLoss(`${what} cannot be read: ${error.message}`);
    throw error;
  }
}

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

/** Copies a command's data out of what is read. */
export function readPayload(input: ByteReader): Payload {
  const kind = input.u8();
  if (kind === NOOP) return { kind: 'noop' };
  if (kind === FENCE) return { kind: 'noop', fence: input.varint() as Ballot };
  if (kind === COMMAND) return { kind: 'command', data: new Uint8Array(input.bytes()) };
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
  return [{ key: partKey(split, 'h'), value: sealed(begin().varint(hard.promised)) }];
}

/** Accepted entries. One for a slot that is there already replaces it. */
export function appendOps(split: SplitId, entries: readonly LogEntry[]): WriteOp[] {
  return entries.map((entry) => {
    const out = begin().varint(entry.slot).varint(entry.ballot);
    writePayload(out, entry.payload);
    return { key: logKey(split, entry.slot), value: sealed(out) };
  });
}

/** Drops the entries of slots first..through. The applied state must have them. */
export function truncateOps(split: SplitId, first: Slot, through: Slot): WriteOp[] {
  const ops: WriteOp[] = [{ key: partKey(split, 't'), value: sealed(begin().varint(through)) }];
  for (let at: number = first; at <= through; at++) ops.push({ key: logKey(split, at as Slot), value: undefined });
  return ops;
}

/** Everything up to `appliedSlot` is applied; `state` belongs to the layer above. */
export function appliedOps(split: SplitId, appliedSlot: Slot, membership: Membership, state: Uint8Array): WriteOp[] {
  const out = begin().varint(appliedSlot);
  writeMembership(out, membership);
  return [{ key: partKey(split, 'a'), value: sealed(out.bytes(state)) }];
}

// ---- reading

/** The splits that have a replica on this node, in order. */
export async function listGroups(engine: Engine): Promise<SplitId[]> {
  const splits: SplitId[] = [];
  for await (const { key } of entriesOf(engine, GROUP_PREFIX as Key, 'h' as Key)) {
    if (key.at(-1) === 'a') splits.push(splitId(numberAt(key, 1)));
  }
  return splits;
}

async function* entriesOf(engine: Engine, from: Key, to: Key): AsyncGenerator<Entry> {
  const cursor = engine.scan(from, to);
  try {
    for (;;) {
      const entries = await cursor.next(LOAD_BATCH);
      if (entries.length === 0) return;
      yield* entries;
    }
  } finally {
    await cursor.close();
  }
}

/** Loads one group. Throws DATA_LOSS when anything of it is missing or damaged. */
export async function loadGroup(engine: Engine, split: SplitId): Promise<StoredGroup> {
  const name = `split ${split}`;
  const promised = decoded(required(engine, split, 'h', name), `the hard state of ${name}`, (input) => input.varint() as Ballot);
  const applied = decoded(required(engine, split, 'a', name), `the applied state of ${name}`, (input) => ({
    slot: slotOf(input.varint()),
    membership: readMembership(input),
    state: new Uint8Array(input.bytes()),
  }));
  const truncation = engine.get(partKey(split, 't'));
  const truncatedSlot = truncation === undefined ? SLOT_ZERO : decoded(truncation, `the truncation of ${name}`, (input) => slotOf(input.varint()));
  if (truncatedSlot > applied.slot) throw dataLoss(`the log of ${name} is truncated beyond what is applied`);
  const entries: LogEntry[] = [];
  for await (const { key, value } of entriesOf(engine, logKey(split, (truncatedSlot + 1) as Slot), logEnd(split))) {
    entries.push(decodeLogEntry(value, numberAt(key, 1 + ID_LENGTH), name));
  }
  return { persisted: { hard: { promised }, appliedSlot: applied.slot, entries, truncatedSlot, membership: applied.membership }, state: applied.state };
}

function required(engine: Engine, split: SplitId, part: Part, name: string): Uint8Array {
  const value = engine.get(partKey(split, part));
  if (value === undefined) throw dataLoss(`${name} has no ${part === 'h' ? 'hard' : 'applied'} state on this node. Remove its data folder and let its peers fill it again`);
  return value;
}

function decodeLogEntry(value: Uint8Array, at: number, name: string): LogEntry {
  const what = `entry ${at} of the log of ${name}`;
  return decoded(value, what, (input) => {
    if (input.varint() !== at) throw dataLoss(`${what} is in another entry's place`);
    const ballot = input.varint() as Ballot;
    const entry = { slot: slotOf(at), ballot, payload: readPayload(input) };
    input.end();
    return entry;
  });
}

// ---- deletion

/**
 * Forgets a group: hard and applied state go first, so that a half-deleted log is never taken for a whole one; a mark
 * stays until the last entry is gone. Nothing needs to be synced.
 */
export async function deleteGroup(engine: Engine, split: SplitId): Promise<void> {
  const states: readonly Part[] = ['h', 'a', 't'];
  engine.write([{ key: partKey(split, 'x'), value: sealed(begin()) }, ...states.map((part) => ({ key: partKey(split, part), value: undefined }))]);
  const ops: WriteOp[] = [];
  for await (const { key } of entriesOf(engine, logPrefix(split) as Key, logEnd(split))) {
    ops.push({ key, value: undefined });
    if (ops.length >= DELETE_BATCH) engine.write(ops.splice(0));
  }
  ops.push({ key: partKey(split, 'x'), value: undefined });
  engine.write(ops);
}

/** Finishes deletions that a stop of the node interrupted. Call before any group is loaded or created. */
export async function resumeDeletions(engine: Engine): Promise<void> {
  const unfinished: SplitId[] = [];
  for await (const { key } of entriesOf(engine, GROUP_PREFIX as Key, 'h' as Key)) {
    if (key.at(-1) === 'x') unfinished.push(splitId(numberAt(key, 1)));
  }
  for (const split of unfinished) await deleteGroup(engine, split);
}

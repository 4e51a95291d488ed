/**
 * Messages and payloads as bytes. Framing and checksums are the transport's and the storage's; the format has a version
 * in each message's first byte (high 4 bits; low 4 bits: the kind).
 *
 * Integers are varints. Numbers that stay close to another one in the same message travel as the difference to it, so
 * that an idle group's heartbeat has about 20 bytes. Bad input throws `CorruptBytes`, never anything else; numbers
 * outside what the protocol can produce count as bad input.
 *
 *   payload     0 noop | 1 command: bytes | 2 membership: version, count, (node, kind)*, fence or 0 | 3 noop with fence: ballot
 *   probe       ballot, chosen, flags (1 may lead), latest
 *   probeReply  ballot, flags (1 granted, 2 suspect), promised, retryAt
 *   prepare     ballot, from, released
 *   promise     ballot, from, next, chosen, count, (slot - previous slot, ballot, payload)*
 *   nack        ballot, promised, retryAt
 *   accept      ballot, first, zigzag(first - chosen), leaseUntil, has closed (0, 1), [zigzag(leaseUntil - closed), zigzag(first - closedSlot)], zigzag(first - copied), count, payload*
 *   accepted    ballot, matched, zigzag(matched - applied), flags (1 gap, 2 suspect), clock, [leaseEnd = 0: 0, else 1 + zigzag(leaseEnd - clock)]
 *   release, transferNow   ballot
 */
import { CorruptBytes } from '../base/bytes.ts';
import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MAX_NODE_ID } from '../base/ids.ts';
import type { Ballot, NodeId, Slot, Timestamp } from '../base/ids.ts';
import { MAX_MEMBERS } from './membership.ts';
import type { Accept, Accepted, PaxosMessage, PromiseReply } from './messages.ts';
import type { LogEntry, Member, Payload, ReplicaKind } from './types.ts';

const VERSION = 1;

/** Position is the code; only ever append. */
const MESSAGE_KINDS = ['probe', 'probeReply', 'prepare', 'promise', 'nack', 'accept', 'accepted', 'release', 'transferNow'] as const;
const REPLICA_KINDS: readonly ReplicaKind[] = ['read-write', 'witness', 'read-only'];

/** Ballots, slots and timestamps stay below this, so that sums and differences of two stay exact. */
const MAX_NUMBER = 2 ** 52;

export function encodeMessage(writer: ByteWriter, message: PaxosMessage): void {
  writer.u8(VERSION * 16 + MESSAGE_KINDS.indexOf(message.kind)).varint(message.ballot);
  switch (message.kind) {
    case 'probe':
      writer.varint(message.chosen).u8(flags(message.mayLead, false)).varint(message.latest);
      return;
    case 'probeReply':
      writer.u8(flags(message.granted, message.suspect)).varint(message.promised).varint(message.retryAt);
      return;
    case 'prepare':
      writer.varint(message.from).varint(message.released);
      return;
    case 'promise':
      encodePromise(writer, message);
      return;
    case 'nack':
      writer.varint(message.promised).varint(message.retryAt);
      return;
    case 'accept':
      encodeAccept(writer, message);
      return;
    case 'accepted':
      writer.varint(message.matched).varint(zigzag(message.matched - message.applied)).u8(flags(message.gap, message.suspect)).varint(message.clock);
      writer.varint(message.leaseEnd === 0 ? 0 : 1 + zigzag(message.leaseEnd - message.clock));
      return;
    case 'release':
    case 'transferNow':
      return;
  }
}

export function decodeMessage(reader: ByteReader): PaxosMessage {
  const head = reader.u8();
  if (head >> 4 !== VERSION) throw new CorruptBytes('paxos message of an unknown version');
  const kind = MESSAGE_KINDS[head & 15];
  if (kind === undefined) throw new CorruptBytes('paxos message of an unknown kind');
  const ballot = readBallot(reader);
  switch (kind) {
    case 'probe': {
      const chosen = readSlot(reader);
      const [mayLead] = readFlags(reader);
      return { kind, ballot, chosen, mayLead, latest: readTimestamp(reader) };
    }
    case 'probeReply': {
      const [granted, suspect] = readFlags(reader);
      return { kind, ballot, granted, promised: readBallot(reader), retryAt: readTimestamp(reader), suspect };
    }
    case 'prepare':
      return { kind, ballot, from: readPositiveSlot(reader), released: readBallot(reader) };
    case 'promise':
      return decodePromise(reader, ballot);
    case 'nack':
      return { kind, ballot, promised: readBallot(reader), retryAt: readTimestamp(reader) };
    case 'accept':
      return decodeAccept(reader, ballot);
    case 'accepted':
      return decodeAccepted(reader, ballot);
    default:
      return { kind, ballot };
  }
}

function encodePromise(writer: ByteWriter, message: PromiseReply): void {
  writer.varint(message.from).varint(message.next).varint(message.chosen).varint(message.entries.length);
  let previous = message.from - 1;
  for (const entry of message.entries) {
    writer.varint(entry.slot - previous).varint(entry.ballot);
    encodePayload(writer, entry.payload);
    previous = entry.slot;
  }
}

function decodePromise(reader: ByteReader, ballot: Ballot): PromiseReply {
  const from = readPositiveSlot(reader);
  const next = readSlot(reader);
  const chosen = readSlot(reader);
  const count = reader.count();
  const entries: LogEntry[] = [];
  let previous = from - 1;
  for (let i = 0; i < count; i++) {
    const step = readNumber(reader);
    if (step === 0) throw new CorruptBytes('entries are not in slot order');
    const slot = checkNumber(previous + step) as Slot;
    entries.push({ slot, ballot: readBallot(reader), payload: decodePayload(reader) });
    previous = slot;
  }
  if (next !== 0 && next <= previous) throw new CorruptBytes('promise goes on before its own entries');
  return { kind: 'promise', ballot, from, next, chosen, entries };
}

function encodeAccept(writer: ByteWriter, message: Accept): void {
  const { first, chosen, leaseUntil, closed, closedSlot, copied, payloads } = message;
  writer.varint(first).varint(zigzag(first - chosen)).varint(leaseUntil).bool(closed > 0);
  if (closed > 0) writer.varint(zigzag(leaseUntil - closed)).varint(zigzag(first - closedSlot));
  writer.varint(zigzag(first - copied)).varint(payloads.length);
  for (const payload of payloads) encodePayload(writer, payload);
}

function decodeAccept(reader: ByteReader, ballot: Ballot): Accept {
  const first = readPositiveSlot(reader);
  const chosen = checkNumber(first - unzigzag(reader.varint())) as Slot;
  const leaseUntil = readTimestamp(reader);
  let closed = 0;
  let closedSlot = 0;
  if (reader.bool()) {
    closed = checkNumber(leaseUntil - unzigzag(reader.varint()));
    closedSlot = checkNumber(first - unzigzag(reader.varint()));
    if (closed === 0) throw new CorruptBytes('closed timestamp is zero');
  }
  const copied = checkNumber(first - unzigzag(reader.varint())) as Slot;
  const count = reader.count();
  const payloads: Payload[] = [];
  for (let i = 0; i < count; i++) payloads.push(decodePayload(reader));
  return { kind: 'accept', ballot, first, payloads, chosen, leaseUntil, closed: closed as Timestamp, closedSlot: closedSlot as Slot, copied };
}

function decodeAccepted(reader: ByteReader, ballot: Ballot): Accepted {
  const matched = readSlot(reader);
  const applied = checkNumber(matched - unzigzag(reader.varint())) as Slot;
  const [gap, suspect] = readFlags(reader);
  const clock = readTimestamp(reader);
  const difference = reader.varint();
  const leaseEnd = (difference === 0 ? 0 : checkNumber(clock + unzigzag(difference - 1))) as Timestamp;
  return { kind: 'accepted', ballot, matched, applied, leaseEnd, clock, gap, suspect };
}

export function encodePayload(writer: ByteWriter, payload: Payload): void {
  switch (payload.kind) {
    case 'noop':
      if (payload.fence === undefined) writer.u8(0);
      else writer.u8(3).varint(payload.fence);
      return;
    case 'command':
      writer.u8(1).bytes(payload.data);
      return;
    case 'membership':
      writer.u8(2).varint(payload.membership.version).varint(payload.membership.members.length);
      for (const member of payload.membership.members) writer.varint(member.node).u8(REPLICA_KINDS.indexOf(member.kind));
      writer.varint(payload.membership.fence ?? 0);
      return;
  }
}

/** A command's data is a view of what is read: a log copies what it keeps (log-bytes.ts). */
export function decodePayload(reader: ByteReader): Payload {
  const tag = reader.u8();
  if (tag === 0) return { kind: 'noop' };
  if (tag === 3) return { kind: 'noop', fence: readNumber(reader) as Ballot };
  if (tag === 1) return { kind: 'command', data: reader.bytes() };
  if (tag !== 2) throw new CorruptBytes('payload of an unknown kind');
  const version = readNumber(reader);
  const count = reader.count();
  if (count > MAX_MEMBERS) throw new CorruptBytes('too many members');
  const members: Member[] = [];
  for (let i = 0; i < count; i++) members.push(readMember(reader));
  if (new Set(members.map((member) => member.node)).size !== count) throw new CorruptBytes('a node is a member twice');
  const fence = readNumber(reader) as Ballot;
  return { kind: 'membership', membership: fence === 0 ? { version, members } : { version, members, fence } };
}

function readMember(reader: ByteReader): Member {
  const node = reader.varint();
  const kind = REPLICA_KINDS[reader.u8()];
  if (node < 1 || node > MAX_NODE_ID || kind === undefined) throw new CorruptBytes('bad member');
  return { node: node as NodeId, kind };
}

// ---- numbers

function checkNumber(n: number): number {
  if (n < 0 || n > MAX_NUMBER) throw new CorruptBytes('number out of range');
  return n;
}

const readNumber = (reader: ByteReader): number => checkNumber(reader.varint());
const readBallot = (reader: ByteReader): Ballot => readNumber(reader) as Ballot;
const readSlot = (reader: ByteReader): Slot => readNumber(reader) as Slot;
const readTimestamp = (reader: ByteReader): Timestamp => readNumber(reader) as Timestamp;

function readPositiveSlot(reader: ByteReader): Slot {
  const slot = readSlot(reader);
  if (slot === 0) throw new CorruptBytes('slot is zero');
  return slot;
}

/** Small negative numbers as small non-negative ones: 0, -1, 1, -2, … become 0, 1, 2, 3, … */
const zigzag = (n: number): number => (n < 0 ? -2 * n - 1 : 2 * n);
const unzigzag = (n: number): number => (n % 2 === 0 ? n / 2 : -(n + 1) / 2);

const flags = (first: boolean, second: boolean): number => (first ? 1 : 0) + (second ? 2 : 0);

function readFlags(reader: ByteReader): readonly [boolean, boolean] {
  const byte = reader.u8();
  if (byte > 3) throw new CorruptBytes('unknown flags');
  return [(byte & 1) !== 0, (byte & 2) !== 0];
}

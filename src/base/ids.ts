/**
 * Branded identifiers. A brand makes two numbers with different meanings incompatible; each has one constructor that checks.
 */
import { assert } from './assert.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A node (server process) of the cluster: 1 to MAX_NODE_ID. */
export type NodeId = Brand<number, 'NodeId'>;
/** A split, which is also its Paxos group. Split 1 is the metadata split. Never reused. */
export type SplitId = Brand<number, 'SplitId'>;
/** Integer microseconds since the Unix epoch; exact in a double until the year 2255. */
export type Timestamp = Brand<number, 'Timestamp'>;
/** An ordered key as a binary string: one char (0..255) per byte, so that `<` is byte order and Maps work. */
export type Key = Brand<string, 'Key'>;
/** A read-write transaction, unique in the cluster for ever. 16 bytes as 32 hexadecimal digits. */
export type TxnId = Brand<string, 'TxnId'>;
/** A Paxos ballot: round * BALLOT_NODES + node, so that ballots of different nodes never tie. 0 is before every ballot. */
export type Ballot = Brand<number, 'Ballot'>;
/** A position in a split's log, from 1. 0 is before the first. */
export type Slot = Brand<number, 'Slot'>;

export const MAX_NODE_ID = 1023;
const BALLOT_NODES = MAX_NODE_ID + 1;

export function nodeId(n: number): NodeId {
  assert(Number.isInteger(n) && n >= 1 && n <= MAX_NODE_ID, 'node id out of range');
  return n as NodeId;
}
export function splitId(n: number): SplitId {
  assert(Number.isSafeInteger(n) && n >= 1, 'split id out of range');
  return n as SplitId;
}
export function timestamp(n: number): Timestamp {
  assert(Number.isSafeInteger(n) && n >= 0, 'timestamp out of range');
  return n as Timestamp;
}
export function key(binary: string): Key {
  return binary as Key;
}
export function txnId(hex: string): TxnId {
  assert(/^[0-9a-f]{32}$/.test(hex), 'transaction id is not 32 hexadecimal digits');
  return hex as TxnId;
}
export function slot(n: number): Slot {
  assert(Number.isSafeInteger(n) && n >= 0, 'slot out of range');
  return n as Slot;
}

export const NO_BALLOT = 0 as Ballot;
export const SLOT_ZERO = 0 as Slot;
export const TIMESTAMP_ZERO = 0 as Timestamp;
export const MIN_KEY = '' as Key;

export function ballot(round: number, node: NodeId): Ballot {
  assert(Number.isSafeInteger(round) && round >= 1 && round < 2 ** 42, 'ballot round out of range');
  return (round * BALLOT_NODES + node) as Ballot;
}
export const ballotRound = (b: Ballot): number => Math.floor(b / BALLOT_NODES);
export const ballotNode = (b: Ballot): NodeId => (b % BALLOT_NODES) as NodeId;

/** The first key after every key that starts with `prefix`; undefined when there is none (prefix empty or all 0xFF). */
export function prefixEnd(prefix: string): Key | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix.charCodeAt(i);
    if (byte < 0xff) return (prefix.slice(0, i) + String.fromCharCode(byte + 1)) as Key;
  }
  return undefined;
}

export const keyToBytes = (k: string): Buffer => Buffer.from(k, 'latin1');
export const keyFromBytes = (bytes: Uint8Array): Key =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as Key;

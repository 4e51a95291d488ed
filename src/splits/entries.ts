/**
 * What goes into a split's log and its stored state, above Paxos and below transactions: a command is either the
 * application's, or a cut of the range.
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { NO_BALLOT, SLOT_ZERO, type Key, type SplitId } from '../base/ids.ts';
import type { Membership, PersistedState } from '../paxos/types.ts';
import { readDescriptor, writeDescriptor } from './answer.ts';
import { readSplitId, readSplitIds } from './read-ids.ts';
import type { SplitDescriptor } from './types.ts';

const APPLICATION = 0;
const CUT = 1;

export type SplitEntry = { readonly kind: 'application'; readonly data: Uint8Array } | { readonly kind: 'cut'; readonly at: Key; readonly right: SplitId };

export function encodeApplication(data: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(data.length + 1);
  out[0] = APPLICATION;
  out.set(data, 1);
  return out;
}
export function encodeCut(at: Key, right: SplitId): Uint8Array {
  return new ByteWriter().u8(CUT).varint(right).binary(at).finish();
}
export function decodeEntry(bytes: Uint8Array): SplitEntry {
  if (bytes[0] === APPLICATION) return { kind: 'application', data: bytes.subarray(1) };
  const input = new ByteReader(bytes);
  if (input.u8() !== CUT) throw new CorruptBytes('unknown split command');
  const right = readSplitId(input);
  const at = input.binary() as Key;
  input.end();
  return { kind: 'cut', at, right };
}

/** What is stored beside a replica's applied slot. */
export interface SplitState {
  readonly descriptor: SplitDescriptor;
  /** The splits this one was cut from, nearest first. */
  readonly ancestors: readonly SplitId[];
  /** A snapshot was being installed when the node stopped: the rows are not whole. */
  readonly installing: boolean;
}

/** How far back a split remembers what it was cut from; older outcomes can no longer be asked for. */
export const MAX_ANCESTORS = 8;

export function encodeState(state: SplitState): Uint8Array {
  const out = new ByteWriter().bool(state.installing);
  writeDescriptor(out, state.descriptor);
  out.varint(state.ancestors.length);
  for (const ancestor of state.ancestors) out.varint(ancestor);
  return out.finish();
}
export function decodeState(bytes: Uint8Array): SplitState {
  const input = new ByteReader(bytes);
  const installing = input.bool();
  const descriptor = readDescriptor(input);
  const ancestors = readSplitIds(input);
  input.end();
  return { descriptor, ancestors, installing };
}

/** A log that nothing has happened in. */
export function emptyState(membership: Membership): PersistedState {
  return { hard: { promised: NO_BALLOT }, appliedSlot: SLOT_ZERO, entries: [], truncatedSlot: SLOT_ZERO, membership };
}

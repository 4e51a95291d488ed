/**
 * What goes into a split's log and its stored state, above Paxos and below transactions: a command is either the
 * application's, or a cut of the range. An entry has one or more:
 *
 *   0 length data | 1 split, key
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { NO_BALLOT, SLOT_ZERO, type Key, type SplitId } from '../base/ids.ts';
import type { Membership, PersistedState } from '../paxos/types.ts';
import { readDescriptor, writeDescriptor } from './answer.ts';
import { readSplitId, readSplitIds } from './read-ids.ts';
import type { SplitDescriptor } from './types.ts';

const APPLICATION = 0;
const CUT = 1;

export type SplitCommand = { readonly kind: 'application'; readonly data: Uint8Array } | { readonly kind: 'cut'; readonly at: Key; readonly right: SplitId };

/** In `out`, one after the other. */
export function writeApplication(out: ByteWriter, data: Uint8Array): ByteWriter {
  return out.u8(APPLICATION).bytes(data);
}
export function encodeCut(at: Key, right: SplitId): Uint8Array {
  return new ByteWriter().u8(CUT).varint(right).binary(at).finish();
}
/** What an entry consists of: commands that were proposed in one turn. */
export function decodeEntry(bytes: Uint8Array): SplitCommand[] {
  const input = new ByteReader(bytes);
  const commands: SplitCommand[] = [];
  do {
    const kind = input.u8();
    if (kind === APPLICATION) commands.push({ kind: 'application', data: input.bytes() });
    else if (kind === CUT) {
      const right = readSplitId(input);
      commands.push({ kind: 'cut', at: input.binary() as Key, right });
    } else throw new CorruptBytes('unknown split command');
  } while (input.remaining > 0);
  return commands;
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

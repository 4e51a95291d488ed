/**
 * How a split's leader answers a call: with a result, or with where the caller should go instead. The caller's router
 * (router.ts) follows the directions and tries again; callers above it never see them.
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import type { Key, NodeId } from '../base/ids.ts';
import { readOptionalNodeId, readSplitId } from './read-ids.ts';
import type { SplitDescriptor } from './types.ts';

export type Directions =
  | { readonly kind: 'notLeader'; readonly hint: NodeId | undefined }
  /** The keys asked for do not (all) lie in this split: what the answering node knows of the key space there. */
  | { readonly kind: 'wrongSplit'; readonly known: readonly SplitDescriptor[] };

const OK = 0;
const NOT_LEADER = 1;
const WRONG_SPLIT = 2;

export function okAnswer(): ByteWriter {
  return new ByteWriter().u8(OK);
}
export function notLeaderAnswer(hint: NodeId | undefined): Uint8Array {
  return new ByteWriter(8).u8(NOT_LEADER).varint(hint ?? 0).finish();
}
export function wrongSplitAnswer(known: readonly SplitDescriptor[]): Uint8Array {
  const out = new ByteWriter().u8(WRONG_SPLIT).varint(known.length);
  for (const descriptor of known) writeDescriptor(out, descriptor);
  return out.finish();
}

export function writeDescriptor(out: ByteWriter, { id, from, to, generation }: SplitDescriptor): void {
  out.varint(id).varint(generation).binary(from).binary(to);
}
export function readDescriptor(input: ByteReader): SplitDescriptor {
  const id = readSplitId(input);
  const generation = input.varint();
  return { id, generation, from: input.binary() as Key, to: input.binary() as Key };
}

/** The rest of an answer that is a result, or directions. */
export function readAnswer(bytes: Uint8Array): { readonly result: ByteReader } | { readonly directions: Directions } {
  const input = new ByteReader(bytes);
  switch (input.u8()) {
    case OK:
      return { result: input };
    case NOT_LEADER:
      return { directions: { kind: 'notLeader', hint: readOptionalNodeId(input) } };
    case WRONG_SPLIT: {
      const known: SplitDescriptor[] = [];
      for (let n = input.count(); n > 0; n--) known.push(readDescriptor(input));
      return { directions: { kind: 'wrongSplit', known } };
    }
    default:
      throw new CorruptBytes('unknown answer status');
  }
}

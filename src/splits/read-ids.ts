/**
 * Identifiers read from messages and stored state. The constructors of base/ids.ts assert, which is for our own mistakes
 * and stops the process; what comes from outside is CorruptBytes instead.
 */
import { CorruptBytes, type ByteReader } from '../base/bytes.ts';
import { MAX_NODE_ID, nodeId, splitId, type NodeId, type SplitId } from '../base/ids.ts';

export function readSplitId(input: ByteReader): SplitId {
  const id = input.varint();
  if (id < 1) throw new CorruptBytes('split id out of range');
  return splitId(id);
}

export function readSplitIds(input: ByteReader): SplitId[] {
  const ids: SplitId[] = [];
  for (let n = input.count(); n > 0; n--) ids.push(readSplitId(input));
  return ids;
}

/** 0 stands for none. */
export function readOptionalNodeId(input: ByteReader): NodeId | undefined {
  const id = input.varint();
  if (id > MAX_NODE_ID) throw new CorruptBytes('node id out of range');
  return id === 0 ? undefined : nodeId(id);
}

export function readNodeId(input: ByteReader): NodeId {
  const id = readOptionalNodeId(input);
  if (id === undefined) throw new CorruptBytes('node id out of range');
  return id;
}

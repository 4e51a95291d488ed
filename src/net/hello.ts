/**
 * The first frame of each side of a connection: who speaks, which cluster, which protocol. The dialler speaks first; the
 * other answers only when it accepts. `incarnation` tells a restarted process from its former self.
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { MAX_NODE_ID, nodeId, type NodeId } from '../base/ids.ts';

const MAGIC = 0x54_52_53_4c; // "TRSL"
export const PROTOCOL_VERSION = 1;
/** A hello is never longer; bounds what a stranger can make us buffer. */
export const MAX_HELLO_BYTES = 512;
export const MAX_CLUSTER_ID_CHARS = 128;

export interface Hello {
  readonly clusterId: string;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly incarnation: number;
}

export function encodeHello(hello: Hello): Buffer {
  const w = new ByteWriter().u32(MAGIC).varint(PROTOCOL_VERSION);
  return w.string(hello.clusterId).varint(hello.from).varint(hello.to).varint(hello.incarnation).finish();
}

/** Throws CorruptBytes on another protocol or version. */
export function decodeHello(body: Buffer): Hello {
  const r = new ByteReader(body);
  if (r.u32() !== MAGIC) throw new CorruptBytes('not a node of this kind');
  const version = r.varint();
  if (version !== PROTOCOL_VERSION) throw new CorruptBytes(`protocol version ${version}, expected ${PROTOCOL_VERSION}`);
  const hello = { clusterId: r.string(), from: node(r), to: node(r), incarnation: r.varint() };
  r.end();
  return hello;
}

function node(r: ByteReader): NodeId {
  const n = r.varint();
  if (n < 1 || n > MAX_NODE_ID) throw new CorruptBytes('node id out of range');
  return nodeId(n);
}

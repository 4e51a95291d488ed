/**
 * Transaction ids as clients hold them. An id says which node is the gateway of a read-write transaction, so that any
 * node can pass a call on, and at which timestamp a read-only transaction reads, so that any node can serve it without
 * knowing of it. Everything is big-endian:
 *
 *   read-write, partitioned DML   kind u8 (1, 3) | gateway node u16 | age u64, microseconds | TxnId 16 bytes | check u32
 *   read-only                     kind u8 (2)    | read timestamp u64, microseconds | number u32 | check u32
 *
 * `check` is a hash (FNV-1a) of what is before it and of the session's name: an id that was made up or belongs to
 * another session is recognised. It is no protection against an attacker, who is not kept out by ids.
 */
import { nodeId, timestamp, txnId, MAX_NODE_ID, type NodeId, type Timestamp, type TxnId } from '../base/ids.ts';

export type TransactionId =
  | { readonly kind: 'readWrite' | 'partitionedDml'; readonly node: NodeId; readonly age: Timestamp; readonly txn: TxnId }
  | { readonly kind: 'readOnly'; readonly readTimestamp: Timestamp };

const READ_WRITE = 1;
const READ_ONLY = 2;
const PARTITIONED_DML = 3;
const READ_WRITE_BYTES = 31;
const READ_ONLY_BYTES = 17;
const CHECK_BYTES = 4;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function hashText(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}

function check(bytes: Uint8Array, session: string): number {
  let hash = hashText(session);
  const end = bytes.length - CHECK_BYTES;
  for (let i = 0; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), FNV_PRIME);
  return hash >>> 0;
}

export function encodeReadWriteId(kind: 'readWrite' | 'partitionedDml', node: NodeId, age: Timestamp, txn: TxnId, session: string): Buffer {
  const out = Buffer.alloc(READ_WRITE_BYTES);
  out.writeUInt8(kind === 'readWrite' ? READ_WRITE : PARTITIONED_DML, 0);
  out.writeUInt16BE(node, 1);
  out.writeBigUInt64BE(BigInt(age), 3);
  out.write(txn, 11, 'hex');
  out.writeUInt32BE(check(out, session), READ_WRITE_BYTES - CHECK_BYTES);
  return out;
}

/** `number` makes two transactions at the same timestamp differ. */
export function encodeReadOnlyId(readTimestamp: Timestamp, number: number, session: string): Buffer {
  const out = Buffer.alloc(READ_ONLY_BYTES);
  out.writeUInt8(READ_ONLY, 0);
  out.writeBigUInt64BE(BigInt(readTimestamp), 1);
  out.writeUInt32BE(number >>> 0, 9);
  out.writeUInt32BE(check(out, session), READ_ONLY_BYTES - CHECK_BYTES);
  return out;
}

/** undefined when the bytes are not an id of this session. */
export function decodeTransactionId(bytes: Uint8Array, session: string): TransactionId | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = buffer[0];
  const size = kind === READ_ONLY ? READ_ONLY_BYTES : READ_WRITE_BYTES;
  if (buffer.length !== size || buffer.readUInt32BE(size - CHECK_BYTES) !== check(buffer, session)) return undefined;
  if (kind === READ_ONLY) return { kind: 'readOnly', readTimestamp: micros(buffer.readBigUInt64BE(1)) };
  const node = buffer.readUInt16BE(1);
  if ((kind !== READ_WRITE && kind !== PARTITIONED_DML) || node < 1 || node > MAX_NODE_ID) return undefined;
  return {
    kind: kind === READ_WRITE ? 'readWrite' : 'partitionedDml',
    node: nodeId(node),
    age: micros(buffer.readBigUInt64BE(3)),
    txn: txnId(buffer.toString('hex', 11, 27)),
  };
}

function micros(n: bigint): Timestamp {
  return timestamp(n > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(n));
}

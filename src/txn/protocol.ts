/**
 * Calls between a transaction's gateway and the leaders of its splits: the bodies of the `txn.*` methods of net/rpc.ts.
 * Every answer begins with a status byte (splits/answer.ts), so that a call to the wrong node or split is re-routed.
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { prefixEnd, timestamp, type Key, type NodeId, type SplitId, type Timestamp, type TxnId } from '../base/ids.ts';
import { readNodeId, readSplitId, readSplitIds } from '../splits/read-ids.ts';
import { readSpans, readTxnId, writeSpans, writeTxnId } from './commands.ts';
import type { Span } from './locks.ts';
import type { Cell, LockMode, RangePart, Row, WriteOp } from './types.ts';

export const Method = {
  get: 'txn.get',
  scan: 'txn.scan',
  snapshotGet: 'txn.snapshotGet',
  snapshotScan: 'txn.snapshotScan',
  commit: 'txn.commit',
  prepare: 'txn.prepare',
  /** A commit or prepare that is to be fetched (large.ts), and where it is. */
  large: 'txn.large',
  body: 'txn.body',
  decide: 'txn.decide',
  outcome: 'txn.outcome',
  release: 'txn.release',
  status: 'txn.status',
  find: 'txn.find',
  settle: 'txn.settle',
  fence: 'txn.fence',
  wounded: 'txn.wounded',
  forgotten: 'txn.forgotten',
} as const;

/** Who asks: begins every request of a read-write transaction. */
export interface TxnHeader {
  readonly split: SplitId;
  readonly txn: TxnId;
  readonly age: number;
  readonly gateway: NodeId;
  /** What the leader gave at the first lock, '' before: a leader that does not know it has lost the locks. */
  readonly token: string;
}

export interface GetRequest extends TxnHeader {
  readonly lock: LockMode;
  readonly keys: readonly Key[];
  /** As in a scan. */
  readonly fragment: Uint8Array;
}
export interface GetAnswer {
  /** Of the first keys, as many as fit: undefined where there is no row, or the fragment does not keep it. */
  readonly records: readonly (Uint8Array | undefined)[];
  /** Rows that there were at these keys. */
  readonly scanned: number;
}

/** In a scan's request: rows are wanted as they are stored. */
export const NO_FRAGMENT: Uint8Array = new Uint8Array();

export interface ScanSpec {
  readonly from: Key;
  readonly to: Key;
  readonly reverse: boolean;
  /** At most this many rows; the leader may answer fewer. */
  readonly limit: number;
  /** What is done with the rows where they are (types.ts); empty: nothing. */
  readonly fragment: Uint8Array;
  /** The parts of the range that are wanted, in order and apart from each other; none: all of it. Not in reverse. */
  readonly within: readonly RangePart[];
  /** So many rows of each of them are enough; 0: all. */
  readonly each: number;
}
export interface ScanRequest extends TxnHeader, ScanSpec {
  readonly lock: LockMode;
}
export interface ScanAnswer {
  readonly token: string;
  readonly rows: readonly Row[];
  /** Rows that were looked at for those; see FragmentResult. */
  readonly scanned: number;
  /** The key looked at last, from which the scan goes on; undefined: there was none. An answer without rows need not be the last. */
  readonly last: Key | undefined;
  /** Whether the range (as far as it lies in this split) is exhausted. */
  readonly done: boolean;
}

export interface SnapshotGetRequest {
  readonly split: SplitId;
  readonly at: Timestamp;
  /** Of the schema that the reader uses (fence.ts). */
  readonly schemaVersion: Timestamp;
  readonly keys: readonly Key[];
  /** As in a scan. */
  readonly fragment: Uint8Array;
}
export interface SnapshotScanRequest extends ScanSpec {
  readonly split: SplitId;
  readonly at: Timestamp;
  readonly schemaVersion: Timestamp;
}

/** What a transaction that read at a snapshot, without locks, has the leaders look at before it commits. */
export interface Checks {
  /** The snapshot; 0: nothing is to be checked. The commit timestamp must be above it. */
  readonly since: Timestamp;
  /** Whether what is written must not have been written since, either: the first committer wins. */
  readonly writes: boolean;
  /** Must not have changed since, and be locked until the end. */
  readonly reads: readonly Span[];
}

export interface CommitRequest extends TxnHeader {
  /** Of the split as its gateway knows it: what the transaction read lies in that range, and must lie there still. */
  readonly generation: number;
  readonly maxDelayMicros: number;
  /** Of the schema that the writes were made with (fence.ts). */
  readonly schemaVersion: Timestamp;
  readonly checks: Checks;
  /** The commit timestamp, if it is fixed in advance; 0: the leader chooses it. */
  readonly fixed: Timestamp;
  readonly ops: readonly WriteOp[];
}
export interface PrepareRequest extends TxnHeader {
  readonly coordinator: SplitId;
  readonly maxDelayMicros: number;
  /** As in a commit. */
  readonly schemaVersion: Timestamp;
  /** Locked by earlier reads, or to be locked and checked now. */
  readonly checks: Checks;
  /** As in a commit. */
  readonly fixed: Timestamp;
  readonly ops: readonly WriteOp[];
}
/** `floor`: the commit timestamp must be at least this (0: nothing was logged). `ceiling`: it must be below this. */
export interface PrepareAnswer {
  readonly floor: Timestamp;
  readonly ceiling: Timestamp;
  /** For the decision, which must reach the same leadership. */
  readonly token: string;
  /**
   * Not 0: the transaction has committed already, at this timestamp. Its one-phase commit went through without an answer,
   * and then the split was cut, so that its gateway begins anew with the pieces.
   */
  readonly committed: Timestamp;
}
export interface DecideRequest extends TxnHeader {
  readonly floor: Timestamp;
  readonly ceiling: Timestamp;
  readonly participants: readonly SplitId[];
}
export interface OutcomeRequest {
  readonly split: SplitId;
  readonly txn: TxnId;
  /** 0: aborted. */
  readonly timestamp: Timestamp;
}
/** Raises the fence of the split that holds `at`. */
export interface FenceRequest {
  readonly split: SplitId;
  readonly at: Key;
  readonly version: Timestamp;
}
export type StatusAnswer = { readonly kind: 'pending' } | { readonly kind: 'aborted' } | { readonly kind: 'committed'; readonly timestamp: Timestamp };

const LOCK_MODES: readonly LockMode[] = ['none', 'shared', 'exclusive'];
const OP_KINDS = ['insert', 'update', 'upsert', 'put', 'delete', 'deleteRange'] as const;

/** Reads one whole message: what is left over is corrupt, too. */
function whole<T>(bytes: Uint8Array, read: (input: ByteReader) => T): T {
  const input = new ByteReader(bytes);
  const message = read(input);
  input.end();
  return message;
}

function writeHeader(out: ByteWriter, header: TxnHeader): ByteWriter {
  out.varint(header.split);
  writeTxnId(out, header.txn);
  return out.varint(header.age).varint(header.gateway).string(header.token);
}
function readHeader(input: ByteReader): TxnHeader {
  return { split: readSplitId(input), txn: readTxnId(input), age: input.varint(), gateway: readNodeId(input), token: input.string() };
}

function writeKeys(out: ByteWriter, keys: readonly Key[]): void {
  out.varint(keys.length);
  for (const key of keys) out.binary(key);
}
function readKeys(input: ByteReader): Key[] {
  const keys: Key[] = [];
  for (let n = input.count(); n > 0; n--) keys.push(input.binary() as Key);
  return keys;
}

function writeChecks(out: ByteWriter, { since, writes, reads }: Checks): ByteWriter {
  writeSpans(out.varint(since).bool(writes), reads);
  return out;
}
function readChecks(input: ByteReader): Checks {
  return { since: timestamp(input.varint()), writes: input.bool(), reads: readSpans(input) };
}

function readLock(input: ByteReader): LockMode {
  const mode = LOCK_MODES[input.u8()];
  if (mode === undefined) throw new CorruptBytes('unknown lock mode');
  return mode;
}

export function encodeGet(request: GetRequest): Uint8Array {
  const out = writeHeader(new ByteWriter(), request).u8(LOCK_MODES.indexOf(request.lock));
  writeKeys(out, request.keys);
  return out.bytes(request.fragment).view();
}
export function decodeGet(bytes: Uint8Array): GetRequest {
  return whole(bytes, (input) => ({ ...readHeader(input), lock: readLock(input), keys: readKeys(input), fragment: input.bytes() }));
}

export function writeGetAnswer(out: ByteWriter, { records, scanned }: GetAnswer): void {
  out.varint(scanned).varint(records.length);
  for (const record of records) {
    out.bool(record !== undefined);
    if (record !== undefined) out.bytes(record);
  }
}
export function readGetAnswer(input: ByteReader): GetAnswer {
  const scanned = input.varint();
  const records: (Uint8Array | undefined)[] = [];
  for (let n = input.count(); n > 0; n--) records.push(input.bool() ? input.bytes() : undefined);
  return { records, scanned };
}

/** Most ranges are all keys that begin with some bytes: then these are enough. */
const IS_PREFIX = 1;
const HAS_TAG = 2;

function writeParts(out: ByteWriter, parts: readonly RangePart[]): void {
  out.varint(parts.length);
  for (const { from, to, tag = 0 } of parts) {
    const isPrefix = prefixEnd(from) === to;
    out.binary(from).u8((isPrefix ? IS_PREFIX : 0) | (tag > 0 ? HAS_TAG : 0));
    if (!isPrefix) out.binary(to);
    if (tag > 0) out.varint(tag);
  }
}
function readParts(input: ByteReader): RangePart[] {
  const parts: RangePart[] = [];
  for (let n = input.count(); n > 0; n--) {
    const from = input.binary() as Key;
    const form = input.u8();
    const to = (form & IS_PREFIX) === 0 ? (input.binary() as Key) : prefixEnd(from);
    if (to === undefined || form > (IS_PREFIX | HAS_TAG)) throw new CorruptBytes('part of a range without an end');
    parts.push({ from, to, ...((form & HAS_TAG) === 0 ? {} : { tag: input.varint() }) });
  }
  return parts;
}

function writeScanSpec(out: ByteWriter, spec: ScanSpec): void {
  out.binary(spec.from).binary(spec.to).bool(spec.reverse).varint(spec.limit).bytes(spec.fragment);
  writeParts(out, spec.within);
  out.varint(spec.each);
}
function readScanSpec(input: ByteReader): ScanSpec {
  return { from: input.binary() as Key, to: input.binary() as Key, reverse: input.bool(), limit: input.varint(), fragment: input.bytes(), within: readParts(input), each: input.varint() };
}

export function encodeScan(request: ScanRequest): Uint8Array {
  const out = writeHeader(new ByteWriter(), request).u8(LOCK_MODES.indexOf(request.lock));
  writeScanSpec(out, request);
  return out.view();
}
export function decodeScan(bytes: Uint8Array): ScanRequest {
  return whole(bytes, (input) => ({ ...readHeader(input), lock: readLock(input), ...readScanSpec(input) }));
}
export function writeScanAnswer(out: ByteWriter, answer: ScanAnswer): void {
  const { token, rows, scanned, last, done } = answer;
  out.string(token).bool(done).varint(scanned).bool(last !== undefined);
  if (last !== undefined) out.binary(last);
  out.varint(rows.length);
  for (const row of rows) out.binary(row.key).bytes(row.record);
}
export function readScanAnswer(input: ByteReader): ScanAnswer {
  const token = input.string();
  const done = input.bool();
  const scanned = input.varint();
  const last = input.bool() ? (input.binary() as Key) : undefined;
  const rows: Row[] = [];
  for (let n = input.count(); n > 0; n--) rows.push({ key: input.binary() as Key, record: input.bytes() });
  return { token, rows, scanned, last, done };
}

export function encodeSnapshotGet(request: SnapshotGetRequest): Uint8Array {
  const out = new ByteWriter().varint(request.split).varint(request.at).varint(request.schemaVersion);
  writeKeys(out, request.keys);
  return out.bytes(request.fragment).view();
}
export function decodeSnapshotGet(bytes: Uint8Array): SnapshotGetRequest {
  return whole(bytes, (input) => ({ split: readSplitId(input), at: timestamp(input.varint()), schemaVersion: timestamp(input.varint()), keys: readKeys(input), fragment: input.bytes() }));
}
export function encodeSnapshotScan(request: SnapshotScanRequest): Uint8Array {
  const out = new ByteWriter().varint(request.split).varint(request.at).varint(request.schemaVersion);
  writeScanSpec(out, request);
  return out.view();
}
export function decodeSnapshotScan(bytes: Uint8Array): SnapshotScanRequest {
  return whole(bytes, (input) => ({ split: readSplitId(input), at: timestamp(input.varint()), schemaVersion: timestamp(input.varint()), ...readScanSpec(input) }));
}

function writeOps(out: ByteWriter, ops: readonly WriteOp[]): void {
  out.varint(ops.length);
  for (const op of ops) {
    out.u8(OP_KINDS.indexOf(op.kind));
    if (op.kind === 'deleteRange') {
      out.binary(op.from).binary(op.to);
      continue;
    }
    out.binary(op.key);
    if (op.kind === 'delete') continue;
    out.varint(op.cells.length);
    for (const cell of op.cells) out.varint(cell.column).bytes(cell.value);
  }
}
function readOps(input: ByteReader): WriteOp[] {
  const ops: WriteOp[] = [];
  for (let n = input.count(); n > 0; n--) {
    const kind = OP_KINDS[input.u8()];
    if (kind === undefined) throw new CorruptBytes('unknown write');
    const key = input.binary() as Key;
    if (kind === 'deleteRange') ops.push({ kind, from: key, to: input.binary() as Key });
    else if (kind === 'delete') ops.push({ kind, key });
    else {
      const cells: Cell[] = [];
      for (let c = input.count(); c > 0; c--) cells.push({ column: input.varint(), value: input.bytes() });
      ops.push({ kind, key, cells });
    }
  }
  return ops;
}

/** `capacity`: bytes that the request will have, about. */
export function encodeCommit(request: CommitRequest, capacity?: number): Uint8Array {
  const out = writeHeader(new ByteWriter(capacity), request).varint(request.generation).varint(request.maxDelayMicros).varint(request.schemaVersion);
  writeOps(writeChecks(out, request.checks).varint(request.fixed), request.ops);
  return out.view();
}
export function decodeCommit(bytes: Uint8Array): CommitRequest {
  return whole(bytes, (input) => ({ ...readHeader(input), generation: input.varint(), maxDelayMicros: input.varint(), schemaVersion: timestamp(input.varint()), checks: readChecks(input), fixed: timestamp(input.varint()), ops: readOps(input) }));
}

export function encodePrepare(request: PrepareRequest, capacity?: number): Uint8Array {
  const out = writeHeader(new ByteWriter(capacity), request).varint(request.coordinator).varint(request.maxDelayMicros).varint(request.schemaVersion);
  writeOps(writeChecks(out, request.checks).varint(request.fixed), request.ops);
  return out.view();
}
export function decodePrepare(bytes: Uint8Array): PrepareRequest {
  return whole(bytes, (input) => ({ ...readHeader(input), coordinator: readSplitId(input), maxDelayMicros: input.varint(), schemaVersion: timestamp(input.varint()), checks: readChecks(input), fixed: timestamp(input.varint()), ops: readOps(input) }));
}

export function encodeDecide(request: DecideRequest): Uint8Array {
  const out = writeHeader(new ByteWriter(), request).varint(request.floor).varint(request.ceiling).varint(request.participants.length);
  for (const split of request.participants) out.varint(split);
  return out.view();
}
export function decodeDecide(bytes: Uint8Array): DecideRequest {
  return whole(bytes, (input) => {
    const header = readHeader(input);
    const floor = timestamp(input.varint());
    const ceiling = timestamp(input.varint());
    return { ...header, floor, ceiling, participants: readSplitIds(input) };
  });
}

export function encodeOutcome(request: OutcomeRequest): Uint8Array {
  const out = new ByteWriter().varint(request.split);
  writeTxnId(out, request.txn);
  return out.varint(request.timestamp).view();
}
export function decodeOutcome(bytes: Uint8Array): OutcomeRequest {
  return whole(bytes, (input) => ({ split: readSplitId(input), txn: readTxnId(input), timestamp: timestamp(input.varint()) }));
}

export function encodeFence(request: FenceRequest): Uint8Array {
  return new ByteWriter().varint(request.split).binary(request.at).varint(request.version).view();
}
export function decodeFence(bytes: Uint8Array): FenceRequest {
  return whole(bytes, (input) => ({ split: readSplitId(input), at: input.binary() as Key, version: timestamp(input.varint()) }));
}

/** A bare reference to a transaction at a split: release and status. */
export function encodeReference(split: SplitId, txn: TxnId): Uint8Array {
  const out = new ByteWriter().varint(split);
  writeTxnId(out, txn);
  return out.view();
}
export function decodeReference(bytes: Uint8Array): { readonly split: SplitId; readonly txn: TxnId } {
  return whole(bytes, (input) => ({ split: readSplitId(input), txn: readTxnId(input) }));
}

export function encodeIds(ids: readonly TxnId[]): Uint8Array {
  const out = new ByteWriter().varint(ids.length);
  for (const id of ids) writeTxnId(out, id);
  return out.view();
}
export function decodeIds(bytes: Uint8Array): TxnId[] {
  return whole(bytes, (input) => {
    const ids: TxnId[] = [];
    for (let n = input.count(); n > 0; n--) ids.push(readTxnId(input));
    return ids;
  });
}

/** Which of a node's replicas in the range knows the transaction? */
export interface FindRequest {
  readonly txn: TxnId;
  readonly from: Key;
  readonly to: Key;
}
export type Found =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'committed'; readonly timestamp: Timestamp }
  | { readonly kind: 'prepared'; readonly coordinator: SplitId };

export function encodeFind({ txn, from, to }: FindRequest): Uint8Array {
  const out = new ByteWriter();
  writeTxnId(out, txn);
  return out.binary(from).binary(to).finish();
}
export function decodeFind(bytes: Uint8Array): FindRequest {
  return whole(bytes, (input) => ({ txn: readTxnId(input), from: input.binary() as Key, to: input.binary() as Key }));
}
const FOUND_KINDS = ['unknown', 'committed', 'prepared'] as const;
export function writeFound(out: ByteWriter, found: Found): void {
  out.u8(FOUND_KINDS.indexOf(found.kind)).varint(found.kind === 'committed' ? found.timestamp : found.kind === 'prepared' ? found.coordinator : 0);
}
export function readFound(input: ByteReader): Found {
  const kind = FOUND_KINDS[input.u8()];
  if (kind === undefined) throw new CorruptBytes('unknown kind of outcome');
  if (kind === 'prepared') return { kind, coordinator: readSplitId(input) };
  const at = timestamp(input.varint());
  return kind === 'committed' ? { kind, timestamp: at } : { kind };
}

/** As `status`, of a part of a split: so that none is left out when splits are cut. */
export interface SettleRequest extends FindRequest {
  readonly split: SplitId;
}
export function encodeSettle({ split, ...find }: SettleRequest): Uint8Array {
  return new ByteWriter().varint(split).raw(encodeFind(find)).finish();
}
export function decodeSettle(bytes: Uint8Array): SettleRequest {
  return whole(bytes, (input) => ({ split: readSplitId(input), txn: readTxnId(input), from: input.binary() as Key, to: input.binary() as Key }));
}

const STATUS_KINDS = ['pending', 'aborted', 'committed'] as const;
export function writeStatus(out: ByteWriter, status: StatusAnswer): void {
  out.u8(STATUS_KINDS.indexOf(status.kind)).varint(status.kind === 'committed' ? status.timestamp : 0);
}
export function readStatus(input: ByteReader): StatusAnswer {
  const kind = STATUS_KINDS[input.u8()];
  const at = timestamp(input.varint());
  if (kind === undefined) throw new CorruptBytes('unknown transaction status');
  return kind === 'committed' ? { kind, timestamp: at } : { kind };
}

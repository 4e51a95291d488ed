/**
 * The format record of a data folder: which program may open it, and for which node of which cluster.
 *
 *   'f'   "trestle" 00, format version (4 bytes), node id (varint), cluster id (string); crc32 of all before
 *
 * It is written once, synchronously, into an empty folder, and checked before anything else is read. A folder that is
 * not ours, or newer than this program, is left exactly as it is.
 */
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, CorruptBytes } from '../base/bytes.ts';
import { dataLoss, failedPrecondition, TrestleError } from '../base/errors.ts';
import type { Key } from '../base/ids.ts';
import { DiskError, type Disk } from './disk.ts';

/** Raised when a format changes. Before 1.0.0 a program reads its own alone. */
export const FORMAT_VERSION = 3;

const FORMAT_KEY = 'f' as Key;
const FIRST_KEY = '' as Key;
const AFTER_ALL = '\u00ff\u00ff' as Key;
const MAGIC = Buffer.from('trestle\0', 'latin1');
const CHECKSUM_LENGTH = 4;

/** Whose data a folder holds. */
export interface FolderIdentity {
  readonly node: number;
  readonly cluster: string;
}

export function encodeFormat(identity: FolderIdentity, version: number = FORMAT_VERSION): Uint8Array {
  const out = new ByteWriter().raw(MAGIC).u32(version).varint(identity.node).string(identity.cluster);
  return out.u32(crc32(out.view())).finish();
}

/**
 * Checks that the disk belongs to this node of this cluster, marking it so when it is empty. `folder` names it in errors.
 * Throws FAILED_PRECONDITION (another node's, another cluster's, a newer version's, not ours) or DATA_LOSS.
 */
export async function checkFormat(disk: Disk, identity: FolderIdentity, folder: string): Promise<void> {
  const found = await readIdentity(disk, folder);
  if (found === undefined) {
    await writeFormat(disk, identity);
    return;
  }
  if (found.cluster !== identity.cluster) {
    throw failedPrecondition(`data folder ${folder} belongs to cluster '${found.cluster}', not to '${identity.cluster}'. Use another folder, or remove this one if its data is no longer wanted`);
  }
  if (found.node !== identity.node) {
    throw failedPrecondition(`data folder ${folder} belongs to node ${found.node}, not to node ${identity.node}. Start the node with its own folder`);
  }
}

/** Whose data the disk holds; undefined when it is empty. Throws as `checkFormat`. Writes nothing. */
export async function readIdentity(disk: Disk, folder: string): Promise<FolderIdentity | undefined> {
  const value = disk.getSync(FORMAT_KEY);
  if (value !== undefined) return decodeFormat(value, folder);
  const iterator = disk.iterate(FIRST_KEY, AFTER_ALL, false);
  const entries = await iterator.next(1);
  await iterator.close();
  if (entries.length > 0) throw failedPrecondition(`folder ${folder} holds a database that is not Trestle's. Use another folder`);
  return undefined;
}

function decodeFormat(value: Uint8Array, folder: string): FolderIdentity {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = bytes.length - CHECKSUM_LENGTH;
  if (end < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw failedPrecondition(`folder ${folder} holds a database that is not Trestle's. Use another folder`);
  }
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) throw damaged(folder);
  try {
    const input = new ByteReader(bytes.subarray(MAGIC.length, end));
    const version = input.u32();
    if (version !== FORMAT_VERSION) {
      throw failedPrecondition(`data folder ${folder} has format ${version}; this program reads format ${FORMAT_VERSION} only. Use ${version > FORMAT_VERSION ? 'a newer' : 'the older'} version of Trestle`);
    }
    const node = input.varint();
    const cluster = input.string();
    input.end();
    return { node, cluster };
  } catch (error) {
    if (error instanceof CorruptBytes) throw damaged(folder);
    throw error;
  }
}

const damaged = (folder: string): TrestleError =>
  dataLoss(`the format record of data folder ${folder} is damaged. Restore the folder, or remove it and let the node be filled from its peers`);

function writeFormat(disk: Disk, identity: FolderIdentity): Promise<void> {
  return new Promise((resolve, reject) => {
    disk.batch([{ key: FORMAT_KEY, value: encodeFormat(identity) }], (error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

/** What a DiskError at opening means to whoever started the node. */
export function openingError(error: unknown, folder: string): TrestleError {
  if (error instanceof TrestleError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const failure = error instanceof DiskError ? error.failure : 'io';
  if (failure === 'locked') return failedPrecondition(`data folder ${folder} is in use by another process. Stop that one first, or use another folder`);
  if (failure === 'full') return failedPrecondition(`data folder ${folder} cannot be opened: the disk is full. Free some space and try again`);
  if (failure === 'corrupt') return dataLoss(`data folder ${folder} is corrupt (${detail}). Restore it, or remove it and let the node be filled from its peers`);
  return failedPrecondition(`data folder ${folder} cannot be opened (${detail})`);
}

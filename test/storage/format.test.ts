import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { checkFormat, encodeFormat, FORMAT_VERSION, openingError, readIdentity } from '../../src/storage/format.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { k, RealEnvironment, text, hex } from './support.ts';

const ME = { node: 3, cluster: 'c0ffee' };
const env = new RealEnvironment();
const write = (disk: MemoryDisk, key: string, value: Uint8Array): Promise<void> => new Promise((resolve) => disk.batch([{ key: k(key), value }], () => resolve()));
async function contents(disk: MemoryDisk): Promise<string[]> {
  return (await disk.iterate(k(''), k('\xff\xff'), false).next(100)).map(({ key, value }) => `${key}=${hex(value)}`);
}
/** The format check refuses, and leaves the disk as it is. */
async function refused(disk: MemoryDisk, code: number, message: RegExp): Promise<void> {
  const before = await contents(disk);
  await expect(checkFormat(disk, ME, '/data')).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(await contents(disk)).toEqual(before);
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('the format record', () => {
  it('marks an empty folder, and lets the same node in again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'format-'));
    folders.push(folder);
    for (let i = 0; i < 2; i++) {
      const disk = await openLevelDisk(folder);
      await checkFormat(disk, ME, folder);
      expect(await readIdentity(disk, folder)).toEqual(ME);
      await disk.close();
    }
  });

  it('keeps out another node, another cluster, another format, a stranger', async () => {
    const disk = (): MemoryDisk => new MemoryDisk(env.scheduler);
    const another = disk();
    await write(another, 'f', encodeFormat({ ...ME, node: 4 }));
    await refused(another, Code.FAILED_PRECONDITION, /belongs to node 4, not to node 3/);
    const foreign = disk();
    await write(foreign, 'f', encodeFormat({ ...ME, cluster: 'other' }));
    await refused(foreign, Code.FAILED_PRECONDITION, /belongs to cluster 'other'.*Use another folder/);
    const newer = disk();
    await write(newer, 'f', encodeFormat(ME, FORMAT_VERSION + 1));
    await refused(newer, Code.FAILED_PRECONDITION, /Use a newer version/);
    const older = disk();
    await write(older, 'f', encodeFormat(ME, FORMAT_VERSION - 1));
    await refused(older, Code.FAILED_PRECONDITION, /Use the older version/);
    const stranger = disk();
    await write(stranger, 'f', text('something else entirely'));
    await refused(stranger, Code.FAILED_PRECONDITION, /not Trestle's/);
    const unmarked = disk();
    await write(unmarked, 'x', text('y'));
    await refused(unmarked, Code.FAILED_PRECONDITION, /not Trestle's/);
  });

  it('finds every damaged bit', async () => {
    const record = encodeFormat(ME);
    for (let i = 0; i < record.length * 8; i++) {
      const damaged = new Uint8Array(record);
      damaged[i >> 3] = (damaged[i >> 3] ?? 0) ^ (1 << (i & 7));
      const disk = new MemoryDisk(env.scheduler);
      await write(disk, 'f', damaged);
      await expect(checkFormat(disk, ME, '/data')).rejects.toThrow(/damaged|not Trestle's/);
    }
  });

  it('has the golden bytes', () => {
    expect(hex(encodeFormat(ME))).toMatchSnapshot();
  });

  it('says who is to stop when the folder is in use', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'format-'));
    folders.push(folder);
    const disk = await openLevelDisk(folder);
    const error: unknown = await openLevelDisk(folder).catch((e: unknown) => e);
    expect(openingError(error, folder)).toMatchObject({ code: Code.FAILED_PRECONDITION, message: expect.stringContaining('in use by another process') });
    await disk.close();
  });
});

import { expect, it } from 'vitest';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { temporaryFolders } from './folders.ts';
import { k } from './support.ts';

const folder = temporaryFolders('resources-');

it('ends scans that are open with the store', async () => {
  const disk = await openLevelDisk(folder());
  await new Promise<void>((resolve) => {
    disk.batch([{ key: k('a'), value: Buffer.of(1) }, { key: k('b'), value: Buffer.of(2) }], () => resolve());
  });
  const ended = disk.iterate(k('a'), k('z'), false);
  expect(await ended.next(10)).toHaveLength(2);
  await ended.close();
  const open = disk.iterate(k('a'), k('z'), false);
  expect(await open.next(1)).toHaveLength(1);
  await disk.close();
  await expect(open.next(1)).rejects.toThrow();
});

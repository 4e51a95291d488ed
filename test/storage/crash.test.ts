/** What a killed process leaves on a real disk. A kill loses nothing of the operating system's, so it shows our own order of writes, not fsync. */
import { spawn } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import type { Key } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { openingError } from '../../src/storage/format.ts';
import { JOURNAL_PREFIX, journalKey, sequenceOf } from '../../src/storage/journal.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { openNodeDisk } from '../../src/storage/node-disk.ts';
import { temporaryFolders } from './folders.ts';
import { drain, k, RealEnvironment } from './support.ts';

const WRITER = fileURLToPath(new URL('crash-writer.ts', import.meta.url));
const newFolder = temporaryFolders('crash-');

/** Lets the writer write for a while and kills it; the numbers that it called durable. */
function writeAndKill(folder: string, first: number, acknowledgements: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--experimental-strip-types', '--no-warnings', WRITER, folder, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('latin1').on('data', (part: string) => {
      output += part;
      if (output.length > acknowledgements * 3) child.kill('SIGKILL');
    });
    child.on('error', reject).on('close', (_, signal) => {
      // The last line may be cut off.
      if (signal !== 'SIGKILL') reject(new Error('the writer ended by itself'));
      else resolve(output.slice(0, output.lastIndexOf('\n') + 1).split('\n').filter((line) => line !== '').map(Number));
    });
  });
}

describe('a killed process', () => {
  it('leaves everything it called durable, in order, and nothing half written', async () => {
    const folder = newFolder();
    const random = new SeededRandom(7);
    let first = 0;
    let ahead = 0;
    for (let round = 0; round < 4 || (ahead === 0 && round < 12); round++) {
      const durable = await writeAndKill(folder, first, 50 + random.int(2000));
      expect(durable.length).toBeGreaterThan(0);
      const engine = openEngine(await openNodeDisk(folder), new RealEnvironment());
      const records = (await drain(engine.scan(JOURNAL_PREFIX, k('k')), 1000)).map(({ key }) => sequenceOf(key));
      const [as, bs] = [await drain(engine.scan(k('a'), k('b')), 1000), await drain(engine.scan(k('b'), k('c')), 1000)];
      expect(as.map(({ key }) => key.slice(1))).toEqual(bs.map(({ key }) => key.slice(1)));
      // A prefix of what was written, without gaps: no later write without the earlier ones.
      expect(as.map(({ key }) => Number(key.slice(1)))).toEqual(as.map((_, i) => i));
      expect(records.at(-1)).toBeGreaterThan(durable.at(-1) ?? Infinity);
      if (records.at(-1) !== as.length) ahead++;
      // The journal is at least as far, without gaps from what is wanted on.
      expect(records).toEqual(records.map((_, i) => (records[0] ?? 0) + i));
      expect(records.at(-1)).toBeGreaterThanOrEqual(as.length);
      expect(records[0]).toBeLessThanOrEqual(Math.max(1, as.length));
      first = records.at(-1) ?? 0;
      for (let n = as.length; n < first; n++) engine.write([{ key: k(`a${String(n).padStart(8, '0')}`), value: Buffer.of(1) }, { key: k(`b${String(n).padStart(8, '0')}`), value: Buffer.of(1) }]);
      await engine.close();
    }
    expect(ahead).toBeGreaterThan(0);
  });
});

describe('a damaged store', () => {
  it('is reported as corrupt', async () => {
    const folder = newFolder();
    const disk = await openLevelDisk(folder);
    await disk.close();
    for (const name of readdirSync(folder)) if (name.startsWith('MANIFEST')) writeFileSync(join(folder, name), 'garbage garbage garbage garbage');
    const error: unknown = await openLevelDisk(folder).catch((e: unknown) => e);
    expect(error).toMatchObject({ failure: 'corrupt' });
    expect(openingError(error, folder)).toMatchObject({ code: Code.DATA_LOSS });
  });
});

async function damageMark(folder: string): Promise<void> {
  const level = await openLevelDisk(folder);
  await new Promise<void>((resolve) => level.batch([{ key: k('l'), value: Buffer.from('nonsense') }], () => resolve()));
  await level.close();
}

describe('a damaged journal', () => {
  it.each([
    ['its files are gone', async (folder: string): Promise<void> => rmSync(join(folder, 'journal'), { recursive: true })],
    ['its mark is damaged', damageMark],
  ])('is lost data: %s', async (_, damage) => {
    const folder = newFolder();
    const disk = await openNodeDisk(folder);
    const written = (ops: readonly { key: Key; value: Buffer }[]): Promise<void> => new Promise((resolve, reject) => disk.batch(ops, (error) => (error === undefined ? resolve() : reject(error))));
    await written([{ key: journalKey(1), value: Buffer.from('one') }, { key: k('a'), value: Buffer.from('x') }]);
    await disk.close();
    await damage(folder);
    const error: unknown = await openNodeDisk(folder).catch((e: unknown) => e);
    expect(openingError(error, folder)).toMatchObject({ code: Code.DATA_LOSS });
  });
});

describe('keys on LevelDB', () => {
  it('keep byte order over all bytes', async () => {
    const disk = await openLevelDisk(newFolder());
    const keys = Array.from({ length: 256 }, (_, a) => [0, 1, 0x7f, 0x80, 0xc2, 0xff].map((b) => String.fromCharCode(a, b))).flat();
    await new Promise<void>((resolve) => disk.batch(keys.toReversed().map((key) => ({ key: k(key), value: Buffer.from(key, 'latin1') })), () => resolve()));
    const found: string[] = [];
    const iterator = disk.iterate(k(''), k('\xff\xff\xff'), false);
    for (let batch = await iterator.next(100); batch.length > 0; batch = await iterator.next(100)) found.push(...batch.map(({ key }) => key));
    await iterator.close();
    expect(found).toEqual(keys);
    for (const key of keys) expect(Buffer.from(disk.getSync(k(key)) ?? []).toString('latin1')).toBe(key);
    await disk.close();
  });
});

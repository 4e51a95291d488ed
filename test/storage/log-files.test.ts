/** The files of the journal on a real disk: what comes back after a good end, a torn one, and damage. */
import * as fc from 'fast-check';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogFiles, SEGMENT_BYTES, type LogBounds } from '../../src/storage/log-files.ts';
import { temporaryFolders } from './folders.ts';

const newFolder = temporaryFolders('log-');

const FROM_THE_START: LogBounds = { floor: 1, last: 0 };
/** Of a group of one record. */
const HEADER_BYTES = 28;
const append = (log: LogFiles, ...values: Buffer[]): Promise<void> =>
  new Promise((resolve, reject) => {
    log.append(log.nextSequence, values, (error) => (error === undefined ? resolve() : reject(error)));
  });
const contents = (log: LogFiles): string[] => {
  const found: string[] = [];
  for (let n = log.firstSequence; n < log.nextSequence; n++) found.push(log.get(n)?.toString('latin1') ?? 'missing');
  return found;
};
const filesOf = (folder: string): string[] => readdirSync(join(folder, 'journal')).toSorted().map((name) => join(folder, 'journal', name));
const valueOf = (n: number, bytes: number): Buffer => Buffer.alloc(bytes, `<${String(n)}>`);
const caught = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

async function written(folder: string, values: readonly string[]): Promise<void> {
  const log = LogFiles.open(folder, FROM_THE_START);
  for (const value of values) await append(log, Buffer.from(value));
  await log.close();
}

describe('the files of the journal', () => {
  it('behave as a list, opened again or not', async () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 300_000, max: 1_500_000 }), fc.constant(SEGMENT_BYTES + 1000));
    const step = fc.oneof({ weight: 6, arbitrary: fc.array(size, { minLength: 1, maxLength: 5 }).map((sizes) => ({ append: sizes })) }, { weight: 2, arbitrary: fc.nat(100).map((percent) => ({ forget: percent })) }, { weight: 1, arbitrary: fc.constant('open' as const) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const folder = newFolder();
        const model: number[] = [];
        let floor = 1;
        let log = LogFiles.open(folder, FROM_THE_START);
        for (const one of [...steps, 'open' as const]) {
          if (one === 'open') {
            await log.close();
            log = LogFiles.open(folder, { floor, last: model.length });
          } else if ('append' in one) {
            const first = model.length + 1;
            model.push(...one.append);
            await append(log, ...one.append.map((bytes, i) => valueOf(first + i, bytes)));
          } else {
            floor += Math.floor(((model.length + 1 - floor) * one.forget) / 100);
            log.forget(floor);
          }
        }
        expect([log.firstSequence, log.nextSequence]).toEqual([floor, model.length + 1]);
        for (let n = floor; n <= model.length; n++) expect(log.get(n)?.equals(valueOf(n, model[n - 1] ?? 0))).toBe(true);
        await log.close();
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it('are used again: a long life needs a few of them', async () => {
    const folder = newFolder();
    const log = LogFiles.open(folder, FROM_THE_START);
    for (let n = 1; n <= 120; n++) {
      await append(log, valueOf(n, 400_000));
      if (n > 10) log.forget(n - 10);
    }
    expect(contents(log).length).toBe(11);
    expect(filesOf(folder).length).toBeLessThan(6);
    expect(filesOf(folder).map((file) => statSync(file).size)).toEqual(filesOf(folder).map(() => SEGMENT_BYTES));
    await log.close();
  });

  it('end before a group that is torn, wherever it is torn, and go on there', async () => {
    const folder = newFolder();
    await written(folder, ['one', 'two']);
    let log = LogFiles.open(folder, FROM_THE_START);
    await append(log, Buffer.from('three'), Buffer.from('and four'));
    await log.close();
    const [file = ''] = filesOf(folder);
    const whole = readFileSync(file);
    const start = 2 * HEADER_BYTES + 'onetwo'.length;
    const end = start + HEADER_BYTES + 'threefour'.length + 'and '.length + 4;
    for (let cut = start; cut < end; cut++) {
      for (const rest of [0, 0xff]) {
        const torn = Buffer.from(whole);
        torn.fill(rest, cut, end);
        if (torn.equals(whole)) continue;
        const other = newFolder();
        cpSync(folder, other, { recursive: true });
        writeFileSync(filesOf(other)[0] ?? '', torn);
        log = LogFiles.open(other, { floor: 1, last: 2 });
        expect(contents(log)).toEqual(['one', 'two']);
        await append(log, Buffer.from('3'));
        await append(log, Buffer.from('four'));
        await log.close();
        const again = LogFiles.open(other, { floor: 1, last: 2 });
        expect(contents(again)).toEqual(['one', 'two', '3', 'four']);
        await again.close();
        rmSync(other, { recursive: true });
      }
    }
  });

  it('do not mind a file that was being made, nor one that is not theirs', async () => {
    const folder = newFolder();
    await written(folder, ['one']);
    for (const [name, bytes] of [['000008.log', 0], ['000009.log', 10], ['000010.log', 1 << 20], ['notes.txt', 5]] as const) writeFileSync(join(folder, 'journal', name), Buffer.alloc(bytes));
    const log = LogFiles.open(folder, { floor: 1, last: 1 });
    expect(contents(log)).toEqual(['one']);
    expect(readdirSync(join(folder, 'journal')).toSorted()).toEqual(['000001.log', 'notes.txt']);
    await append(log, Buffer.alloc(SEGMENT_BYTES - 20));
    await log.close();
    expect(readdirSync(join(folder, 'journal'))).toContain('000011.log');
  });

  it('do not mistake what earlier use left behind for records', async () => {
    const folder = newFolder();
    let log = LogFiles.open(folder, FROM_THE_START);
    for (let n = 1; n <= 40; n++) {
      await append(log, valueOf(n, 500_000));
      log.forget(n);
    }
    await log.close();
    log = LogFiles.open(folder, { floor: 40, last: 40 });
    expect([log.firstSequence, log.nextSequence]).toEqual([40, 41]);
    await log.close();
  });

  it('say so when a record that must be there is damaged, lost, or was never written', async () => {
    const folder = newFolder();
    await written(folder, ['one', 'two', 'three']);
    const [file = ''] = filesOf(folder);
    const whole = readFileSync(file);
    const secondEnds = 2 * HEADER_BYTES + 6;
    for (let at = 0; at < secondEnds; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      writeFileSync(file, damaged);
      expect(caught(() => LogFiles.open(folder, FROM_THE_START)), `byte ${String(at)}`).toMatchObject({ failure: 'corrupt' });
    }
    const last = Buffer.from(whole);
    last[secondEnds + HEADER_BYTES] = 0;
    writeFileSync(file, last);
    expect(caught(() => LogFiles.open(folder, { floor: 1, last: 3 }))).toMatchObject({ failure: 'corrupt', message: 'record 3 of the journal is missing, and there were 3' });
    rmSync(file);
    expect(caught(() => LogFiles.open(folder, { floor: 1, last: 3 }))).toMatchObject({ failure: 'corrupt' });
    expect(caught(() => LogFiles.open(folder, { floor: 4, last: 3 }))).toBeInstanceOf(LogFiles);
  });

  it('say so when one of them is gone', async () => {
    const folder = newFolder();
    const log = LogFiles.open(folder, FROM_THE_START);
    for (let n = 1; n <= 20; n++) await append(log, valueOf(n, 1_000_000));
    await log.close();
    const files = filesOf(folder);
    expect(files.length).toBeGreaterThan(4);
    for (const lost of [0, 1, 2]) {
      const other = newFolder();
      cpSync(folder, other, { recursive: true });
      rmSync(filesOf(other)[lost] ?? '');
      expect(caught(() => LogFiles.open(other, { floor: 1, last: 0 }))).toMatchObject({ failure: 'corrupt' });
    }
  });
});

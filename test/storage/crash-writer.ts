/**
 * A process that writes until it is killed: pairs of entries that must stay together, and a record of the journal before
 * each; the number of each pair on standard output once it is durable. Run by crash.test.ts with the folder and the first number as arguments.
 */
import { writeSync } from 'node:fs';
import type { Key } from '../../src/base/ids.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { journalKey } from '../../src/storage/journal.ts';
import { openNodeDisk } from '../../src/storage/node-disk.ts';
import { RealEnvironment } from './support.ts';

const [folder = '', first = '0'] = process.argv.slice(2);
const engine = openEngine(await openNodeDisk(folder), new RealEnvironment());
let next = Number(first);
/** Records of the journal before that are given up. */
const KEPT = 3_000;

function write(): void {
  for (let i = 0; i < 20; i++) {
    const n = next++;
    const value = Buffer.alloc(200, String(n));
    engine.writeLog([{ key: journalKey(n + 1), value }]);
    if (n >= KEPT) engine.writeState([{ key: journalKey(n + 1 - KEPT), value: undefined }]);
    engine.write([
      { key: `a${String(n).padStart(8, '0')}` as Key, value },
      { key: `b${String(n).padStart(8, '0')}` as Key, value },
    ]);
    engine.sync(() => writeSync(1, `${n}\n`));
  }
  setImmediate(write);
}
write();

/**
 * A process that writes until it is killed: pairs of entries that must stay together, and a record of the journal before
 * each; the number of each pair on standard output once its record is durable, and by turns the pair, too. Run by crash.test.ts with the folder and the first number as arguments.
 */
import { writeSync } from 'node:fs';
import type { Key } from '../../src/base/ids.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { journalKey } from '../../src/storage/journal.ts';
import { openNodeDisk } from '../../src/storage/node-disk.ts';
import { RealEnvironment } from './support.ts';

const [folder = '', first = '0'] = process.argv.slice(2);
const engine = openEngine(await openNodeDisk(folder), new RealEnvironment(), { stateBytes: 1 << 16 });
let next = Number(first);
/** By turns a pair is state, which the disk gets beside the journal, and what waits for both. */
const isState = (n: number): boolean => n % 1_000 < 980;
/** Records of the journal before that are given up. */
const KEPT = 3_000;

function write(): void {
  for (let i = 0; i < 20; i++) {
    const n = next++;
    const value = Buffer.alloc(200, String(n));
    engine.writeLog([{ key: journalKey(n + 1), value }]);
    if (n >= KEPT) engine.writeState([{ key: journalKey(n + 1 - KEPT), value: undefined }]);
    const pair = ['a', 'b'].map((name) => ({ key: `${name}${String(n).padStart(8, '0')}` as Key, value }));
    if (isState(n)) engine.writeState(pair);
    else engine.write(pair);
    engine.sync(() => writeSync(1, `${n}\n`));
  }
  setImmediate(write);
}
write();

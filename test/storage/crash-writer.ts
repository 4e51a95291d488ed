/**
 * A process that writes until it is killed: pairs of entries that must stay together, the number of each pair on
 * standard output once it is durable. Run by crash.test.ts with the folder and the first number as arguments.
 */
import { writeSync } from 'node:fs';
import type { Key } from '../../src/base/ids.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { openLevelDisk } from '../../src/storage/level-disk.ts';
import { RealEnvironment } from './support.ts';

const [folder = '', first = '0'] = process.argv.slice(2);
const engine = openEngine(await openLevelDisk(folder), new RealEnvironment());
let next = Number(first);

function write(): void {
  for (let i = 0; i < 20; i++) {
    const n = next++;
    const value = Buffer.alloc(200, String(n));
    engine.write([
      { key: `a${String(n).padStart(8, '0')}` as Key, value },
      { key: `b${String(n).padStart(8, '0')}` as Key, value },
    ]);
    engine.sync(() => writeSync(1, `${n}\n`));
  }
  setImmediate(write);
}
write();

/** The scripts of testdata/, which are also an introduction to the protocol: read them in the order of their names. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runScript } from './script.ts';

const folder = new URL('testdata/', import.meta.url);

for (const name of readdirSync(folder).toSorted()) {
  test(name, () => {
    const file = new URL(name, folder);
    const source = readFileSync(file, 'utf8');
    const actual = runScript(source);
    if (process.env['TRESTLE_REWRITE'] === '1') writeFileSync(file, actual);
    else expect(actual).toBe(source);
  });
}

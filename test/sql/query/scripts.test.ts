/** Runs testdata/*.slt. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readScript, rewriting, SltDatabase, writeScript } from './slt.ts';

const FOLDER = new URL('testdata/', import.meta.url);

describe('SQL scripts', () => {
  for (const name of readdirSync(FOLDER).filter((f) => f.endsWith('.slt')).sort()) {
    it(name, async () => {
      const url = new URL(name, FOLDER);
      const cases = readScript(url);
      const database = new SltDatabase();
      const results = [];
      for (const c of cases) results.push(c.directive === '' ? c : { ...c, expected: await database.run(c) });
      if (rewriting()) writeScript(url, results);
      else for (const [i, c] of cases.entries()) expect(`${c.sql}\n----\n${results[i]?.expected ?? ''}`).toBe(`${c.sql}\n----\n${c.expected}`);
    });
  }
});

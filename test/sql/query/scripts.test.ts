/** Runs testdata/*.slt in memory. test/node and test/e2e run the same scripts on clusters. */
import { describe, it } from 'vitest';
import { checkScript, MemoryTarget, readScript, rewriting, runCase, SCRIPTS, writeScript } from './slt.ts';

describe('SQL scripts', () => {
  for (const [name, url] of SCRIPTS) {
    it(name, async () => {
      const target = new MemoryTarget();
      if (!rewriting()) {
        await checkScript(url, target);
        return;
      }
      const results = [];
      for (const c of readScript(url)) results.push(c.directive === '' ? c : { ...c, expected: (await runCase(target, c)) ?? '' });
      writeScript(url, results);
    });
  }
});

/** The GoogleSQL conformance corpus in process, when it is there. Prints the rate; falls below the target only with a reason. */
import { describe, expect, it } from 'vitest';
import { SqlEngine } from '../../../src/sql/engine.ts';
import { KEY_PREFIX } from './database.ts';
import { Corpus, hasCorpus, isCrash, type CaseResult } from './corpus.ts';

const TARGETS = { core: 0.99, pipe: 1 } as const;

describe.runIf(hasCorpus())('conformance', () => {
  for (const tier of ['core', 'pipe'] as const) {
    it(tier, async () => {
      const corpus = new Corpus(new SqlEngine({ keyPrefix: KEY_PREFIX }));
      const results: CaseResult[] = [];
      for (const test of corpus.cases(tier)) results.push(await corpus.run(test));
      const judged = results.filter((r) => r.verdict !== 'skip');
      const passed = judged.filter((r) => r.verdict === 'pass').length;
      process.stdout.write(`conformance ${tier}: passed ${passed} of ${judged.length} (${((100 * passed) / judged.length).toFixed(1)} %)\n`);
      expect(results.filter((r) => r.verdict === 'fail' && isCrash(r))).toEqual([]);
      expect(passed / judged.length).toBeGreaterThanOrEqual(TARGETS[tier]);
    }, 120_000);
  }
});

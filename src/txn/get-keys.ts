/** Reads by key over splits: each split is asked for its keys, again for those that did not fit, or that have moved. */
import type { Key } from '../base/ids.ts';
import type { Router } from '../splits/router.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import type { GetAnswer } from './protocol.ts';
import { Groups } from './routing.ts';

/** Asks for keys of one split; the answer may be for the first of them only, at least one. 'rerouted' when the split no longer holds them. */
export type AskKeys = (split: SplitDescriptor, keys: readonly Key[]) => Promise<GetAnswer | 'rerouted'>;

export async function getKeys(router: Router, keys: readonly Key[], ask: AskKeys): Promise<GetAnswer> {
  const records: (Uint8Array | undefined)[] = Array.from({ length: keys.length });
  let scanned = 0;
  let missing = keys.map((_, index) => index);
  while (missing.length > 0) {
    const groups = new Groups<number>(router);
    for (const index of missing) await groups.addAt(keys[index] as Key, index);
    const left: number[] = [];
    await Promise.all(
      [...groups.bySplit.values()].map(async ({ split, items }) => {
        const answer = await ask(split, items.map((index) => keys[index] as Key));
        if (answer === 'rerouted') {
          left.push(...items);
          return;
        }
        answer.records.forEach((record, i) => (records[items[i] as number] = record));
        scanned += answer.scanned;
        // Large rows come in several answers, at least one in each.
        left.push(...items.slice(Math.max(answer.records.length, 1)));
      }),
    );
    missing = left;
  }
  return { records, scanned };
}

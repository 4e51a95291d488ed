/** Reads by key over splits: each split is asked for its keys, again for those that did not fit, or that have moved. */
import type { Key } from '../base/ids.ts';
import { isWithin } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import type { GetAnswer } from './protocol.ts';
import { Groups } from './routing.ts';

/** Asks for keys of one split; the answer may be for the first of them only, at least one. 'rerouted' when the split no longer holds them. */
export type AskKeys = (split: SplitDescriptor, keys: readonly Key[]) => Promise<GetAnswer | 'rerouted'>;

export async function getKeys(router: Router, keys: readonly Key[], ask: AskKeys): Promise<GetAnswer> {
  const split = splitOfAll(router, keys);
  if (split === undefined) return await getInParts(router, keys, ask, keys.map((_, index) => index));
  const answer = await ask(split, keys);
  if (answer === 'rerouted') return await getInParts(router, keys, ask, keys.map((_, index) => index));
  if (answer.records.length === keys.length) return answer;
  const got = Math.max(answer.records.length, 1);
  const rest = await getKeys(router, keys.slice(got), ask);
  return { records: [...answer.records, ...Array.from<undefined>({ length: got - answer.records.length }), ...rest.records], scanned: answer.scanned + rest.scanned };
}

/** The split that has them all, if that is known without asking: as most reads have it. */
function splitOfAll(router: Router, keys: readonly Key[]): SplitDescriptor | undefined {
  const [first] = keys;
  if (first === undefined) return undefined;
  const split = router.locate(first);
  return split instanceof Promise || !keys.every((key) => isWithin(key, split)) ? undefined : split;
}

async function getInParts(router: Router, keys: readonly Key[], ask: AskKeys, all: readonly number[]): Promise<GetAnswer> {
  const records: (Uint8Array | undefined)[] = Array.from({ length: keys.length });
  let scanned = 0;
  let missing = all;
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

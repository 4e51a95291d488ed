/** Groups by their keys: a map for each key, inside each other. */
import { groupingKey, isPlainKey } from '../values/compare.ts';
import type { SqlType } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { Row } from './runtime.ts';

type Level<G> = Map<unknown, Level<G> | G>;

export class GroupTable<G extends object> {
  /** In the order in which they were added. */
  readonly groups: G[] = [];
  private readonly keyOf: readonly (((value: SqlValue) => unknown) | undefined)[];
  private readonly root: Level<G> = new Map();

  constructor(types: readonly SqlType[]) {
    this.keyOf = types.map((t) => (isPlainKey(t) ? undefined : groupingKey(t)));
  }

  private key(keys: Row, i: number): unknown {
    const value = keys[i] ?? null;
    const convert = this.keyOf[i];
    return convert === undefined || value === null ? value : convert(value);
  }

  find(keys: Row): G | undefined {
    if (keys.length === 0) return this.groups[0];
    let at: Level<G> | G | undefined = this.root;
    for (let i = 0; i < keys.length; i++) {
      if (!(at instanceof Map)) return undefined;
      at = at.get(this.key(keys, i));
    }
    return at === undefined || at instanceof Map ? undefined : at;
  }

  add(keys: Row, group: G): G {
    this.groups.push(group);
    let level = this.root;
    for (let i = 0; i < keys.length; i++) {
      const key = this.key(keys, i);
      if (i === keys.length - 1) {
        level.set(key, group);
        break;
      }
      let next = level.get(key);
      if (!(next instanceof Map)) level.set(key, (next = new Map<unknown, Level<G> | G>()));
      level = next;
    }
    return group;
  }
}

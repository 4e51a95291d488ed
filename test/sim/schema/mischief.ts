/** Bugs put in on purpose into schema changes, while one run lasts. */
import { NodeBackend } from '../../../src/node/backend.ts';
import { SchemaFence } from '../../../src/txn/fence.ts';
import { OpenDatabase, type DatabaseUse } from '../../../src/node/catalog.ts';
import { replace, type TxnMischief } from '../txn/mischief.ts';

export const SCHEMA_MISCHIEFS: Readonly<Record<string, TxnMischief>> = {
  /** Nobody waits for anybody: no acknowledgements, no look at the schema at commit, no fence. */
  'every-node-for-itself': () => {
    const restores = [
      replace(NodeBackend.prototype, 'settleEverywhere', () => () => Promise.resolve(true)),
      replace(OpenDatabase.prototype, 'beginCommit', (original) =>
        async function (this: object, ...args: unknown[]) {
          const use = args[0] as DatabaseUse;
          Reflect.set(this, 'schema', () => use.schema);
          try {
            return await original.apply(this, args);
          } finally {
            Reflect.deleteProperty(this, 'schema');
          }
        }),
      replace(SchemaFence.prototype, 'check', () => () => undefined),
    ];
    return () => {
      for (const restore of restores) restore();
    };
  },
};

/** Transactions over several rows: transfers between two, and writes to as many splits as asked for. */
import { randomInt, type Workload } from '../harness/workload.ts';

const PARTICIPANTS = [1, 2, 5, 10, 25, 50, 100, 200];

const spread = (participants: number): Workload => ({
  name: `spread${String(participants)}`,
  about: `one transaction that writes a row in each of ${String(participants)} splits (run with at least as many: --splits)`,
  operation: (client, { rows, splits }) => {
    if (client.writeAll === undefined || splits < participants) return undefined;
    const width = Math.floor(rows / splits);
    return async () => {
      const first = randomInt(splits - participants + 1);
      await client.writeAll?.(Array.from({ length: participants }, (_, i) => (first + i) * width + 1 + randomInt(width - 2)));
    };
  },
});

export const TRANSACTIONS: readonly Workload[] = [
  {
    name: 'transfer',
    about: '2 reads, 2 updates, one transaction; random pairs',
    operation: (client, { rows }) => {
      if (client.transfer === undefined) return undefined;
      return async () => {
        const from = randomInt(rows);
        return await client.transfer?.(from, (from + 1 + randomInt(rows - 1)) % rows);
      };
    },
  },
  ...PARTICIPANTS.map(spread),
];

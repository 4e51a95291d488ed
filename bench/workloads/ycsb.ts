/** YCSB (Cooper et al., SoCC 2010) B and F over the common rows, with its Zipfian choice of keys. */
import { randomInt, type Workload } from '../harness/workload.ts';

const THETA = 0.99;

/** Numbers below n, 0 the likeliest (Gray et al., SIGMOD 1994); scattered over the keys, as YCSB does. */
function zipfian(n: number): () => number {
  let zeta = 0;
  for (let i = 1; i <= n; i++) zeta += 1 / i ** THETA;
  const alpha = 1 / (1 - THETA);
  const eta = (1 - (2 / n) ** (1 - THETA)) / (1 - (1 + 0.5 ** THETA) / zeta);
  return () => {
    const u = Math.random();
    const z = u * zeta;
    const rank = z < 1 ? 0 : z < 1 + 0.5 ** THETA ? 1 : Math.floor(n * (eta * u - eta + 1) ** alpha);
    return (Math.imul(rank, 0x9e3779b1) >>> 0) % n;
  };
}

export const YCSB: readonly Workload[] = [
  {
    name: 'ycsb-b',
    about: 'YCSB B: 95 % reads, 5 % updates, Zipfian',
    operation: (client, { rows }) => {
      if (client.read === undefined || client.update === undefined) return undefined;
      const next = zipfian(rows);
      return async () => (randomInt(100) < 95 ? await client.read?.(next()) : await client.update?.(next()));
    },
  },
  {
    name: 'ycsb-f',
    about: 'YCSB F: 50 % reads, 50 % read-modify-write, Zipfian',
    operation: (client, { rows }) => {
      if (client.read === undefined || client.readModifyWrite === undefined) return undefined;
      const next = zipfian(rows);
      return async () => (randomInt(100) < 50 ? await client.read?.(next()) : await client.readModifyWrite?.(next()));
    },
  },
];

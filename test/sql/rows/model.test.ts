/** Random writes against the slow, obvious way: after each batch every index holds exactly the entries that the rows call for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrestleError } from '../../../src/base/errors.ts';
import type { Mutation } from '../../../src/sql/rows/mutations.ts';
import { FakeConflict } from './fake-transaction.ts';
import { Harness, insert, remove, replace, schemaOf, update, upsert } from './harness.ts';

const schema = schemaOf(
  'CREATE TABLE P (id INT64, a INT64, b INT64) PRIMARY KEY (id DESC)',
  'CREATE TABLE C (id INT64, k INT64, v INT64) PRIMARY KEY (id DESC, k), INTERLEAVE IN PARENT P ON DELETE CASCADE',
  'CREATE INDEX PA ON P (a) STORING (b)',
  'CREATE UNIQUE NULL_FILTERED INDEX PB ON P (b)',
  'CREATE INDEX CV ON C (v DESC)',
);

const small = fc.integer({ min: 0, max: 4 });
const value = fc.option(small, { freq: 3 }).map((n) => (n === null ? null : String(n)));
const write = fc.constantFrom(insert, update, upsert, replace);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(write, small, value, value).map(([make, id, a, b]) => make('P', ['id', 'a', 'b'], [String(id), a, b])),
  fc.tuple(write, small, value).map(([make, id, a]) => make('P', ['id', 'a'], [String(id), a])),
  fc.tuple(write, small, small, value).map(([make, id, k, v]) => make('C', ['id', 'k', 'v'], [String(id), String(k), v])),
  small.map((id) => remove('P', [String(id)])),
  fc.tuple(small, small).map(([id, k]) => remove('C', [String(id), String(k)])),
  fc.tuple(small, small).map(([a, b]): Mutation => ({ op: 'delete', table: 'C', keySet: { ranges: [{ startClosed: [String(Math.max(a, b))], endClosed: [String(Math.min(a, b))] }] } })),
  fc.tuple(small, small).map(([a, b]): Mutation => ({ op: 'delete', table: 'P', keySet: { ranges: [{ startClosed: [String(Math.max(a, b))], endOpen: [String(Math.min(a, b))] }] } })),
);

const byText = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

describe('indexes under random writes', () => {
  it('agree with the rows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { maxLength: 30 }), async (mutations) => {
        const h = new Harness(schema);
        for (const each of mutations) {
          const saved = new Map(h.transaction.rows);
          try {
            await h.apply(each);
          } catch (error) {
            if (!(error instanceof TrestleError) && !(error instanceof FakeConflict)) throw error;
            // The transaction would be over; here its effects go.
            h.transaction.rows.clear();
            for (const [key, record] of saved) h.transaction.rows.set(key, record);
          }
        }
        const parents = await h.rows('P');
        const children = await h.rows('C');
        expect(byText(h.entries('PA'))).toEqual(byText(parents.map(([id, a, b]) => [a, id, b])));
        expect(byText(h.entries('PB'))).toEqual(byText(parents.filter(([, , b]) => b !== null).map(([id, , b]) => [b, id])));
        expect(byText(h.entries('CV'))).toEqual(byText(children.map(([id, k, v]) => [v, id, k])));
        for (const [id] of children) expect(parents.some((parent) => parent[0] === id)).toBe(true);
        const descending = parents.map((parent) => Number(parent[0]));
        expect(descending).toEqual([...descending].sort((a, b) => b - a));
      }),
      { numRuns: 300 },
    );
  });
});

/** A transaction's own writes, and their evaluation at the leader, against a map of rows. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timestamp, type Key } from '../../src/base/ids.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { latestVersion, stageWrite } from '../../src/storage/mvcc.ts';
import { encodeCell, encodeRecord, readRecord } from '../../src/storage/record.ts';
import type { WriteOp as EngineOp } from '../../src/storage/types.ts';
import { evaluate, spansOf } from '../../src/txn/evaluate.ts';
import { Overlay } from '../../src/txn/overlay.ts';
import type { Cell, Row, RowCursor, WriteConflict, WriteOp } from '../../src/txn/types.ts';
import { OverlayCursor } from '../../src/txn/cursor.ts';
import { TestEnvironment } from '../storage/support.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const COLUMNS = [1, 2];
/** A row of the model: values by column. */
type Model = Map<string, ReadonlyMap<number, number>>;

const cell = (column: number, value: number): Cell => ({ column, value: encodeCell({ kind: 'INT64' }, value) });
const key = fc.constantFrom(...KEYS) as fc.Arbitrary<Key>;
const cells = fc.uniqueArray(fc.constantFrom(...COLUMNS), { maxLength: 2 }).chain((columns) => fc.tuple(...columns.map((column) => fc.nat(9).map((value) => [column, value] as const))));
const op: fc.Arbitrary<WriteOp> = fc.oneof(
  fc.record({ kind: fc.constantFrom('insert' as const, 'update' as const, 'upsert' as const, 'put' as const), key, cells: cells.map((list) => list.map(([column, value]) => cell(column, value))) }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.tuple(key, key).map(([a, b]) => ({ kind: 'deleteRange' as const, from: a < b ? a : b, to: a < b ? b : a })),
);
const base: fc.Arbitrary<Model> = fc.dictionary(fc.constantFrom(...KEYS), cells).map((rows) => new Map(Object.entries(rows).map(([name, list]) => [name, new Map(list)])));

const valueIn = ({ column, value }: Cell): readonly [number, number] => {
  const out: unknown[] = [];
  readRecord(encodeRecord([{ column, value }]), [column], out);
  return [column, Number(out[0])];
};

/** What the write does to the rows, or the conflict. */
function applyToModel(rows: Model, write: WriteOp): WriteConflict | undefined {
  if (write.kind === 'deleteRange') {
    for (const name of rows.keys()) if (name >= write.from && name < write.to) rows.delete(name);
    return undefined;
  }
  const before = rows.get(write.key);
  if (write.kind === 'delete') {
    rows.delete(write.key);
    return undefined;
  }
  const given = write.cells.map(valueIn);
  if (write.kind === 'insert' && before !== undefined) return { kind: 'exists', key: write.key };
  if (write.kind === 'update' && before === undefined) return { kind: 'missing', key: write.key };
  const keeps = write.kind === 'update' || write.kind === 'upsert';
  rows.set(write.key, new Map([...(keeps && before !== undefined ? before : []), ...given]));
  return undefined;
}

const recordOf = (row: ReadonlyMap<number, number> | undefined): Uint8Array | undefined =>
  row === undefined ? undefined : encodeRecord([...row].sort(([a], [b]) => a - b).map(([column, value]) => cell(column, value)));
const valuesOf = (record: Uint8Array | undefined): unknown[] | undefined => {
  if (record === undefined) return undefined;
  const out: unknown[] = [];
  readRecord(record, COLUMNS, out);
  return out;
};
const modelValues = (row: ReadonlyMap<number, number> | undefined): unknown[] | undefined => row && COLUMNS.map((column) => row.get(column) ?? null);

function cursorOver(rows: readonly Row[], batch: number): RowCursor {
  let at = 0;
  return {
    next: async () => (at >= rows.length ? undefined : rows.slice(at, (at += batch))),
    close: async () => undefined,
  };
}
async function drain(cursor: RowCursor): Promise<Row[]> {
  const rows: Row[] = [];
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) rows.push(...batch);
  return rows;
}

/** The writes that the model accepts, in order; the overlay is told of each that does not visibly conflict. */
function replay(rows: Model, writes: readonly WriteOp[], overlay: Overlay): void {
  for (const write of writes) {
    const after = new Map(rows);
    const conflict = applyToModel(after, write);
    const known = write.kind === 'deleteRange' ? undefined : overlay.known(write.key);
    if (conflict !== undefined) {
      // What the overlay cannot know is found out at the leader; here the transaction would go on.
      if (known !== undefined) expect(overlay.add(write)).toEqual(conflict);
      continue;
    }
    expect(overlay.add(write)).toBeUndefined();
    rows.clear();
    for (const [name, row] of after) rows.set(name, row);
  }
}

describe("a transaction's own writes", () => {
  it('show over what the database has', () => {
    fc.assert(
      fc.property(base, fc.array(op, { maxLength: 12 }), (before, writes) => {
        const rows = new Map(before);
        const overlay = new Overlay();
        replay(rows, writes, overlay);
        for (const name of KEYS as Key[]) {
          expect(valuesOf(overlay.over(name, recordOf(before.get(name))))).toEqual(modelValues(rows.get(name)));
          const known = overlay.known(name);
          if (known !== undefined) expect(valuesOf(known.record)).toEqual(modelValues(rows.get(name)));
        }
      }),
    );
  });

  it('show in scans, in both directions and with limits', async () => {
    await fc.assert(
      fc.asyncProperty(base, fc.array(op, { maxLength: 12 }), fc.boolean(), fc.integer({ min: 1, max: 4 }), fc.option(fc.nat(7), { nil: undefined }), async (before, writes, reverse, batch, limit) => {
        const rows = new Map(before);
        const overlay = new Overlay();
        replay(rows, writes, overlay);
        const order = (names: Iterable<string>): string[] => (reverse ? [...names].sort().reverse() : [...names].sort());
        const range = { from: 'b' as Key, to: 'f' as Key };
        const inRange = (name: string): boolean => name >= range.from && name < range.to;
        const stored = order(before.keys()).filter(inRange).map((name): Row => ({ key: name as Key, record: recordOf(before.get(name)) ?? Buffer.alloc(0) }));
        const options = limit === undefined ? { reverse } : { reverse, limit };
        const found = await drain(new OverlayCursor(cursorOver(stored, batch), overlay, overlay.keysIn(range, reverse), options));
        const expected = order(rows.keys()).filter(inRange).slice(0, limit);
        expect(found.map((row) => [row.key, valuesOf(row.record)])).toEqual(expected.map((name) => [name, modelValues(rows.get(name))]));
      }),
    );
  });
});

function engineWith(rows: Model) {
  const env = new TestEnvironment();
  const engine = openEngine(new MemoryDisk(env.scheduler), env);
  const staged: EngineOp[] = [];
  for (const [name, row] of rows) stageWrite(engine, staged, name as Key, recordOf(row), timestamp(1));
  engine.write(staged);
  return { engine, env };
}

describe('evaluation at the leader', () => {
  it('turns writes in order into what each key holds afterwards, or into the first conflict', async () => {
    await fc.assert(
      fc.asyncProperty(base, fc.array(op, { maxLength: 12 }), async (before, writes) => {
        const { engine, env } = engineWith(before);
        const rows = new Map(before);
        let conflict: WriteConflict | undefined;
        for (const write of writes) if ((conflict ??= applyToModel(rows, write)) !== undefined) break;
        let settled: Awaited<ReturnType<typeof evaluate>> | undefined;
        Promise.resolve(evaluate(engine, writes)).then(
          (result) => (settled = result),
          (error: unknown) => expect.fail(String(error)),
        );
        for (let i = 0; i < 10_000 && settled === undefined; i++) {
          await Promise.resolve();
          if (i % 20 === 0) env.step();
        }
        if (settled === undefined) throw new Error('evaluation did not end');
        if (conflict !== undefined) {
          expect(settled).toEqual({ conflict });
          return;
        }
        if (!('writes' in settled)) throw new Error('evaluation found a conflict that is none');
        expect(new Set(settled.writes.map((write) => write.key)).size).toBe(settled.writes.length);
        const staged: EngineOp[] = [];
        for (const write of settled.writes) stageWrite(engine, staged, write.key, write.record, timestamp(2));
        engine.write(staged);
        for (const name of KEYS as Key[]) expect(valuesOf(latestVersion(engine, name)?.record)).toEqual(modelValues(rows.get(name)));
        const locked = spansOf(writes);
        for (const { key: name } of settled.writes) expect(locked.some(({ from, to }) => (to === undefined ? from === name : from <= name && name < to))).toBe(true);
      }),
    );
  });
});

import { expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { openEngine } from '../../src/storage/engine.ts';
import { journalKey } from '../../src/storage/journal.ts';
import { SimDisk } from '../../src/storage/sim-disk.ts';
import { k, TestEnvironment, text } from './support.ts';

it('has nothing in the journal on the disk before what was written in earlier turns', () => {
  let mixed = 0;
  for (let seed = 0; seed < 300; seed++) {
    const env = new TestEnvironment(seed);
    const disk = new SimDisk(env.scheduler, new SeededRandom(seed));
    const engine = openEngine(disk, env);
    const record = (sequence: number): void => {
      engine.writeLog([{ key: journalKey(sequence), value: text('entries') }]);
      engine.sync(() => undefined);
    };
    record(1);
    env.step();
    // While a batch is on its way a split is made, and in the next turn it has an entry.
    engine.write([{ key: k('split'), value: text('x') }]);
    env.step();
    record(2);
    for (let n = env.random.int(6); n > 0; n--) env.step();
    disk.crash();
    const made = disk.getSync(k('split')) !== undefined;
    if (disk.getSync(journalKey(2)) !== undefined) expect(made, `seed ${String(seed)}`).toBe(true);
    else if (made) mixed++;
  }
  expect(mixed).toBeGreaterThan(0);
});

it('has no state on the disk before the journal that it was made from', () => {
  let ahead = 0;
  for (let seed = 0; seed < 1_000; seed++) {
    const env = new TestEnvironment(seed);
    const disk = new SimDisk(env.scheduler, new SeededRandom(seed));
    const engine = openEngine(disk, env, { stateBytes: 100 });
    let sequence = 0;
    for (let n = env.random.int(30); n > 0; n--) {
      engine.writeLog([{ key: journalKey(++sequence), value: text('entries') }]);
      if (env.random.int(2) === 0) engine.sync(() => undefined);
      engine.writeState([{ key: k('applied'), value: text(String(sequence)) }, { key: k(`row${String(sequence)}`), value: text('x') }]);
      for (let steps = env.random.int(3); steps > 0; steps--) env.step();
    }
    disk.crash();
    const applied = Number(disk.getSync(k('applied')) ?? 0);
    for (let each = 1; each <= applied; each++) expect(disk.getSync(journalKey(each)), `seed ${String(seed)}, record ${String(each)} of ${String(applied)}`).toBeDefined();
    if (disk.getSync(journalKey(applied + 1)) !== undefined) ahead++;
  }
  expect(ahead).toBeGreaterThan(100);
});

it('lets the log wait where state is written more slowly than it comes', () => {
  const env = new TestEnvironment();
  // A disk for which state is slow, and the journal is not.
  const disk = new SimDisk(env.scheduler, env.random, { minLatencyMicros: 10, maxLatencyMicros: 10, bytesPerMicro: 1 });
  const engine = openEngine(disk, env);
  const row = text('x'.repeat(10_000));
  let written = 0;
  let synced = 0;
  let most = 0;
  const commit = (): void => {
    if (written >= 4_000) return;
    engine.writeLog([{ key: journalKey(++written), value: text('entry') }]);
    engine.writeState([{ key: k(`row${String(written)}`), value: row }]);
    most = Math.max(most, engine.status().pendingBytes);
    engine.sync(() => {
      synced++;
      commit();
    });
  };
  for (let client = 0; client < 50; client++) commit();
  env.settle();
  expect([written, synced]).toEqual([4_000, 4_000]);
  expect(most).toBeGreaterThan(8 << 20);
  expect(most).toBeLessThan(24 << 20);
  expect(engine.status().pendingBytes).toBe(0);
});

it('keeps promises that it called durable, which are logged beside the journal and not in it', () => {
  let promised = 0;
  let beside = 0;
  for (let seed = 0; seed < 1_000; seed++) {
    const env = new TestEnvironment(seed);
    const disk = new SimDisk(env.scheduler, new SeededRandom(seed));
    const engine = openEngine(disk, env, { stateBytes: 100 });
    let sequence = 0;
    let durable = 0;
    for (let n = env.random.int(30); n > 0; n--) {
      const at = ++sequence;
      engine.writeState([{ key: k('applied'), value: text(String(at)) }, { key: k(`row${String(at)}`), value: text('x'.repeat(50)) }]);
      if (env.random.int(2) === 0) engine.writeLog([{ key: journalKey(at), value: text('entries') }]);
      else engine.writeLog([{ key: journalKey(at), value: text('entries') }, { key: k('promise'), value: text(String(at)) }]);
      const wanted = engine.get(k('promise'));
      engine.sync(() => (durable = Number(Buffer.from(wanted ?? text('0')).toString())));
      for (let steps = env.random.int(4); steps > 0; steps--) env.step();
    }
    disk.crash();
    const found = Number(disk.getSync(k('promise')) ?? 0);
    expect(found, `seed ${String(seed)}`).toBeGreaterThanOrEqual(durable);
    const applied = Number(disk.getSync(k('applied')) ?? 0);
    for (let each = 1; each <= applied; each++) expect(disk.getSync(journalKey(each)), `seed ${String(seed)}, record ${String(each)} of ${String(applied)}`).toBeDefined();
    if (durable > 0) promised++;
    if (applied > 0) beside++;
  }
  expect(promised).toBeGreaterThan(100);
  expect(beside).toBeGreaterThan(100);
});

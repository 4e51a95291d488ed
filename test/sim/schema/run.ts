/**
 * One run of the schema workload: a schema that changes all the time, asked for at all nodes, under clients that write and
 * read at all nodes, while nodes die and the network is cut. While it runs, every snapshot must show the same rows
 * through an index as in its table, and every value of a new column that has them of its own. At the end the queue of changes must empty, every index agree with its table, and
 * every constraint hold.
 */
import type { Random } from '../../../src/base/env.ts';
import type { NodeId } from '../../../src/base/ids.ts';
import { TrestleError } from '../../../src/base/errors.ts';
import type { DatabaseHandle } from '../../../src/api/backend.ts';
import type { SqlRow } from '../../../src/api/sql.ts';
import { NodeBackend } from '../../../src/node/backend.ts';
import { Kind } from '../../../src/node/meta.ts';
import { FaultInjector } from '../../../src/sim/faults.ts';
import { EventKind } from '../../../src/sim/simulation.ts';
import type { ReadView } from '../../../src/txn/types.ts';
import { TxnWorld, type TxnOptions, type TxnProgram } from '../txn/world.ts';
import { SimViolation } from '../violation.ts';
import type { RunReport } from '../workloads.ts';
import { drawChange, drawWrites, FILLED, INDEXES, TABLES } from './statements.ts';

const INSTANCE = 'projects/p/instances/i';
const DATABASE = `${INSTANCE}/databases/d`;
const FAULTY_SHARE = 0.7;
const HEAL_LIMIT_MICROS = 120_000_000;
const CALL_LIMIT_MICROS = 5_000_000;
const STEP_MICROS = 50_000;
const CLIENTS = 5;
const CHANGERS = 3;

type Outcome<T> = { readonly value: T } | { readonly error: unknown } | 'lost';

class SchemaRun {
  readonly world: TxnWorld;
  readonly counters: Record<string, number> = {};
  violation: SimViolation | undefined;
  stopped = false;
  private readonly backends = new WeakMap<TxnProgram, NodeBackend>();
  /** Loops that have not ended. */
  private loops = 0;

  constructor(options: TxnOptions) {
    this.world = new TxnWorld({ ...options, equip: (program) => this.equip(program) });
  }

  private equip(program: TxnProgram): void {
    const zones = this.world.cluster.ids.map((node) => ({ node, zone: `z${node}`, region: 'r' }));
    const backend = new NodeBackend(program.core, { zones }, () => true);
    this.backends.set(program, backend);
    backend.housekeeping.start();
  }

  count(what: string): void {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  }

  anyNode(random: Random): NodeId {
    const { ids } = this.world.cluster;
    return ids[random.int(ids.length)] as NodeId;
  }

  /** Calls a node as a client would: a node that is down, or dies, does not answer. */
  call<T>(node: NodeId, work: (backend: NodeBackend) => Promise<T>): Promise<Outcome<T>> {
    return new Promise((resolve) => {
      const { sim } = this.world;
      sim.after(CALL_LIMIT_MICROS, undefined, EventKind.client, () => resolve('lost'));
      this.world.within(node, (program) => {
        const backend = this.backends.get(program);
        if (backend === undefined) return;
        work(backend).then(
          (value) => resolve({ value }),
          (error: unknown) => resolve({ error }),
        );
      });
    });
  }

  pause(micros: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.sim.after(micros, undefined, EventKind.client, resolve);
    });
  }

  loop(work: () => Promise<void>): void {
    this.loops++;
    const run = async (): Promise<void> => {
      while (!this.stopped && this.violation === undefined) await work();
    };
    run().then(
      () => this.loops--,
      (error: unknown) => this.world.sim.fail(error),
    );
  }

  get idle(): boolean {
    return this.loops === 0;
  }

  /** Runs on until `missing` finds nothing missing. */
  async until(limitMicros: number, missing: () => string | undefined): Promise<number> {
    const { sim, cluster } = this.world;
    const begun = sim.now;
    for (;;) {
      const [fatal] = cluster.fatals;
      if (fatal !== undefined) throw fatal;
      if (this.violation !== undefined) throw this.violation;
      const problem = missing();
      if (problem === undefined) return sim.now - begun;
      if (sim.now - begun > limitMicros) throw new SimViolation(`${problem}, after ${limitMicros / 1e6} s`, sim.now);
      await sim.run(sim.now + STEP_MICROS);
    }
  }

  /** Repeats a call until it is answered well. */
  async insist<T>(work: (backend: NodeBackend) => Promise<T>): Promise<T> {
    const random = this.world.random.fork('insist');
    let value: { readonly value: T } | undefined;
    let last: unknown;
    const attempt = async (): Promise<void> => {
      while (value === undefined) {
        const outcome = await this.call(this.anyNode(random), work);
        if (outcome !== 'lost' && 'value' in outcome) value = outcome;
        else last = outcome;
        await this.pause(50_000);
      }
    };
    attempt().catch((error: unknown) => this.world.sim.fail(error));
    await this.until(HEAL_LIMIT_MICROS, () => (value === undefined ? `a call is not answered: ${JSON.stringify(last)}` : undefined));
    return (value as { readonly value: T }).value;
  }
}

async function rowsOf(handle: DatabaseHandle, sql: string, view: ReadView): Promise<SqlRow[]> {
  const statement = await handle.sql.prepare(sql, new Map(), view.readTimestamp);
  const stream = await handle.sql.query(view, statement, {}, {});
  const rows: SqlRow[] = [];
  for (let batch = await stream.next(); batch !== undefined; batch = await stream.next()) rows.push(...batch);
  await stream.close();
  return rows;
}

const text = (rows: readonly SqlRow[]): string => rows.map((row) => row.map(String).join(',')).sort().join(' ');

/** What an index shows that its table does not, at one timestamp; undefined when they agree, or there is no such index. */
async function disagreement(backend: NodeBackend, index: string): Promise<string | undefined> {
  const handle = await backend.open(DATABASE);
  const view = await handle.transactions.snapshot({ kind: 'strong' });
  const { table = 'T', columns = '' } = INDEXES[index] ?? {};
  const filter = index === 'Some' ? ' WHERE B IS NOT NULL AND A IS NOT NULL' : '';
  let through: SqlRow[];
  try {
    through = await rowsOf(handle, `SELECT ${columns} FROM ${table}@{FORCE_INDEX=${index}}${filter}`, view);
  } catch (error) {
    if (error instanceof TrestleError) return undefined;
    throw error;
  }
  const [a, b] = [text(through), text(await rowsOf(handle, `SELECT ${columns} FROM ${table}@{FORCE_INDEX=_BASE_TABLE}${filter}`, view))];
  return a === b ? undefined : `at ${String(view.readTimestamp)} index ${index} shows [${a}], its table [${b}]`;
}

/** Rows that lack a value of a column that gives it itself, or have a wrong one, at one timestamp; undefined when there are none, or no such column. */
async function unfilled(backend: NodeBackend, column: string): Promise<string | undefined> {
  const handle = await backend.open(DATABASE);
  const view = await handle.transactions.snapshot({ kind: 'strong' });
  try {
    const rows = await rowsOf(handle, `SELECT K FROM T WHERE ${FILLED[column] ?? ''}`, view);
    return rows.length === 0 ? undefined : `at ${String(view.readTimestamp)} column ${column} is wrong in [${text(rows)}]`;
  } catch (error) {
    if (error instanceof TrestleError) return undefined;
    throw error;
  }
}

async function write(backend: NodeBackend, statements: readonly string[]): Promise<void> {
  const { sql, transactions } = await backend.open(DATABASE);
  const transaction = transactions.beginReadWrite();
  try {
    for (const one of statements) await sql.dml(transaction, await sql.prepare(one, new Map()), {}, {});
    await transaction.commit();
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

function startClients(run: SchemaRun): void {
  for (let i = 0; i < CLIENTS; i++) {
    const random = run.world.random.fork(`writer ${i}`);
    run.loop(async () => {
      const outcome = await run.call(run.anyNode(random), (backend) => write(backend, drawWrites(random)));
      run.count(outcome === 'lost' ? 'lost' : 'error' in outcome ? 'refused' : 'commits');
      if (outcome !== 'lost' && 'error' in outcome && /ALREADY_EXISTS|already exists|UNIQUE/i.test(String(outcome.error)) && /\bS\b|ByN/.test(String(outcome.error))) {
        run.violation = new SimViolation(`schema: a sequence gave a value twice: ${String(outcome.error)}`, run.world.sim.now);
      }
      await run.pause(random.int(60_000));
    });
  }
  const reading = run.world.random.fork('reader');
  const names = [...Object.keys(INDEXES), ...Object.keys(FILLED)];
  run.loop(async () => {
    const name = names[reading.int(names.length)] ?? '';
    const outcome = await run.call(run.anyNode(reading), (backend) => (name in FILLED ? unfilled(backend, name) : disagreement(backend, name)));
    if (outcome !== 'lost' && 'value' in outcome) {
      run.count('reads');
      if (outcome.value !== undefined) run.violation = new SimViolation(`schema: ${outcome.value}`, run.world.sim.now);
    }
    await run.pause(reading.int(50_000));
  });
  for (let i = 0; i < CHANGERS; i++) {
    const random = run.world.random.fork(`changes ${i}`);
    run.loop(async () => {
      const outcome = await run.call(run.anyNode(random), (backend) => backend.databases.updateDdl(DATABASE, { statements: drawChange(random), operationId: undefined }));
      if (outcome !== 'lost' && 'value' in outcome) run.count(outcome.value.done ? (outcome.value.error === undefined ? 'changes' : 'failed') : 'pending');
      await run.pause(random.int(200_000));
    });
  }
}

/** At the end: nothing left to do, indexes agree, constraints hold. */
async function examine(run: SchemaRun): Promise<void> {
  const broken = (what: string): never => {
    throw new SimViolation(`schema: ${what}`, run.world.sim.now);
  };
  // A call that was given up may still wait at its node, and ask for its change then.
  const waited = run.world.sim.now + 2 * CALL_LIMIT_MICROS;
  await run.until(Number.MAX_SAFE_INTEGER, () => (run.world.sim.now >= waited ? undefined : 'a call may wait'));
  let left = -1;
  const look = async (): Promise<void> => {
    while (left !== 0) {
      const outcome = await run.call(run.anyNode(run.world.random), async ({ meta }) => (await meta.list(Kind.queue, '')).length + (await meta.list(Kind.counter, 'ddl/')).length);
      if (outcome !== 'lost' && 'value' in outcome) left = outcome.value;
      await run.pause(500_000);
    }
  };
  look().catch((error: unknown) => run.world.sim.fail(error));
  // Many may have gathered while there was no majority: the next one has to end in time.
  for (let least = Infinity; left !== 0; least = left) await run.until(HEAL_LIMIT_MICROS, () => (left >= 0 && left < least ? undefined : `${left} changes are not finished`));
  const operations = await run.insist((backend) => backend.operations.list(DATABASE, { pageSize: 10_000, pageToken: '', deep: false }));
  for (const { name, done, error, statements, commitTimestamps } of operations.items) {
    if (!done) broken(`${name} is not done`);
    if (error === undefined && commitTimestamps.length !== statements.length) broken(`${name} lacks commit timestamps`);
  }
  for (const index of Object.keys(INDEXES)) {
    const problem = await run.insist((backend) => disagreement(backend, index));
    if (problem !== undefined) broken(problem);
  }
  for (const column of Object.keys(FILLED)) {
    const problem = await run.insist((backend) => unfilled(backend, column));
    if (problem !== undefined) broken(problem);
  }
  const ddl = (await run.insist((backend) => backend.databases.ddl(DATABASE))).join('\n');
  const rows = (sql: string): Promise<SqlRow[]> => run.insist(async (backend) => {
    const handle = await backend.open(DATABASE);
    return await rowsOf(handle, sql, await handle.transactions.snapshot({ kind: 'strong' }));
  });
  const none = async (when: string, sql: string): Promise<void> => {
    if (!ddl.includes(when)) return;
    run.count('constraints');
    const found = await rows(sql);
    if (found.length > 0) broken(`${when} is broken by ${JSON.stringify(found.slice(0, 3))}`);
  };
  await none('CONSTRAINT Positive', 'SELECT K, A FROM T WHERE A < 0');
  await none('A INT64 NOT NULL', 'SELECT K FROM T@{FORCE_INDEX=_BASE_TABLE} WHERE IFNULL(A, -100) = -100');
  await none('UNIQUE INDEX ByB', 'SELECT B FROM T@{FORCE_INDEX=_BASE_TABLE} GROUP BY B HAVING COUNT(*) > 1');
  await none('INTERLEAVE IN PARENT T', 'SELECT K, J FROM C@{FORCE_INDEX=_BASE_TABLE} WHERE K NOT IN (SELECT K FROM T)');
  await none('CONSTRAINT Follows', 'SELECT K, X FROM F WHERE X NOT IN (SELECT X FROM R)');
  await none('ToR FOREIGN KEY(B) REFERENCES R(Y)', 'SELECT K, B FROM T WHERE B IS NOT NULL AND B NOT IN (SELECT Y FROM R WHERE Y IS NOT NULL)');
  await none('ToR FOREIGN KEY(B) REFERENCES R(X)', 'SELECT K, B FROM T WHERE B IS NOT NULL AND B NOT IN (SELECT X FROM R)');
}

/** Runs one seed. Rejects with what was violated. */
export async function runSchema(options: TxnOptions): Promise<RunReport> {
  const restore = options.mischief?.();
  try {
    return await runHonestly(options);
  } finally {
    restore?.();
  }
}

async function runHonestly(options: TxnOptions): Promise<RunReport> {
  const run = new SchemaRun(options);
  const { world } = run;
  const { sim, cluster } = world;
  const targets = world.random.fork('targets');
  const faults = new FaultInjector(cluster, world.random.fork('faults'), world.plan, {
    leader: () => world.leader(targets),
    slowDisk: (id, extra) => {
      cluster.node(id).disk.extraMicros = extra;
    },
  });
  cluster.startAll();
  const config = 'projects/p/instanceConfigs/trestle-local';
  const ignoreExisting = (error: unknown): void => {
    if (!(error instanceof TrestleError) || !/already exists/i.test(error.message)) throw error;
  };
  await run.insist((backend) => backend.instances.create({ name: INSTANCE, config, displayName: 'i', nodeCount: 1, processingUnits: 1000, labels: {} }).then(() => undefined, ignoreExisting));
  await run.insist((backend) => backend.databases.create(DATABASE, { statements: TABLES, dialect: 'googleSql' }).then(() => undefined, ignoreExisting));
  startClients(run);
  if (options.calm !== true) faults.start();
  const end = sim.now + options.seconds * 1e6 * FAULTY_SHARE;
  await run.until(Number.MAX_SAFE_INTEGER, () => (sim.now >= end ? undefined : 'time is not up'));
  faults.heal();
  const commits = run.counters['commits'] ?? 0;
  const healedMicros = await run.until(HEAL_LIMIT_MICROS, () => ((run.counters['commits'] ?? 0) > commits + CLIENTS ? undefined : 'nobody writes again'));
  run.stopped = true;
  await run.until(2 * CALL_LIMIT_MICROS, () => (run.idle ? undefined : 'not every client was answered'));
  await examine(run);
  return { hash: sim.hash, events: sim.eventsRun, faults: Object.fromEntries(faults.counts), healedMicros, counters: run.counters };
}

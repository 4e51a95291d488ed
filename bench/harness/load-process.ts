/**
 * The load: a process of its own, started by `measure` (load.ts) with its orders as an argument.
 *
 * Closed loop: each client begins its next operation when the last has ended. Open loop: operations begin at a fixed rate,
 * whatever became of those before, and latency counts from the moment at which an operation should have begun, so that a
 * server that stands still for a second is seen to (Gil Tene's "coordinated omission").
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { driverOf } from '../peers/drivers.ts';
import { workloadNamed } from '../workloads/workloads.ts';
import { Histogram } from './histogram.ts';
import type { LoadOrder, LoadReport } from './load.ts';
import { startOwnProfile } from './profiles.ts';

const nowMicros = (): number => performance.now() * 1_000;

type Operation = () => Promise<number | void>;

class Tally {
  latencies = new Histogram();
  operations = 0;
  aborts = 0;
  errors = 0;
  lastError = '';
  /** End times of operations, in tenths of a second, when asked for. */
  readonly timeline = new Map<number, number>();

  reset(): void {
    this.latencies = new Histogram();
    this.operations = this.aborts = this.errors = 0;
    this.timeline.clear();
  }

  async run(operation: Operation, since: number): Promise<void> {
    try {
      this.aborts += (await operation()) ?? 0;
      this.operations++;
      this.latencies.add(nowMicros() - since);
      const tenth = Math.floor(nowMicros() / 100_000);
      this.timeline.set(tenth, (this.timeline.get(tenth) ?? 0) + 1);
    } catch (error) {
      this.errors++;
      this.lastError = error instanceof Error ? error.message : String(error);
      // A server that refuses at once must not be asked in a tight loop.
      await sleep(5);
    }
  }
}

async function closedLoop(operations: readonly Operation[], tally: Tally, isOver: () => boolean): Promise<void> {
  await Promise.all(operations.map(async (operation) => {
    while (!isOver()) await tally.run(operation, nowMicros());
  }));
}

async function openLoop(operations: readonly Operation[], tally: Tally, isOver: () => boolean, rate: number): Promise<void> {
  const free = [...operations];
  const waiting: number[] = [];
  let running = 0;
  const start = (operation: Operation, due: number): void => {
    running++;
    tally.run(operation, due).finally(() => {
      running--;
      const next = waiting.shift();
      if (next === undefined) free.push(operation);
      else start(operation, next);
    }).catch(() => undefined);
  };
  const gap = 1_000_000 / rate;
  for (let due = nowMicros(); !isOver(); ) {
    for (; due <= nowMicros(); due += gap) {
      const operation = free.pop();
      if (operation === undefined) waiting.push(due);
      else start(operation, due);
    }
    await sleep(1);
  }
  waiting.length = 0;
  while (running > 0) await sleep(5);
}

async function main(order: LoadOrder): Promise<LoadReport | undefined> {
  const driver = driverOf(order.target);
  const workload = workloadNamed(order.workload);
  if (order.prepare === 'rows') await driver.prepare(order.rows);
  if (order.prepare === 'workload') await workload.prepare?.(driver);
  if (order.prepare !== undefined) {
    await driver.close();
    return undefined;
  }
  const context = { rows: order.rows, splits: order.target.splits ?? 1 };
  const operations: Operation[] = [];
  for (let index = 0; index < order.clients; index++) {
    const operation = workload.operation(await driver.client(index), { ...context, index });
    if (operation === undefined) return undefined;
    operations.push(operation);
  }
  const tally = new Tally();
  const startedAt = nowMicros();
  let endAt = Number.POSITIVE_INFINITY;
  const isOver = (): boolean => nowMicros() >= endAt;
  const load = order.rate === undefined ? closedLoop(operations, tally, isOver) : openLoop(operations, tally, isOver, order.rate);
  await sleep(order.warmUpSeconds * 1_000);
  tally.reset();
  const stopProfile = order.profile === undefined ? undefined : await startOwnProfile(order.profile);
  process.send?.('begin');
  const begin = nowMicros();
  const cpu = process.cpuUsage();
  await sleep(order.seconds * 1_000);
  const seconds = (nowMicros() - begin) / 1e6;
  const used = process.cpuUsage(cpu);
  process.send?.('end');
  await stopProfile?.();
  const { operations: count, aborts, errors, lastError } = tally;
  const latencyMicros = tally.latencies.quantiles();
  endAt = startedAt;
  await Promise.race([load, sleep(5_000)]);
  await Promise.race([driver.close(), sleep(1_000)]);
  const first = Math.floor(begin / 100_000);
  const timeline = order.timeline ? Array.from({ length: Math.ceil(seconds * 10) }, (_, i) => tally.timeline.get(first + i) ?? 0) : undefined;
  return { seconds, operations: count, aborts, errors, lastError, latencyMicros, clientCpuSeconds: (used.user + used.system) / 1e6, ...(timeline === undefined ? {} : { timeline }) };
}

const report = await main(JSON.parse(process.argv[2] ?? '{}') as LoadOrder);
process.send?.(report ?? 'impossible', () => process.exit(0));

/** A run of histories.ts on a cluster of processes that disturber.ts disturbs: for the suite, short, and for the command, long. */
import { CLIENT_9, createDatabase } from './clients.ts';
import { Disturber } from './disturber.ts';
import { Histories, HISTORY_SCHEMA, HISTORY_SPLITS } from './histories.ts';
import { until, type Cluster } from './support.ts';

const RECOVERED_MILLIS_MAX = 30_000;

export interface DisturbedOptions {
  readonly millis: number;
  /** It goes on until there were so many: on a busy machine each takes longer. */
  readonly leastFaults?: number;
  readonly clients: number;
  /** Told every second how far it is. */
  readonly progress?: (elapsedMillis: number, histories: Histories, disturber: Disturber) => void;
}

export interface DisturbedReport {
  readonly violations: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, number>>;
  /** What calls failed with for good, and how often. */
  readonly errors: ReadonlyMap<string, number>;
}

export async function runDisturbed(cluster: Cluster, { millis, leastFaults = 0, clients, progress }: DisturbedOptions): Promise<DisturbedReport> {
  const spanner = CLIENT_9.connect(cluster.grpcAddress);
  try {
    const database = await createDatabase(spanner, 'disturbed', 'histories', HISTORY_SCHEMA);
    for (const [table, key] of HISTORY_SPLITS) await cluster.run('split', table, key, '--instance', 'disturbed', '--database', 'histories', '--project', 'trestle');
    const histories = new Histories(database);
    const disturber = new Disturber(cluster);
    await histories.start(clients);
    disturber.start();
    const begun = performance.now();
    const elapsed = (): number => performance.now() - begun;
    const faults = (): number => Object.values(disturber.counts).reduce((sum, n) => sum + n, 0);
    while (elapsed() < millis || faults() < leastFaults) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(1_000, millis)));
      progress?.(elapsed(), histories, disturber);
    }
    await disturber.stop();
    const { ok } = histories.counts;
    await until('commits after the faults', RECOVERED_MILLIS_MAX, () => (histories.counts.ok > ok + clients ? true : undefined));
    await histories.stop();
    await histories.readAll();
    const report = { violations: histories.violations(), faults: disturber.counts, counts: histories.counts, errors: histories.errors };
    await database.close();
    return report;
  } finally {
    await CLIENT_9.disconnect(spanner);
  }
}

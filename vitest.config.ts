import { defineConfig } from 'vitest/config';

/** Tests that start whole clusters of processes: each has the machine for itself, because some measure how long a failover takes. */
const PROCESSES = ['test/e2e/**/*.test.ts', 'test/cli/e2e.test.ts', 'test/cli/supervisor.test.ts'];

/** Tests of clusters in containers. They are skipped where no engine answers. */
const CONTAINERS = ['test/containers/**/*.test.ts'];

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['test/**/*.test.ts'],
          exclude: [...PROCESSES, ...CONTAINERS],
          testTimeout: 60_000,
          hookTimeout: 30_000,
          // Two cores is the smallest machine the suite is meant for.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'processes', include: PROCESSES, testTimeout: 120_000, hookTimeout: 60_000, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'containers', include: CONTAINERS, testTimeout: 180_000, hookTimeout: 60_000, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});

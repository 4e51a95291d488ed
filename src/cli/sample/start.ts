/** The sample cluster: `startSample` resolves with the exit code when it has been stopped. */
import { Command } from 'commander';
import { databaseName } from '../../client/admin.ts';
import { Client } from '../../client/database.ts';
import { dataDirOption, DEFAULT_DATA_DIR, DEFAULT_INSTANCE, DEFAULT_PROJECT, parsePort } from '../arguments.ts';
import { foundationOf } from '../commands/init.ts';
import { howToConnect, runUp } from '../commands/up.ts';
import { nodeCommand, PROCESS_MARKS } from '../node-command.ts';
import { messageOf, terminalOutput, type Output } from '../output.ts';
import { printRows } from '../shell/print.ts';
import { sampleFilling, sampleQueries } from './load.ts';

export const SAMPLE = { project: DEFAULT_PROJECT, instance: DEFAULT_INSTANCE, database: 'shop' };

interface Flags {
  readonly port?: number;
  readonly httpPort?: number;
  readonly dataDir: string;
}

export async function startSample(args: readonly string[]): Promise<number> {
  const program = new Command('npm start --')
    .option('--port <port>', 'gRPC port', parsePort)
    .option('--http-port <port>', 'HTTP port', parsePort)
    .option('--data-dir <dir>', 'data folder', DEFAULT_DATA_DIR)
    .parse([...args], { from: 'user' });
  const flags = program.opts<Flags & Record<string, unknown>>();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      stop.abort();
    });
  }
  const options = {
    dataDir: flags.dataDir,
    inMemory: false,
    nodes: undefined,
    grpcPort: flags.port,
    httpPort: flags.httpPort,
    peerPort: undefined,
    logLevel: 'info' as const,
    foundation: foundationOf(SAMPLE, sampleFilling, false),
  };
  return runUp(options, {
    output: terminalOutput,
    command: nodeCommand(),
    marks: PROCESS_MARKS,
    signal: stop.signal,
    onReady: (supervisor) => {
      const more = `${howToConnect(supervisor.grpcAddress, dataDirOption(flags.dataDir), 'npx trestle')}\nThe sample is in database ${databaseName(SAMPLE)}:\n  npx trestle sql --database ${SAMPLE.database}${dataDirOption(flags.dataDir)}`;
      showQueries(supervisor.grpcAddress, terminalOutput)
        .catch((error: unknown) => {
          terminalOutput.err(`A query of the sample failed: ${messageOf(error)}`);
        })
        .finally(() => {
          terminalOutput.out(more);
        });
    },
  });
}

async function showQueries(address: string, output: Output): Promise<void> {
  const client = new Client({ address });
  try {
    const database = client.database(databaseName(SAMPLE));
    for (const { title, sql } of sampleQueries()) {
      const startedAt = performance.now();
      output.out(`\n${title}`);
      const count = await printRows(database.stream(sql), 'table', output);
      output.out(`${String(count)} rows (${(performance.now() - startedAt).toFixed(0)} ms)`);
    }
  } finally {
    client.close();
  }
}

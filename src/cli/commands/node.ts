/**
 * `trestle node`: one node of a cluster in this process, without a supervisor, for containers. Its configuration is the
 * JSON of NodeConfig (process-contract.ts), from a file or the environment; it listens itself, on the addresses in `listen`.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseNodeConfig, ConfigError } from '../node-config.ts';
import { nodeCommand } from '../node-command.ts';
import { messageOf, UserError } from '../output.ts';
import { ExitCode, NODE_CONFIG_VARIABLE } from '../process-contract.ts';

export async function runNode(configPath: string | undefined): Promise<void> {
  const json = configPath === undefined ? process.env[NODE_CONFIG_VARIABLE] : readConfig(configPath);
  if (json === undefined) throw new UserError(`Give the node's configuration as a file with --config FILE, or as JSON in ${NODE_CONFIG_VARIABLE}.`, ExitCode.badConfig);
  try {
    const config = parseNodeConfig(json);
    if (config.listen === undefined) throw new UserError('A node without a supervisor listens itself: add "listen": {"grpc": {"host": …, "port": …}, "http": {…}} to its configuration.', ExitCode.badConfig);
    if (config.dataDir !== undefined) mkdirSync(config.dataDir, { recursive: true });
  } catch (error) {
    throw error instanceof ConfigError ? new UserError(error.message, ExitCode.badConfig) : error;
  }
  process.env[NODE_CONFIG_VARIABLE] = json;
  // The server's entry runs when it is imported, and keeps the process alive.
  await import(pathToFileURL(nodeCommand().args.at(-1) ?? '').href);
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read the configuration: ${messageOf(error)}`, ExitCode.badConfig);
  }
}

/**
 * What `npm start` runs: a cluster of three nodes in three zones on disk with the sample shop in it, a few queries with
 * their rows, then the cluster stays up. A second start finds the data of the first.
 */
import module from 'node:module';
import { InvalidArgumentError } from 'commander';

module.enableCompileCache();
const { startSample } = await import('./sample/start.ts');

try {
  process.exitCode = await startSample(process.argv.slice(2));
} catch (error) {
  const { messageOf, UserError } = await import('./output.ts');
  const known = error instanceof UserError || error instanceof InvalidArgumentError;
  process.stderr.write(`${known ? messageOf(error) : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}

/**
 * The server process: reads its configuration, opens its data, joins its peers, serves clients, and does what its
 * supervisor says (cli/process-contract.ts).
 */
import { enableCompileCache } from 'node:module';

enableCompileCache();
const { runNode } = await import('./process.ts');
await runNode();

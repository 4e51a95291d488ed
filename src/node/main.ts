/**
 * The server process: reads its configuration, opens its data, joins its peers, serves clients, and does what its
 * supervisor says (cli/process-contract.ts).
 */
import { enableCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';

// Here and not on the command line, since a V8 that does not know the flag may go without. What most often lived on for a
// while, when rows were loaded, say, V8 would put among the old from the start, and there it would keep whatever it refers
// to until the next collection of everything.
setFlagsFromString('--no-allocation-site-pretenuring');
// A collection of everything when the heap has grown to twice what lived after the last one: V8's own rule had them at 1.2
// times under a load that writes, and at four times under others.
setFlagsFromString('--heap-growing-percent=100');
enableCompileCache();
const { runNode } = await import('./process.ts');
await runNode();

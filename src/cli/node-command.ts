/** The program of a node process, and the texts by which our processes are known in a process list. */
import { fileURLToPath } from 'node:url';
import type { NodeCommand } from './supervisor/node-process.ts';
import type { ProcessMarks } from './supervisor/prepare.ts';

/** Built (`dist/….js`), or the sources themselves with types stripped. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/**
 * Flags of a node process: the young generation is small at rest, and may grow under load, where collecting a small one
 * costs a tenth of the processor time. The process must stay below 130 MB resident when idle.
 */
const NODE_FLAGS = ['--max-semi-space-size=32', '--no-warnings=ExperimentalWarning'];

export const nodeCommand = (): NodeCommand => ({
  execPath: process.execPath,
  args: [...NODE_FLAGS, fileURLToPath(new URL(`../node/main.${EXTENSION}`, import.meta.url))],
});

export const PROCESS_MARKS: ProcessMarks = { supervisor: ['trestle', `cli/main.${EXTENSION}`, `cli/start.${EXTENSION}`], node: [`node/main.${EXTENSION}`] };

export const cliEntry = (): string => fileURLToPath(new URL(`./main.${EXTENSION}`, import.meta.url));

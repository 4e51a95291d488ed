/**
 * What remains after the compiler: the commands of the package become executable, as they are when npm links them, so
 * that `dist/cli/main.js` can be called from a clone as well. Usage: node scripts/finish-build.ts
 */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const manifest: { readonly bin: Readonly<Record<string, string>> } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
for (const file of Object.values(manifest.bin)) chmodSync(join(root, file), 0o755);

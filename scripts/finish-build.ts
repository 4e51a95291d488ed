/**
 * What remains after the compiler: the commands of the package become executable, and are linked into node_modules/.bin as
 * npm does where the package is installed. Without the link `npx trestle` in a clone would install the clone into npm's
 * cache first, each time. Usage: node scripts/finish-build.ts
 */
import { chmodSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const manifest: { readonly bin: Readonly<Record<string, string>> } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
for (const [name, file] of Object.entries(manifest.bin)) {
  chmodSync(join(root, file), 0o755);
  // Windows has no links without privileges; there npx takes its longer way.
  if (!existsSync(bin) || process.platform === 'win32') continue;
  rmSync(join(bin, name), { force: true });
  symlinkSync(relative(bin, join(root, file)), join(bin, name));
}

#!/usr/bin/env node
/**
 * The `trestle` command. Loads nothing before V8's compile cache is on, and says it clearly when Node is too old.
 */
import module from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(`Trestle needs Node 22.12 or newer; this is ${process.versions.node}.\n`);
  process.exitCode = 1;
} else {
  module.enableCompileCache();
  const { main } = await import('./program.ts');
  process.exitCode = await main(process.argv.slice(2));
}

/**
 * Whether there is a container engine, and the image under test. Without an engine the tests of this folder are skipped
 * with a reason; TRESTLE_REQUIRE_CONTAINERS=1 makes that a failure.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const IMAGE = 'trestledb:test';

const PUBLIC_BASE = 'node:24-bookworm-slim';
const LOCAL_BASE = 'trestle-base:local';

// Its helper image cannot be pulled everywhere; containers are removed here.
process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';

export interface Result {
  readonly code: number;
  readonly out: string;
}

const run = promisify(execFile);

/** A command's exit code and everything that it printed. */
export async function command(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  try {
    const { stdout, stderr } = await run(name, [...args], { cwd: ROOT, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 });
    return { code: 0, out: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { readonly code?: number | string; readonly stdout?: string; readonly stderr?: string };
    return { code: typeof code === 'number' ? code : -1, out: `${stdout ?? ''}${stderr ?? ''}` || String(error) };
  }
}

export async function docker(...args: readonly string[]): Promise<string> {
  const { code, out } = await command('docker', args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${String(code)}: ${out}`);
  return out.trim();
}

/** Why there are no containers here; undefined when there are. */
export async function noEngine(): Promise<string | undefined> {
  const { code, out } = await command('docker', ['info', '--format', '{{.ServerVersion}}']);
  if (code === 0) return undefined;
  const reason = `no container engine answers \`docker info\`: ${out.trim().split('\n').at(-1) ?? ''}`;
  if (process.env['TRESTLE_REQUIRE_CONTAINERS'] === '1') throw new Error(`TRESTLE_REQUIRE_CONTAINERS is set, and ${reason}`);
  return reason;
}

/** The image that BASE_IMAGE names, the public one, or one made of this machine where that cannot be had. */
export async function baseImage(): Promise<string> {
  const wished = process.env['BASE_IMAGE'];
  if (wished !== undefined && wished !== '') return wished;
  for (const image of [LOCAL_BASE, PUBLIC_BASE]) if ((await command('docker', ['image', 'inspect', image])).code === 0) return image;
  if ((await command('docker', ['pull', '--quiet', PUBLIC_BASE])).code === 0) return PUBLIC_BASE;
  const made = await command('scripts/local-base-image.sh', [LOCAL_BASE]);
  if (made.code !== 0) throw new Error(`There is no base image, and none can be made: ${made.out}`);
  return LOCAL_BASE;
}

export async function buildImage(): Promise<void> {
  await docker('build', '--quiet', '--build-arg', `BASE_IMAGE=${await baseImage()}`, '--tag', IMAGE, '.');
}

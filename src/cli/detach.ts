/**
 * `trestle up --detach`: the same command again as a process of its own session, which reports over an IPC channel until
 * it is ready or has failed. Then the channel is closed, and the terminal is free of it.
 */
import { spawn } from 'node:child_process';
import { UserError, type Output } from './output.ts';

export const DETACHED_VARIABLE = 'TRESTLE_DETACHED';

type Report =
  | { readonly kind: 'line'; readonly stream: 'out' | 'err'; readonly text: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number };

const REPORT_KINDS: ReadonlySet<unknown> = new Set<Report['kind']>(['line', 'ready', 'failed']);
const isReport = (message: unknown): message is Report => typeof message === 'object' && message !== null && 'kind' in message && REPORT_KINDS.has(message.kind);

export const isDetached = (): boolean => process.env[DETACHED_VARIABLE] === '1' && process.send !== undefined;

function tell(report: Report): void {
  // The one who started us may be gone (Ctrl-C while waiting): then nobody reads, and that is no error.
  if (process.connected) process.send?.(report, () => undefined);
}

/** The output of the detached process: to the terminal it came from, until it is ready. */
export const detachedOutput: Output = {
  out: (text) => {
    tell({ kind: 'line', stream: 'out', text });
  },
  err: (text) => {
    tell({ kind: 'line', stream: 'err', text });
  },
};

/** To be called by the detached process when it is ready: lets go of the terminal. */
export function detachedReady(): void {
  tell({ kind: 'ready' });
}
export function detachedFailed(message: string, exitCode: number): void {
  tell({ kind: 'failed', message, exitCode });
}

/** Starts `execPath ...args` detached, passes its lines on, and resolves when it is ready. Its failure is a UserError. */
export function runDetached(execPath: string, args: readonly string[], output: Output): Promise<void> {
  const child = spawn(execPath, [...args], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: { ...process.env, [DETACHED_VARIABLE]: '1' } });
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (!isReport(message)) return;
      if (message.kind === 'line') output[message.stream](message.text);
      else if (message.kind === 'failed') reject(new UserError(message.message, message.exitCode));
      else {
        child.disconnect();
        child.unref();
        resolve();
      }
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new UserError(`The supervisor ended before the cluster was ready (${signal ?? `exit code ${String(code)}`}). See logs/supervisor.log in the data folder.`));
    });
  });
}

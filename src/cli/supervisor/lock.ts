/**
 * supervisor.lock: one supervisor a folder. The file names the process that runs, and its children, so that a later start
 * can tell a running cluster from one whose supervisor was killed, and can end children that outlived it (a stopped
 * process, SIGSTOP, cannot notice that its parent died).
 *
 * A process counts as the holder when it is alive and looks like ours; process ids are reused. Two supervisors that take
 * over a dead one's lock in the same instant are kept apart by the ports and by the lock of every node's store.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../output.ts';

export interface LockRecord {
  readonly pid: number;
  readonly startedAt: string;
  readonly controlPath: string;
  /** Process ids of the nodes that run. */
  readonly children: readonly number[];
}

const isPid = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value > 1;

/** undefined when there is none, or when it cannot be understood (a crash while it was first written). */
export function readLock(path: string): LockRecord | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { pid, startedAt, controlPath, children } = Object.fromEntries(Object.entries(parsed));
    if (typeof pid !== 'number' || typeof startedAt !== 'string' || typeof controlPath !== 'string' || !Array.isArray(children)) return undefined;
    return { pid, startedAt, controlPath, children: children.filter(isPid) };
  } catch {
    return undefined;
  }
}

/** The lock of a supervisor that is alive; undefined otherwise. `marks` are texts of which its command line has one. */
export function liveHolder(path: string, marks: readonly string[]): LockRecord | undefined {
  const lock = readLock(path);
  if (lock === undefined || lock.pid === process.pid) return undefined;
  return isAlive(lock.pid) && looksLike(lock.pid, marks) ? lock : undefined;
}

export function writeLock(path: string, record: LockRecord): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${path}.new`, path);
}

export function removeLock(path: string): void {
  rmSync(path, { force: true });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and is another user's.
    return errnoOf(error) === 'EPERM';
  }
}

/** Whether the process's command line has one of the texts; true when the command line cannot be had. */
function looksLike(pid: number, marks: readonly string[]): boolean {
  const command = commandOf(pid);
  return command === undefined || marks.some((mark) => command.includes(mark));
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // Not Linux, or gone.
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8', timeout: 2_000 });
  } catch {
    return undefined;
  }
}

const LEFTOVER_GRACE_MILLIS = 3_000;

/** Waits for children of a dead supervisor to end by themselves, and kills those that do not. Returns how many were killed. */
export async function endLeftovers(lock: LockRecord | undefined, marks: readonly string[]): Promise<number> {
  const ours = (lock?.children ?? []).filter((pid) => pid !== process.pid && isAlive(pid) && commandOf(pid) !== undefined && looksLike(pid, marks));
  // One that is stopped notices that its parent is gone as soon as it runs.
  for (const pid of ours) process.kill(pid, 'SIGCONT');
  const deadline = Date.now() + LEFTOVER_GRACE_MILLIS;
  while (ours.some(isAlive) && Date.now() < deadline) await sleep(50);
  const left = ours.filter((pid) => isAlive(pid) && looksLike(pid, marks));
  for (const pid of left) process.kill(pid, 'SIGKILL');
  while (left.some(isAlive) && Date.now() < deadline + LEFTOVER_GRACE_MILLIS) await sleep(20);
  return left.length;
}

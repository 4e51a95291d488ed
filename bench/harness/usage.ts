/** What processes have used so far: processor time and resident memory, from the kernel. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { platform } from 'node:os';

export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** Ticks of the kernel's clock in /proc, per second; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Of one process. On Linux from /proc, which has hundredths of a second; elsewhere from ps, which has them on macOS. */
export function usageOf(pid: number): Usage {
  if (platform() === 'linux') {
    // Field 2 is the name in brackets, and may have spaces: what counts follows the last bracket.
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, residentBytes: Number(resident) * 1024 };
  }
  const [resident = '0', time = '0'] = execFileSync('ps', ['-o', 'rss=,cputime=', '-p', String(pid)], { encoding: 'utf8' }).trim().split(/\s+/);
  return { cpuSeconds: time.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0), residentBytes: Number(resident) * 1024 };
}

/** The process and all that it started, found anew each time: databases start processes per connection. */
export function familyOf(pid: number): number[] {
  const family = [pid];
  for (let i = 0; i < family.length; i++) {
    try {
      const children = readFileSync(`/proc/${String(family[i])}/task/${String(family[i])}/children`, 'utf8').trim();
      if (children !== '') family.push(...children.split(' ').map(Number));
    } catch {
      // It has ended meanwhile, or there is no /proc.
    }
  }
  return family;
}

export function usageOfAll(pids: readonly number[]): Usage {
  let cpuSeconds = 0;
  let residentBytes = 0;
  for (const pid of pids) {
    try {
      const usage = usageOf(pid);
      cpuSeconds += usage.cpuSeconds;
      residentBytes += usage.residentBytes;
    } catch {
      // It has ended meanwhile.
    }
  }
  return { cpuSeconds, residentBytes };
}

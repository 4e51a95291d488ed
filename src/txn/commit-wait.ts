/** Commit wait: a timestamp is certainly in the past when the clock's earliest is beyond it (Spanner, OSDI 2012, §4.1.2). */
import type { Environment } from '../base/env.ts';
import type { Timestamp } from '../base/ids.ts';

/** Resolves once `at` is certainly in the past; undefined when it is. */
export function commitWait({ clock, scheduler }: Environment, at: Timestamp): Promise<void> | undefined {
  if (at < clock.interval().earliest) return undefined;
  return new Promise((resolve) => {
    const check = (): void => {
      const left = at - clock.interval().earliest;
      if (left < 0) resolve();
      else scheduler.after(left + 1, check);
    };
    check();
  });
}

/**
 * Backward validation of reads that took no locks (Kung and Robinson 1981, §3): whether the rows are still as they were at
 * the reader's snapshot. Runs at the leader under locks on the same spans, so that what is found unchanged stays so until
 * the transaction has ended. A range covers the rows that were not there, too. With snapshot isolation the rows that are
 * written are looked at likewise: the first committer wins.
 */
import { aborted } from '../base/errors.ts';
import type { Timestamp } from '../base/ids.ts';
import { isChangedIn, latestVersion } from '../storage/mvcc.ts';
import type { Engine } from '../storage/types.ts';
import type { Span } from './locks.ts';
import type { Checks } from './protocol.ts';

/** ABORTED when something has changed. `horizon`: up to there deletions may have been collected. */
export async function validate(engine: Engine, horizon: Timestamp, { since, reads, writes }: Checks, written: readonly Span[]): Promise<void> {
  if (since < horizon) throw aborted('Transaction was aborted: it read too long ago.');
  if (!(await isUnchanged(engine, reads, since))) throw aborted('Transaction was aborted: what it read was changed by another transaction.');
  if (writes && !(await isUnchanged(engine, written, since))) throw aborted('Transaction was aborted: what it writes was changed by another transaction since its snapshot.');
}

async function isUnchanged(engine: Engine, spans: readonly Span[], since: Timestamp): Promise<boolean> {
  for (const { from, to } of spans) {
    if (to === undefined ? (latestVersion(engine, from)?.timestamp ?? 0) > since : await isChangedIn(engine, from, to, since)) return false;
  }
  return true;
}

/**
 * A leader's answer to a commit timestamp that was fixed in advance (docs/decisions/0016): it takes it unless it has closed
 * it, whatever else it has given out. What is rewritten must be older.
 */
import { aborted } from '../base/errors.ts';
import type { Timestamp } from '../base/ids.ts';
import type { SplitContext } from '../splits/types.ts';
import { latestVersion } from '../storage/mvcc.ts';
import type { PhysicalWrite } from './commands.ts';
import { NotLeading } from './failures.ts';
import type { Leadership, LeaderTxn } from './leadership.ts';

export function agree(context: SplitContext, leadership: Leadership, txn: LeaderTxn, fixed: Timestamp, writes: readonly PhysicalWrite[]): Timestamp {
  if (fixed >= context.leaseEnd()) throw new NotLeading();
  if (!leadership.isOpen(fixed) || writes.some(({ key }) => (latestVersion(context.engine, key)?.timestamp ?? 0) >= fixed)) {
    leadership.release(txn.owner.id, 'aborted');
    throw aborted('Transaction was aborted: its commit came too late for the timestamp in its keys.');
  }
  if (fixed > leadership.lastAssigned) leadership.lastAssigned = fixed;
  return fixed;
}

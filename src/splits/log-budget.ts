/**
 * How much of a split's log is kept: applied entries, for followers that are a little behind. One that is further behind
 * gets a snapshot. What is kept is in memory at every replica, so bytes count, and those of all splits together.
 */
import type { Slot } from '../base/ids.ts';
import type { Replica } from '../paxos/replica.ts';
import type { HeldLogs } from '../storage/journal.ts';

const KEEP_SLOTS = 20_000;
/** The logs of all splits keep about so much, and each of them between these: seconds of the heaviest load, minutes of any other. */
const ALL_KEEP_BYTES = 32 << 20;
const KEEP_BYTES_MIN = 128 << 10;
const KEEP_BYTES_MAX = 16 << 20;
/** A log is truncated when it is longer than what is kept by this share of it. */
const SLACK_SHARE = 0.25;

/** The last slot of the log's replica that is to go, now that everything up to `applied` is applied. */
export function mayBeTruncated(replica: Pick<Replica, 'log'>, applied: Slot, splits: number, keepSlots = KEEP_SLOTS): Slot | undefined {
  const keepBytes = Math.min(Math.max(ALL_KEEP_BYTES / splits, KEEP_BYTES_MIN), KEEP_BYTES_MAX);
  if (replica.log.bytes > keepBytes * (1 + SLACK_SHARE)) return replica.log.slotBefore(keepBytes);
  return applied - keepSlots - replica.log.first > keepSlots * SLACK_SHARE ? ((applied - keepSlots) as Slot) : undefined;
}

/** What the logs of all splits hold now. */
export function heldLogs(splits: Iterable<{ readonly replica: Replica }>): HeldLogs {
  const held = { bytes: 0, entries: 0 };
  for (const { replica } of splits) {
    held.bytes += replica.log.bytes;
    held.entries += replica.lastSlot - replica.log.first + 1;
  }
  return held;
}

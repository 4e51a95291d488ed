/** The parts of one replica that all its roles share. */
import type { Random } from '../base/env.ts';
import type { NodeId, Timestamp } from '../base/ids.ts';
import type { Acceptor } from './acceptor.ts';
import type { Outbox } from './effects.ts';
import type { Learner } from './learner.ts';
import type { ReplicaLog } from './log.ts';
import type { PaxosTuning } from './tuning.ts';
import type { Instant } from './types.ts';

export interface Core {
  readonly self: NodeId;
  readonly tuning: PaxosTuning;
  readonly random: Random;
  readonly outbox: Outbox;
  readonly log: ReplicaLog;
  readonly acceptor: Acceptor;
  readonly learner: Learner;
  readonly closedTimestamp: (now: Instant) => Timestamp;
  readonly highestTimestamp: () => Timestamp;
}

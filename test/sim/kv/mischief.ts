/**
 * Bugs put in on purpose, from outside the production code: around the disk, the network and the tuning. They show that
 * the simulator finds what it is there to find.
 */
import type { NodeId } from '../../../src/base/ids.ts';
import type { Transport } from '../../../src/net/transport.ts';
import type { PaxosTuning } from '../../../src/paxos/tuning.ts';
import type { SimProcess } from '../../../src/sim/process.ts';
import type { Disk } from '../../../src/storage/disk.ts';

export interface Mischief {
  disk(disk: Disk, process: SimProcess): Disk;
  transport(transport: Transport): Transport;
  tuning(tuning: PaxosTuning, node: NodeId): PaxosTuning;
}

export const honest: Mischief = {
  disk: (disk) => disk,
  transport: (transport) => transport,
  tuning: (tuning) => tuning,
};

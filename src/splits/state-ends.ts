/**
 * How far each split is, as of the state that is on disk, and what its application has kept from the engine: written when
 * state goes there (storage/engine.ts), once for each split that applied something since.
 */
import { appliedOps } from '../storage/groupstore.ts';
import type { StateEnd } from '../storage/types.ts';
import type { HostedSplit } from './hosted.ts';

export class StateEnds {
  private readonly ahead = new Set<HostedSplit>();

  /** It applied something. */
  add(hosted: HostedSplit): void {
    this.ahead.add(hosted);
  }

  /** What the disk has, or was given, of it is up to date. */
  delete(hosted: HostedSplit): void {
    this.ahead.delete(hosted);
  }

  take(): StateEnd {
    const ends = [...this.ahead].map((hosted) => ({ hosted, slot: hosted.replica.appliedSlot }));
    this.ahead.clear();
    return {
      ops: ends.flatMap(({ hosted, slot }) => {
        const ops = appliedOps(hosted.split, slot, hosted.membership, hosted.storedState());
        hosted.application.tellEngine(ops);
        return ops;
      }),
      durable: () => {
        for (const { hosted, slot } of ends) hosted.replica.stateDurable(slot);
      },
    };
  }
}

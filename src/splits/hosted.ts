/**
 * One replica of one split at this node: its log, its range, its application, and the proposals that wait.
 */
import { assert } from '../base/assert.ts';
import type { Environment } from '../base/env.ts';
import type { NodeId, Slot, SplitId, Timestamp } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { Instant, Membership } from '../paxos/types.ts';
import type { Replica } from '../paxos/replica.ts';
import type { Engine } from '../storage/types.ts';
import { encodeState } from './entries.ts';
import type { ProposalOutcome, SplitApplication, SplitContext, SplitDescriptor } from './types.ts';

/** What a HostedSplit needs of its host. */
export interface HostInternals {
  readonly self: NodeId;
  readonly env: Environment;
  readonly engine: Engine;
  instant(): Instant;
  descriptors(): readonly SplitDescriptor[];
  propose(hosted: HostedSplit, data: Uint8Array, done: (outcome: ProposalOutcome) => void): boolean;
}

export class HostedSplit implements SplitContext {
  readonly split: SplitId;
  readonly ancestors: readonly SplitId[];
  private readonly host: HostInternals;
  private current: SplitDescriptor;
  private log: Replica | undefined;
  private state: SplitApplication | undefined;
  /** Finished phase 1, and everything chosen before is applied. */
  ready = false;
  /** A snapshot is being fetched: nothing is served or applied meanwhile. */
  installing = false;
  /** How often that began: a read that it overtook has seen rows go and come. */
  installs = 0;
  /** Will be looked at when the turn ends. */
  isDirty = false;
  /** Ends with the cut of it that is under way here. */
  cutting: Promise<unknown> | undefined;
  private stored: { readonly descriptor: SplitDescriptor; readonly bytes: Uint8Array } | undefined;
  /** Proposed since the last flush. */
  private fresh = 0;
  /** Several may be in one entry. */
  private readonly proposals = new TransientMap<Slot, ((outcome: ProposalOutcome) => void)[]>();

  /** As of the applied slot: the log's own membership may be ahead, by entries chosen and not yet applied. */
  membership: Membership;

  constructor(host: HostInternals, descriptor: SplitDescriptor, ancestors: readonly SplitId[], membership: Membership) {
    this.membership = membership;
    this.host = host;
    this.split = descriptor.id;
    this.current = descriptor;
    this.ancestors = ancestors;
  }

  get self(): NodeId {
    return this.host.self;
  }
  get env(): Environment {
    return this.host.env;
  }
  get engine(): Engine {
    return this.host.engine;
  }
  get replica(): Replica {
    assert(this.log !== undefined, 'a hosted split has a replica');
    return this.log;
  }
  set replica(replica: Replica) {
    this.log = replica;
  }
  get application(): SplitApplication {
    assert(this.state !== undefined, 'a hosted split has an application');
    return this.state;
  }
  set application(application: SplitApplication) {
    this.state = application;
  }

  descriptor(): SplitDescriptor {
    return this.current;
  }
  narrow(descriptor: SplitDescriptor): void {
    assert(descriptor.generation > this.current.generation, 'the range of a split changes with its generation');
    this.current = descriptor;
  }
  /** What is stored beside the applied slot; made anew only when the range has changed. */
  storedState(): Uint8Array {
    if (this.stored?.descriptor !== this.current) {
      this.stored = { descriptor: this.current, bytes: encodeState({ descriptor: this.current, ancestors: this.ancestors, installing: false }) };
    }
    return this.stored.bytes;
  }
  neighbours(): readonly SplitDescriptor[] {
    return this.host.descriptors();
  }

  /** As of the applied slot: a witness has the log only. */
  get holdsRows(): boolean {
    return this.membership.members.find((member) => member.node === this.self)?.kind !== 'witness';
  }

  isLeading(): boolean {
    return this.ready && !this.installing && this.replica.hasLease(this.host.instant());
  }
  leaseEnd(): Timestamp {
    return this.replica.leaseEnd();
  }
  leaderHint(): NodeId | undefined {
    return this.replica.leaderHint();
  }
  closed(): { readonly timestamp: Timestamp; readonly slot: Slot } {
    return this.replica.closed();
  }
  appliedSlot(): Slot {
    return this.replica.appliedSlot;
  }

  propose(data: Uint8Array, done: (outcome: ProposalOutcome) => void): boolean {
    return this.ready && !this.installing && this.host.propose(this, data, done);
  }

  expect(slot: Slot, done: (outcome: ProposalOutcome) => void): void {
    this.fresh++;
    const others = this.proposals.get(slot);
    if (others === undefined) this.proposals.set(slot, [done]);
    else others.push(done);
  }
  /** How many commands were proposed since this was asked last. */
  takeFresh(): number {
    const { fresh } = this;
    this.fresh = 0;
    return fresh;
  }
  settle(slot: Slot): void {
    if (this.proposals.size === 0) return;
    const waiting = this.proposals.get(slot);
    if (waiting === undefined) return;
    this.proposals.delete(slot);
    for (const done of waiting) done('applied');
  }
  loseProposals(): void {
    const lost = this.proposals.values();
    this.proposals.clear();
    for (const waiting of lost) for (const done of waiting) done('lost');
  }
}

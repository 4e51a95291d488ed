/**
 * What a replica asks of its host, gathered between two calls of `takeEffects`.
 *
 * The host must: persist `hardState` and `appends` (in order with earlier ones) and then call `persisted(sequence)`;
 * send `sends` at any time; hold `sendsAfterPersist` until `sequence` is durable; apply `chosen` in order; look at
 * `events`. The arrays belong to the host once taken; the replica never touches them again.
 */
import type { Ballot, NodeId, Slot } from '../base/ids.ts';
import type { PaxosMessage } from './messages.ts';
import type { ChosenEntry, HardState, LogEntry, Membership } from './types.ts';

export interface Envelope {
  readonly to: NodeId;
  readonly message: PaxosMessage;
}

export type PaxosEvent =
  /** Leads, knows and has handed out every entry chosen before, and holds the lease: may serve once those are applied. */
  | { readonly kind: 'becameLeader'; readonly ballot: Ballot }
  | { readonly kind: 'lostLeadership'; readonly ballot: Ballot }
  /** `to` needs entries that are truncated here: send it the applied state (to a witness, only its slot and membership). */
  | { readonly kind: 'sendSnapshot'; readonly to: NodeId }
  /** The clocks of `peer` and of this node differ by more than their bounds allow. */
  | { readonly kind: 'clockSuspect'; readonly peer: NodeId }
  /** Chosen, at `slot`; governs the slots after it. Follows the same entry in `chosen`. */
  | { readonly kind: 'membershipChanged'; readonly membership: Membership; readonly slot: Slot };

export interface Effects {
  /** The number of the newest thing to persist, here or earlier. `sendsAfterPersist` wait for it to be durable. */
  readonly sequence: number;
  readonly hardState: HardState | undefined;
  /** Entries accepted. One for a slot that is already on disk replaces it. */
  readonly appends: readonly LogEntry[];
  readonly sends: readonly Envelope[];
  readonly sendsAfterPersist: readonly Envelope[];
  /** In slot order, without gaps, each once (since the start of the replica). Witnesses get them too. */
  readonly chosen: readonly ChosenEntry[];
  readonly events: readonly PaxosEvent[];
}

const NOTHING: readonly never[] = [];

/** Collects effects. Arrays are made only when something goes in: an idle step allocates nothing. */
export class Outbox {
  private lastSequence = 0;
  private hardState: HardState | undefined = undefined;
  private appends: LogEntry[] | undefined = undefined;
  private sends: Envelope[] | undefined = undefined;
  private sendsAfterPersist: Envelope[] | undefined = undefined;
  private chosen: ChosenEntry[] | undefined = undefined;
  private events: PaxosEvent[] | undefined = undefined;

  /** The sequence number that whatever is persisted now will get. */
  get nextSequence(): number {
    return this.lastSequence + 1;
  }

  get isEmpty(): boolean {
    return !this.isPersisting && this.sends === undefined && this.sendsAfterPersist === undefined && this.chosen === undefined && this.events === undefined;
  }

  /** Is there something to persist? */
  get isPersisting(): boolean {
    return this.hardState !== undefined || this.appends !== undefined;
  }

  persistHardState(hardState: HardState): void {
    this.hardState = hardState;
  }

  append(entry: LogEntry): void {
    if (this.appends === undefined) this.appends = [entry];
    else this.appends.push(entry);
  }

  send(to: NodeId, message: PaxosMessage): void {
    if (this.sends === undefined) this.sends = [{ to, message }];
    else this.sends.push({ to, message });
  }

  sendAfterPersist(to: NodeId, message: PaxosMessage): void {
    if (this.sendsAfterPersist === undefined) this.sendsAfterPersist = [{ to, message }];
    else this.sendsAfterPersist.push({ to, message });
  }

  choose(entry: ChosenEntry): void {
    if (this.chosen === undefined) this.chosen = [entry];
    else this.chosen.push(entry);
  }

  event(event: PaxosEvent): void {
    if (this.events === undefined) this.events = [event];
    else this.events.push(event);
  }

  take(): Effects {
    if (this.isPersisting) this.lastSequence++;
    const taken: Effects = {
      sequence: this.lastSequence,
      hardState: this.hardState,
      appends: this.appends ?? NOTHING,
      sends: this.sends ?? NOTHING,
      sendsAfterPersist: this.sendsAfterPersist ?? NOTHING,
      chosen: this.chosen ?? NOTHING,
      events: this.events ?? NOTHING,
    };
    this.hardState = undefined;
    this.appends = undefined;
    this.sends = undefined;
    this.sendsAfterPersist = undefined;
    this.chosen = undefined;
    this.events = undefined;
    return taken;
  }
}

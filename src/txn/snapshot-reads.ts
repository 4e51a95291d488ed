/**
 * Reads of a read-write transaction that take no locks: all at one snapshot, chosen at the first of them, by any replica
 * that is safe there. What has to be unchanged when the transaction commits is remembered, for the leaders to check
 * (validate.ts): everything when serializable and optimistic; at repeatable read, what was read under a lock or to write
 * by. Pessimistic at repeatable read takes those locks at once, and before the snapshot, so that who waits for a lock
 * reads what its holder wrote. Source: Spanner, "Concurrency control", "Isolation levels".
 */
import { resourceExhausted } from '../base/errors.ts';
import type { Key, Timestamp } from '../base/ids.ts';
import type { Gateway } from './gateway.ts';
import { MAX_READ_SPANS } from './limits.ts';
import type { Span } from './locks.ts';
import { NO_FRAGMENT, type GetAnswer, type ScanAnswer, type ScanSpec } from './protocol.ts';
import { GatewaySnapshot } from './snapshot.ts';
import { spansSeen, Touched, upTo } from './touched.ts';
import type { ReadOptions } from './types.ts';
import type { SplitDescriptor } from '../splits/types.ts';

/** Rows that are locked at a time before a fragment looks at them. */
const LOCK_AHEAD_ROWS = 500;

/** Exclusive locks on what is read: answers how far, for a scan. */
export interface ReadLocks {
  keys(keys: readonly Key[], options: ReadOptions): Promise<unknown>;
  scan(split: SplitDescriptor, spec: ScanSpec, options: ReadOptions): Promise<ScanAnswer | 'rerouted'>;
}

export class SnapshotReads {
  /** Must be unchanged since the snapshot when the transaction commits. */
  readonly checked = new Touched('');
  /** Otherwise only what was read under a lock, or to write by. */
  readonly checksAll: boolean;
  private readonly gateway: Gateway;
  private readonly locks: ReadLocks | undefined;
  private snapshot: GatewaySnapshot | undefined;

  constructor(gateway: Gateway, checksAll: boolean, locks: ReadLocks | undefined) {
    this.gateway = gateway;
    this.checksAll = checksAll;
    this.locks = locks;
  }

  /** Undefined before the first read. */
  get timestamp(): Timestamp | undefined {
    return this.snapshot?.readTimestamp;
  }

  async get(keys: readonly Key[], options: ReadOptions, fragment: Uint8Array): Promise<GetAnswer> {
    const isChecked = this.isChecked(options);
    if (isChecked) await this.locks?.keys(keys, options);
    const answer = await this.at().getThrough(fragment, keys, options);
    if (isChecked) this.note(keys.map((from): Span => ({ from, to: undefined })));
    return answer;
  }

  async fetch(split: SplitDescriptor, spec: ScanSpec, options: ReadOptions): Promise<ScanAnswer | 'rerouted'> {
    if (!this.isChecked(options)) return await this.at().fetch(split, spec, options);
    // Locks are for rows as they are, of which the fragment need not make anything.
    const locked = await this.locks?.scan(split, spec.fragment.length === 0 ? { ...spec, each: 0 } : { ...spec, each: 0, fragment: NO_FRAGMENT, limit: LOCK_AHEAD_ROWS }, options);
    if (locked === 'rerouted') return locked;
    const piece = locked === undefined ? spec : upTo(spec, locked);
    const answer = await this.at().fetch(split, piece, options);
    if (answer === 'rerouted') return answer;
    this.note(spansSeen(piece, answer));
    // What was locked may be newer than the snapshot, all of it: the end of the piece need not be that of the range.
    return locked === undefined || !answer.done ? answer : { ...answer, last: locked.last, done: locked.done };
  }

  private at(): GatewaySnapshot {
    this.snapshot ??= new GatewaySnapshot(this.gateway, this.gateway.env.clock.interval().latest);
    return this.snapshot;
  }

  /** Whether what is read must be unchanged when the transaction commits. */
  isChecked({ lock, forWrite }: ReadOptions): boolean {
    return this.checksAll ? lock !== 'none' : (lock !== undefined && lock !== 'none') || forWrite === true;
  }

  private note(spans: readonly Span[]): void {
    this.checked.add(spans);
    if (this.checked.size > MAX_READ_SPANS) {
      throw resourceExhausted(`The transaction has read more than ${MAX_READ_SPANS} rows by key that must be unchanged when it commits; read ranges, or in a read-only transaction.`);
    }
  }
}

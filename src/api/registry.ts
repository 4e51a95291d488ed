/**
 * The read-write transactions whose gateway is this node. Bounded in number; one that nobody uses is rolled back, so
 * that a client that vanished leaves no lock for longer than the idle limit; ended ones are remembered for a while.
 */
import { aborted, resourceExhausted } from '../base/errors.ts';
import type { Timestamp } from '../base/ids.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { GatewayState, GatewayTransaction } from './gateway-transaction.ts';
import { ENDED_TRANSACTION_MICROS, IDLE_TRANSACTION_MICROS, MAX_ACTIVE_TRANSACTIONS, MAX_ENDED_TRANSACTIONS, MAX_TRANSACTIONS_PER_SESSION } from './limits.ts';

export interface RegistryOptions {
  readonly nowMicros: () => number;
  readonly idleMicros?: number;
}

const SWEEP_MS = 500;

export class TransactionRegistry {
  private readonly active = new TransientMap<string, GatewayTransaction>();
  /** In the order in which they ended. */
  private readonly ended = new TransientMap<string, { readonly entry: GatewayTransaction; readonly endMicros: number }>();
  /** Active transactions of sessions that take one at a time, oldest first. */
  private readonly bySession = new TransientMap<string, GatewayTransaction[]>();
  /** Age of the last transaction of a session that was aborted: the next one there retries it. */
  private readonly retryAges = new Map<string, Timestamp>();
  private readonly nowMicros: () => number;
  private readonly idleMicros: number;
  /** Armed while there is something that may expire. */
  private timer: NodeJS.Timeout | undefined;

  constructor(options: RegistryOptions) {
    this.nowMicros = options.nowMicros;
    this.idleMicros = options.idleMicros ?? IDLE_TRANSACTION_MICROS;
  }

  get activeCount(): number {
    return this.active.size;
  }

  find(id: Uint8Array): GatewayTransaction | undefined {
    const key = Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1');
    return this.active.get(key) ?? this.ended.get(key)?.entry;
  }

  checkRoom(): void {
    if (this.active.size >= MAX_ACTIVE_TRANSACTIONS) throw resourceExhausted(`More than ${String(MAX_ACTIVE_TRANSACTIONS)} read-write transactions are active at this node.`);
  }

  add(entry: GatewayTransaction): void {
    this.active.set(entry.id.toString('latin1'), entry);
    this.timer ??= setInterval(() => this.sweep(), Math.min(SWEEP_MS, Math.max(10, this.idleMicros / 4000))).unref();
    if (entry.session.multiplexed) return;
    const own = this.bySession.get(entry.session.name);
    if (own === undefined) this.bySession.set(entry.session.name, [entry]);
    else {
      own.push(entry);
      const oldest = own[0];
      if (own.length > MAX_TRANSACTIONS_PER_SESSION && oldest !== undefined) this.drop(oldest, { kind: 'superseded' });
    }
  }

  /** The age that a new transaction of the session takes over from one that was aborted there. */
  takeRetryAge(session: string): Timestamp | undefined {
    const age = this.retryAges.get(session);
    if (age !== undefined) this.retryAges.delete(session);
    return age;
  }

  /** A session that is not multiplexed takes one transaction at a time: using one closes those begun before it. */
  private supersedeOlder(entry: GatewayTransaction): void {
    const own = this.bySession.get(entry.session.name) ?? [];
    // A copy, since dropping one takes it out of the list.
    for (const older of own.slice(0, Math.max(0, own.indexOf(entry)))) this.drop(older, { kind: 'superseded' });
  }

  /** Brackets a use of the transaction, during which it is not idle. */
  async use<T>(entry: GatewayTransaction, run: () => Promise<T>): Promise<T> {
    this.enter(entry);
    try {
      return await run();
    } finally {
      this.leave(entry);
    }
  }

  enter(entry: GatewayTransaction): void {
    if (entry.active && !entry.session.multiplexed) this.supersedeOlder(entry);
    entry.running++;
  }

  leave(entry: GatewayTransaction): void {
    entry.running--;
    entry.lastUseMicros = this.nowMicros();
    if (!entry.active) this.retire(entry);
  }

  /** Ends the transaction without committing it. Locks go at once; nobody waits for the rollback. */
  drop(entry: GatewayTransaction, state: GatewayState): void {
    if (!entry.active) return;
    entry.state = state;
    // A rollback that fails leaves locks to the participants' own time limits.
    entry.transaction.rollback().catch(() => undefined);
    this.retire(entry);
  }

  private retire(entry: GatewayTransaction): void {
    const key = entry.id.toString('latin1');
    if (!this.active.delete(key)) return;
    // One that is being committed reports its end itself.
    if (entry.state.kind !== 'committing') entry.reportEnd('neverCommitted', this.nowMicros());
    if (entry.state.kind === 'aborted' && !entry.session.multiplexed) this.rememberAge(entry);
    const own = this.bySession.get(entry.session.name);
    if (own !== undefined) {
      const at = own.indexOf(entry);
      if (at >= 0) own.splice(at, 1);
      if (own.length === 0) this.bySession.delete(entry.session.name);
    }
    this.ended.set(key, { entry, endMicros: this.nowMicros() });
    if (this.ended.size > MAX_ENDED_TRANSACTIONS) {
      const oldest = this.ended.oldest();
      if (oldest !== undefined) this.ended.delete(oldest[0]);
    }
  }

  private rememberAge(entry: GatewayTransaction): void {
    if (this.retryAges.size >= MAX_ENDED_TRANSACTIONS) this.retryAges.clear();
    this.retryAges.set(entry.session.name, entry.transaction.age);
  }

  private sweep(): void {
    const now = this.nowMicros();
    for (const entry of this.active.values()) {
      if (entry.running > 0 || now - entry.lastUseMicros < this.idleMicros) continue;
      if (entry.active) this.drop(entry, { kind: 'aborted', error: aborted('The transaction was rolled back because it was idle for too long.') });
      else this.retire(entry);
    }
    for (let oldest = this.ended.oldest(); oldest !== undefined; oldest = this.ended.oldest()) {
      const [key, { entry, endMicros }] = oldest;
      if (now - endMicros < ENDED_TRANSACTION_MICROS) break;
      entry.forgetReplies();
      if (entry.active) entry.transaction.rollback().catch(() => undefined);
      this.ended.delete(key);
    }
    if (this.active.size === 0 && this.ended.size === 0) this.disarm();
  }

  private disarm(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Drops what a deleted session had open. */
  dropSession(session: string): void {
    for (const entry of (this.bySession.get(session) ?? []).slice()) this.drop(entry, { kind: 'rolledBack' });
  }

  close(): void {
    this.disarm();
    for (const entry of this.active.values()) this.drop(entry, { kind: 'aborted', error: aborted('The node is shutting down.') });
  }
}

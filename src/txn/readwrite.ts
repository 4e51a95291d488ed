/**
 * One read-write transaction at its gateway (Spanner, OSDI 2012, §4.2.1).
 *
 * Invariants
 *  1. It commits only if every lock it took was held without a break until the commit timestamp was chosen: each read
 *     remembers the token of the leadership that locked it, and the leaders compare. What it read at a snapshot instead
 *     (snapshot-reads.ts), the leaders lock and check then.
 *  2. After an operation failed with ABORTED nothing of it remains anywhere: locks are released, nothing was written.
 *  3. Every split that prepared learns the outcome: from the coordinator, from here, or by asking.
 */
import { aborted, failedPrecondition, resourceExhausted, Code, TrestleError } from '../base/errors.ts';
import type { ByteReader } from '../base/bytes.ts';
import { timestamp, type Key, type SplitId, type Timestamp, type TxnId } from '../base/ids.ts';
import { answersOf } from './ahead.ts';
import { OverlayCursor, RowsOfAnswers } from './cursor.ts';
import { commitWait } from './commit-wait.ts';
import { tooLarge } from './evaluate.ts';
import { ANY_VERSION } from './fence.ts';
import type { Gateway } from './gateway.ts';
import { getKeys, type AskKeys } from './get-keys.ts';
import { MAX_READ_SPANS, MAX_REQUEST_BYTES } from './limits.ts';
import type { Span } from './locks.ts';
import { capacityFor } from './overlay.ts';
import { SnapshotReads } from './snapshot-reads.ts';
import { WriteConflictError } from './failures.ts';
import * as protocol from './protocol.ts';
import { Method } from './protocol.ts';
import { WriteBuffer } from './write-buffer.ts';
import { inTurns, partsOf, type Part } from './routing.ts';
import { readResultOrConflict } from './service.ts';
import { spansSeen, Touched } from './touched.ts';
import type { Routed, RouteOptions } from '../splits/router.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import type { CommitOptions, CommitResult, IsolationLevel, KeyRange, LockMode, PortionCursor, RangeReadOptions, ReadOptions, ReadWriteOptions, ReadWriteTransaction, RowCursor, TransactionHooks, WriteOp } from './types.ts';

const LOST_LOCKS = 'Transaction was aborted: its locks were lost when the leader changed.';
const WOUNDED = 'Transaction was aborted: an older transaction needed its locks.';
/** A transaction that touches more than this many splits more than once is cut into rounds; a bound, never reached in practice. */
const MAX_ROUNDS = 100;
const NOWHERE: ReadonlySet<SplitId> = new Set();
const WRITTEN = Promise.resolve();
const NO_WRITES = new WriteBuffer();

interface Prepared {
  readonly floor: Timestamp;
  readonly ceiling: Timestamp;
  readonly split: SplitId;
  readonly writes: boolean;
  /** See PrepareAnswer. */
  readonly committed: Timestamp;
}

export class GatewayTransaction implements ReadWriteTransaction {
  readonly id: TxnId;
  readonly age: Timestamp;
  readonly isolation: IsolationLevel;
  readonly readTimestamp = undefined;
  state: 'active' | 'committing' | 'committed' | 'aborted' = 'active';
  private readonly gateway: Gateway;
  /**
   * How rows read by key are locked. A transaction that was aborted probably lost an upgrade from shared to exclusive to
   * an older one; its retry asks for what it needs at once, and queues instead of being wounded again.
   */
  private readonly pointLock: LockMode;
  private readonly ended: () => void;
  readonly hooks: TransactionHooks | undefined;
  /** An empty one once it has ended: a transaction is remembered for long, for clients that repeat calls, and its rows must not be. */
  private buffer = new WriteBuffer();
  /** When reads take no locks. */
  private readonly snapshotReads: SnapshotReads | undefined;
  /** What was read, and locked, at each split. */
  private readonly touched = new Map<SplitId, Touched>();
  private commitAsked = false;
  /** Splits that took part in the commit. */
  participants = 0;
  /** The commit timestamp, if it was fixed in advance. */
  private fixed: Timestamp = timestamp(0);
  /** Splits whose locks were asked for by calls that were given up. */
  private readonly unheard = new Set<SplitId>();
  /** Splits that a prepare was sent to. */
  private readonly preparing = new Set<SplitId>();
  private isWounded = false;
  /** The commit can no longer be taken back from here: a wound comes too late. */
  private deciding = false;
  /** A one-phase commit was sent, and may have gone through unheard, though its split was cut afterwards. */
  private mayHaveCommitted = false;
  /** The coordinator may have committed, but did not answer: the participants must learn the outcome from it. */
  private inDoubt = false;

  constructor(gateway: Gateway, id: TxnId, options: ReadWriteOptions & { readonly age: Timestamp }, retried: boolean, ended: () => void, hooks?: TransactionHooks) {
    this.pointLock = retried ? 'exclusive' : 'shared';
    this.hooks = hooks;
    this.gateway = gateway;
    this.id = id;
    this.age = options.age;
    this.isolation = options.isolation ?? 'serializable';
    this.ended = ended;
    const isSerializable = this.isolation === 'serializable';
    if (isSerializable && options.readLockMode !== 'optimistic') return;
    const locks = {
      keys: (keys: readonly Key[], read: ReadOptions) => this.lockedGet(keys, 'exclusive', read),
      scan: (split: SplitDescriptor, spec: protocol.ScanSpec, read: ReadOptions) => this.lockedScan(split, spec, 'exclusive', read),
    };
    this.snapshotReads = new SnapshotReads(gateway, isSerializable, options.readLockMode === 'pessimistic' ? locks : undefined);
  }

  // ---- reads ------------------------------------------------------------------------------------------------------

  async get(keys: readonly Key[], options: ReadOptions = {}): Promise<readonly (Uint8Array | undefined)[]> {
    this.checkActive();
    if (this.buffer.overlay.isEmpty) return await this.recordsOf(keys, options);
    const known = keys.map((key) => this.buffer.overlay.known(key));
    const asked = keys.filter((_, index) => known[index] === undefined);
    const records = await this.recordsOf(asked, options);
    let next = 0;
    return known.map((own, index) => (own === undefined ? this.buffer.overlay.over(keys[index] as Key, records[next++]) : own.record));
  }

  /** Own writes change what a fragment would make of the rows: beside them it is not run. */
  async getThrough(fragment: Uint8Array, keys: readonly Key[], options: ReadOptions = {}): Promise<protocol.GetAnswer | undefined> {
    this.checkActive();
    return keys.some((key) => this.buffer.overlay.holds(key)) ? undefined : await this.answersOf(keys, options, fragment);
  }

  /** What the database has. */
  private async recordsOf(keys: readonly Key[], options: ReadOptions): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.length === 0 ? [] : (await this.answersOf(keys, options, protocol.NO_FRAGMENT)).records;
  }

  private answersOf(keys: readonly Key[], options: ReadOptions, fragment: Uint8Array): Promise<protocol.GetAnswer> {
    return this.snapshotReads === undefined ? this.lockedGet(keys, options.lock ?? this.pointLock, options, fragment) : this.guard(this.snapshotReads.get(keys, options, fragment));
  }

  private lockedGet(keys: readonly Key[], lock: LockMode, { signal, onRemoteCall: onRemote }: ReadOptions, fragment = protocol.NO_FRAGMENT): Promise<protocol.GetAnswer> {
    let moves = 0;
    const ask: AskKeys = async (split, asked) => {
      const body = protocol.encodeGet({ ...this.header(split), lock, keys: asked, fragment });
      const answer = await this.ask(split.id, Method.get, body, lock, { signal, onRemote });
      if (answer === 'rerouted') {
        if (++moves > MAX_ROUNDS) throw aborted('Transaction was aborted: its splits moved too often.');
        return answer;
      }
      this.touch(split.id, answer.string(), lock, asked.map((key) => ({ from: key, to: undefined })));
      return protocol.readGetAnswer(answer);
    };
    return this.guard(getKeys(this.gateway.router, keys, ask));
  }

  scan(range: KeyRange, options: RangeReadOptions = {}): RowCursor {
    const { overlay } = this.buffer;
    // Own deletes may hide rows that count against the limits.
    const base = new RowsOfAnswers(this.answers(range, overlay.isEmpty ? options : { ...options, limit: Infinity, each: 0 }, protocol.NO_FRAGMENT));
    return overlay.isEmpty ? base : new OverlayCursor(base, overlay, (options.within ?? [range]).flatMap((part) => overlay.keysIn(part, options.reverse === true)), options);
  }

  scanThrough(fragment: Uint8Array, range: KeyRange, options: RangeReadOptions = {}): PortionCursor | undefined {
    return (options.within ?? [range]).some((part) => this.buffer.overlay.touches(part)) ? undefined : this.answers(range, options, fragment);
  }

  private answers(range: KeyRange, options: RangeReadOptions, fragment: Uint8Array): PortionCursor {
    this.checkActive();
    return answersOf(this.gateway.router, range, options, fragment, this.snapshotReads?.isChecked(options) ?? true, (split, spec, read) => this.fetch(split, spec, read));
  }

  private fetch(split: SplitDescriptor, spec: protocol.ScanSpec, options: ReadOptions): Promise<protocol.ScanAnswer | 'rerouted'> {
    this.checkActive();
    return this.snapshotReads === undefined ? this.lockedScan(split, spec, options.lock ?? 'shared', options) : this.guard(this.snapshotReads.fetch(split, spec, options));
  }

  private async lockedScan(split: SplitDescriptor, spec: protocol.ScanSpec, lock: LockMode, { signal, onRemoteCall: onRemote }: ReadOptions): Promise<protocol.ScanAnswer | 'rerouted'> {
    const body = protocol.encodeScan({ ...this.header(split), ...spec, lock });
    const answer = await this.guard(this.ask(split.id, Method.scan, body, lock, { signal, onRemote }));
    if (answer === 'rerouted') return answer;
    const result = protocol.readScanAnswer(answer);
    await this.guard(Promise.resolve().then(() => this.touch(split.id, result.token, lock, spansSeen(spec, result))));
    return result;
  }

  /** A call that may take locks. One that is given up may have them all the same, or still wait for them. */
  private ask(split: SplitId, method: string, body: Uint8Array, lock: LockMode, options: RouteOptions): Promise<ByteReader | 'rerouted'> {
    return this.gateway.router.call(split, method, body, options).catch((error: unknown) => {
      // ABORTED is the leader's own word that it holds nothing.
      if (lock !== 'none' && !(error instanceof TrestleError && error.code === Code.ABORTED)) this.leave(split);
      throw error;
    });
  }

  /** The split is told when the transaction ends, or at once when it has. */
  private leave(split: SplitId): void {
    if (this.state === 'active' || this.state === 'committing') this.unheard.add(split);
    else if (!this.inDoubt) this.gateway.release([split], this.id);
  }

  // ---- writes -----------------------------------------------------------------------------------------------------

  write(ops: readonly WriteOp[]): Promise<void> {
    try {
      this.checkActive();
      this.buffer.add(ops);
      return WRITTEN;
    } catch (error) {
      return Promise.reject(error instanceof WriteConflictError ? this.described(error) : error);
    }
  }

  async fixCommitTimestamp(): Promise<Timestamp> {
    this.checkActive();
    // Waiting for locks must not use up the time until then.
    await this.lockedGet(this.buffer.keys(), 'exclusive', {});
    const { earliest, latest } = this.gateway.env.clock.interval();
    // A leader's clock may be ahead of this one by both uncertainties.
    this.fixed = timestamp(latest + (latest - earliest) + this.gateway.lead.micros);
    return this.fixed;
  }

  async rollback(): Promise<void> {
    if (this.state === 'active') this.end('aborted');
  }

  async commit(options: CommitOptions = {}): Promise<CommitResult> {
    this.checkActive();
    if (this.commitAsked) throw failedPrecondition('Transaction is being committed.');
    this.commitAsked = true;
    let endCommit: (() => void) | undefined;
    try {
      const begun = this.hooks?.beginCommit();
      if (begun instanceof Promise) {
        endCommit = await begun;
        this.checkActive();
      } else endCommit = begun;
      this.state = 'committing';
      const commitTimestamp = await this.run(options);
      if (this.fixed > 0) this.gateway.lead.inTime();
      this.end('committed');
      const snapshotTimestamp = this.snapshotReads?.timestamp;
      return snapshotTimestamp === undefined ? { commitTimestamp } : { commitTimestamp, snapshotTimestamp };
    } catch (error) {
      if (this.state !== 'aborted') this.end('aborted');
      const { latest } = this.gateway.env.clock.interval();
      if (this.fixed > 0 && latest > this.fixed) this.gateway.lead.late(latest - this.fixed);
      if (error instanceof WriteConflictError) throw this.described(error);
      throw this.isWounded && !this.deciding && !this.mayHaveCommitted ? aborted(WOUNDED) : error;
    } finally {
      endCommit?.();
    }
  }

  /** `round`: how often a split turned out to have been cut. */
  private run(options: CommitOptions, round = 0): Promise<Timestamp> {
    const parts = this.parts();
    return parts instanceof Promise ? parts.then((found) => this.runParts(found, options, round)) : this.runParts(parts, options, round);
  }

  private runParts(parts: readonly Part[], options: CommitOptions, round: number): Promise<Timestamp> {
    this.participants = parts.length;
    if (this.isWounded && !this.mayHaveCommitted) throw aborted(WOUNDED);
    if (round > MAX_ROUNDS) throw aborted('Transaction was aborted: its splits moved too often.');
    const [first] = parts;
    if (first === undefined) return this.nothing();
    return parts.length > 1 || first.ops.length === 0 ? this.twoPhase(parts, options) : this.onePhase(first, options, round);
  }

  /** Neither wrote, nor read what has to stay as it was: the timestamp of the snapshot, if there is one, or any will do. */
  private async nothing(): Promise<Timestamp> {
    const at = this.snapshotReads?.timestamp ?? this.gateway.env.clock.interval().latest;
    await commitWait(this.gateway.env, at);
    return at;
  }

  private schemaVersion(): Timestamp {
    return this.hooks?.schemaVersion() ?? ANY_VERSION;
  }

  /** Everything in one split: one call, one Paxos round. */
  private onePhase(part: Part, options: CommitOptions, round: number): Promise<Timestamp> {
    // Locks of earlier reads are there as long as their leadership is, which the header says.
    const checks = this.checksOf(this.snapshotReads === undefined ? [] : part.reads);
    const body = protocol.encodeCommit({ ...this.header(part.split), generation: part.split.generation, maxDelayMicros: options.maxCommitDelayMicros ?? 0, schemaVersion: this.schemaVersion(), checks, fixed: this.fixed, ops: part.ops }, capacityFor(part.ops));
    if (body.length > MAX_REQUEST_BYTES) throw tooLarge();
    this.preparing.add(part.split.id);
    this.deciding = true;
    this.mayHaveCommitted = true;
    return this.gateway.requests.call(part.split.id, Method.commit, body, { signal: options.signal }).then((answer) => {
      if (answer === 'rerouted') {
        this.deciding = false;
        return this.run(options, round + 1);
      }
      throwConflict(answer);
      // The split let go of everything, and so did those that it was cut into.
      this.touched.clear();
      this.preparing.clear();
      return timestamp(answer.varint());
    });
  }

  private async twoPhase(parts: readonly Part[], options: CommitOptions): Promise<Timestamp> {
    const coordinator = (parts.find((part) => part.ops.length > 0) ?? parts[0])?.split.id as SplitId;
    const prepared = await this.prepareAll(parts, coordinator, options);
    const already = prepared.find((part) => part.committed > 0);
    if (already !== undefined) {
      this.touched.clear();
      this.preparing.clear();
      return already.committed;
    }
    if (this.isWounded) throw aborted(WOUNDED);
    const ceiling = timestamp(Math.min(...prepared.map((part) => part.ceiling)));
    const floor = timestamp(Math.max(this.floor, ...prepared.map((part) => part.floor)));
    const writers = prepared.filter((part) => part.writes);
    if (writers.length === 0) return await this.readOnly(prepared, ceiling);
    this.deciding = true;
    const split = prepared.find((part) => part.split === coordinator)?.split ?? coordinator;
    const participants = writers.map((part) => part.split).filter((id) => id !== split);
    const token = this.touched.get(split)?.token ?? '';
    const header = { split, txn: this.id, age: this.age, gateway: this.gateway.self, token };
    this.inDoubt = true;
    const answer = await this.decide(split, protocol.encodeDecide({ ...header, floor, ceiling, participants }));
    this.inDoubt = false;
    if (answer === 'rerouted') throw aborted('Transaction was aborted: its coordinator moved.');
    const at = timestamp(answer.varint());
    this.gateway.release(prepared.filter((part) => !part.writes).map((part) => part.split), this.id);
    this.touched.clear();
    this.preparing.clear();
    return at;
  }

  private async decide(coordinator: SplitId, body: Uint8Array): Promise<ByteReader | 'rerouted'> {
    try {
      return await this.gateway.router.call(coordinator, Method.decide, body);
    } catch (error) {
      // Only the coordinator's own word says that it did not commit, and never will.
      if (error instanceof TrestleError && error.code === Code.ABORTED) this.inDoubt = false;
      throw error;
    }
  }

  /** Nothing was written: the locks were all held at one instant, which is the commit timestamp. */
  private async readOnly(prepared: readonly Prepared[], ceiling: Timestamp): Promise<Timestamp> {
    const at = timestamp(Math.max(this.gateway.env.clock.interval().latest, this.floor));
    if (at >= ceiling) throw aborted('Transaction was aborted: a lease ended before it could commit.');
    this.deciding = true;
    await commitWait(this.gateway.env, at);
    this.gateway.release(prepared.map((part) => part.split), this.id);
    return at;
  }

  private async prepareAll(parts: readonly Part[], coordinator: SplitId, options: CommitOptions): Promise<Prepared[]> {
    const prepared: Prepared[] = [];
    for (const some of this.gateway.requests.isLarge(this.buffer.bytes) ? inTurns(parts, coordinator) : [parts]) {
      const results = await Promise.allSettled(this.prepareParts(some, coordinator, options, 0));
      prepared.push(...results.flatMap((result) => (result.status === 'fulfilled' ? result.value : [])));
      if (prepared.some((part) => part.committed > 0)) return prepared;
      const failed = results.filter((result) => result.status === 'rejected').map((result) => result.reason as unknown);
      if (failed.length > 0) throw failed.find((error) => error instanceof WriteConflictError) ?? failed[0];
      if (this.isWounded) throw aborted(WOUNDED);
    }
    return prepared;
  }

  /** Prepares at each split, or at those that it was cut into meanwhile. */
  private prepareParts(parts: readonly Part[], coordinator: SplitId, options: CommitOptions, round: number): Promise<Prepared[]>[] {
    if (this.isWounded) throw aborted(WOUNDED);
    if (round > MAX_ROUNDS) throw aborted('Transaction was aborted: its splits moved too often.');
    const common = { coordinator, maxDelayMicros: round === 0 ? (options.maxCommitDelayMicros ?? 0) : 0, schemaVersion: this.schemaVersion(), fixed: this.fixed };
    const calls = parts.map(({ split, ops, reads }) => {
      const body = protocol.encodePrepare({ ...this.header(split), ...common, checks: this.checksOf(reads), ops }, capacityFor(ops));
      if (body.length > MAX_REQUEST_BYTES) throw tooLarge();
      return { split: split.id, body };
    });
    for (const { split } of parts) this.preparing.add(split.id);
    const answers = this.gateway.requests.callEach(Method.prepare, calls, { signal: options.signal });
    return answers.map((answer, i) => this.prepared(parts[i] as Part, answer, coordinator, options, round));
  }

  private async prepared({ split, ops, reads }: Part, asked: Promise<Routed>, coordinator: SplitId, options: CommitOptions, round: number): Promise<Prepared[]> {
    const answer = await asked;
    if (answer === 'rerouted') {
      const pieces = await partsOf(this.gateway.router, ops, reads);
      // The coordinator must be one that exists; the piece that keeps the id stays it.
      if (split.id === coordinator && !pieces.some((piece) => piece.split.id === coordinator && piece.ops.length > 0)) {
        throw aborted('Transaction was aborted: its coordinator moved.');
      }
      return (await Promise.all(this.prepareParts(pieces, coordinator, options, round + 1))).flat();
    }
    throwConflict(answer);
    const floor = timestamp(answer.varint());
    const ceiling = timestamp(answer.varint());
    const token = answer.string();
    const committed = timestamp(answer.varint());
    if (split.id === coordinator && committed === 0) this.touch(split.id, token, 'shared', []);
    return [{ split: split.id, writes: ops.length > 0, floor, ceiling, committed }];
  }

  private parts(): Part[] | Promise<Part[]> {
    return partsOf(this.gateway.router, this.buffer.ops, this.spansToKeep());
  }

  /** What was read and must be as it was at the commit timestamp. */
  private spansToKeep(): Span[] {
    const { snapshotReads } = this;
    if (snapshotReads === undefined) return [...this.touched.values()].flatMap((touched) => touched.spans());
    // Nothing was written: the transaction takes its place at the snapshot, and may see what it likes there.
    return this.buffer.ops.length === 0 && snapshotReads.checksAll ? [] : snapshotReads.checked.spans();
  }

  private checksOf(reads: readonly Span[]): protocol.Checks {
    const since = this.snapshotReads?.timestamp ?? timestamp(0);
    return { since, writes: since > 0 && this.isolation === 'repeatable-read', reads };
  }

  /** The commit timestamp is above that of the snapshot. */
  private get floor(): Timestamp {
    const at = this.snapshotReads?.timestamp;
    return timestamp(at === undefined ? 0 : at + 1);
  }

  // ---- ends -------------------------------------------------------------------------------------------------------

  /** A leader says that the locks there are gone, or that an older transaction waits for them: again while it does, since a release may have come too soon. */
  wounded(): void {
    if (this.deciding || this.state === 'committed' || this.state === 'aborted') return;
    this.isWounded = true;
    if (this.state === 'active') this.end('aborted');
    else this.gateway.release([...this.preparing], this.id);
  }

  private end(state: 'committed' | 'aborted'): void {
    this.state = state;
    this.buffer = NO_WRITES;
    this.ended();
    // Otherwise a participant would take back what the coordinator committed; leaders ask after this transaction by themselves.
    if (this.inDoubt) return;
    if (this.touched.size === 0 && this.preparing.size === 0 && this.unheard.size === 0) return;
    const asked = state === 'aborted' ? this.preparing : NOWHERE;
    if (asked.size > 0) this.gateway.tellOutcome([...asked], this.id, timestamp(0));
    this.gateway.release([...new Set([...this.touched.keys(), ...this.preparing, ...this.unheard])].filter((split) => !asked.has(split)), this.id);
    this.touched.clear();
    this.preparing.clear();
  }

  private described(error: WriteConflictError): TrestleError {
    return this.hooks?.describeConflict(error.conflict) ?? error;
  }

  private checkActive(): void {
    if (this.isWounded) throw aborted(WOUNDED);
    if (this.state === 'aborted') throw aborted('Transaction was aborted.');
    if (this.state !== 'active') throw failedPrecondition(`Transaction is ${this.state}.`);
  }

  /** An operation that fails with ABORTED ends the transaction. */
  private async guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof TrestleError && error.code === Code.ABORTED && this.state === 'active') this.end('aborted');
      throw error;
    } finally {
      if (this.isWounded && this.state === 'active') this.end('aborted');
    }
  }

  private header(split: SplitDescriptor): protocol.TxnHeader {
    return { split: split.id, txn: this.id, age: this.age, gateway: this.gateway.self, token: this.tokenFor(split) };
  }

  /** The token of what was locked in the split, also if that was before it was cut from another. */
  private tokenFor(split: SplitDescriptor): string {
    const own = this.touched.get(split.id);
    if (own !== undefined) return own.token;
    for (const touched of this.touched.values()) if (touched.isIn(split)) return touched.token;
    return '';
  }

  /** How much it remembers of what it read. */
  get readSpanCount(): number {
    let count = 0;
    for (const touched of this.touched.values()) count += touched.size;
    return count;
  }

  private touch(split: SplitId, token: string, lock: LockMode, spans: readonly Span[]): void {
    if (lock === 'none') return;
    const known = this.touched.get(split);
    if (this.state === 'aborted') {
      this.leave(split); // The answer came after the end.
      throw aborted(this.isWounded ? WOUNDED : 'Transaction was aborted.');
    }
    // Two reads at once, and the leader changed between them: what the first locked is gone.
    if (known !== undefined && known.token !== token) throw aborted(LOST_LOCKS);
    const touched = known ?? new Touched(token);
    this.touched.set(split, touched);
    touched.add(spans);
    if (touched.size > MAX_READ_SPANS) throw resourceExhausted(`The transaction reads more than ${MAX_READ_SPANS} rows by key under locks; read ranges, or in a read-only transaction.`);
  }
}

function throwConflict(answer: ByteReader): void {
  const conflict = readResultOrConflict(answer);
  if (conflict !== undefined) throw new WriteConflictError(conflict);
}

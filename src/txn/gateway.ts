/**
 * Transactions at the node that a client talks to. A read-write transaction lives here: what it read and where, what it
 * wrote, and the commit, in one round trip when one split holds it all, and by two-phase commit otherwise.
 */
import type { Environment } from '../base/env.ts';
import { timestamp, txnId, type Key, type NodeId, type SplitId, type Timestamp, type TxnId } from '../base/ids.ts';
import type { Rpc } from '../net/rpc.ts';
import type { SplitHost } from '../splits/host.ts';
import type { Router, SplitCall } from '../splits/router.ts';
import { readTxnId } from './commands.ts';
import { ByteReader } from '../base/bytes.ts';
import { TransientMap } from '../base/transient-map.ts';
import { decodeIds, encodeFence, encodeIds, encodeOutcome, encodeReference, Method, readStatus, type StatusAnswer } from './protocol.ts';
import { RequestSender } from './large.ts';
import { Lead } from './lead.ts';
import { Participant } from './participant.ts';
import { GatewayTransaction } from './readwrite.ts';
import { GatewaySnapshot } from './snapshot.ts';
import type { KeyRange, ReadWriteOptions, ReadWriteTransaction, ReplicaSelection, Snapshot, TimestampBound, TransactionHooks, TransactionSystem } from './types.ts';

/**
 * An id is 32 hexadecimal digits: the microseconds of the age, 14 of them, and what nobody guesses. The last six of the age
 * are written by themselves: numbers beyond 32 bits take V8 five times as long, and the others change four times a minute.
 */
const AGE_LOW = 2 ** 24;
const AGE_HIGH_DIGITS = 8;
const RANDOM_BYTES = 9;
/** How long messages that finish a transaction are tried; whoever misses them finds out by itself. */
const FINISH_LIMIT_MICROS = 5_000_000;

export interface GatewayOptions {
  readonly env: Environment;
  readonly rpc: Rpc;
  readonly router: Router;
  readonly host: SplitHost;
  /** Larger requests to leaders are fetched by them (large.ts). */
  readonly sentRequestBytes?: number | undefined;
  /** The nodes whose replicas of the split are selected, the one to ask first in front. */
  readonly select?: (split: SplitId, replicas: ReplicaSelection) => readonly NodeId[];
}

export class Gateway implements TransactionSystem {
  readonly env: Environment;
  readonly router: Router;
  readonly host: SplitHost;
  readonly requests: RequestSender;
  readonly select: (split: SplitId, replicas: ReplicaSelection) => readonly NodeId[];
  /** How far ahead commit timestamps are fixed. */
  readonly lead = new Lead();
  private readonly active = new TransientMap<TxnId, GatewayTransaction>();
  /** The first digits of ids, and what they stand for. */
  private ageHigh = -1;
  private ageDigits = '';

  constructor(options: GatewayOptions) {
    this.env = options.env;
    this.router = options.router;
    this.host = options.host;
    this.requests = new RequestSender(options.rpc, options.router, options.sentRequestBytes);
    this.select = options.select ?? ((): readonly NodeId[] => []);
    options.rpc.handle(Method.wounded, (_, body) => {
      this.active.get(readTxnId(new ByteReader(body)))?.wounded();
      return EMPTY;
    });
    options.rpc.handle(Method.forgotten, (_, body) => encodeIds(decodeIds(body).filter((id) => !this.active.has(id))));
  }

  get self(): NodeId {
    return this.host.self;
  }

  get activeCount(): number {
    return this.active.size;
  }

  beginReadWrite(options: ReadWriteOptions = {}, hooks?: TransactionHooks): ReadWriteTransaction {
    const age = options.age ?? this.env.clock.interval().latest;
    const id = this.newId(age);
    const transaction = new GatewayTransaction(this, id, { ...options, age }, options.age !== undefined, () => this.active.delete(id), hooks);
    this.active.set(id, transaction);
    return transaction;
  }

  /** In about the order in which transactions begin, so that their outcomes are written next to each other (ledger.ts). */
  private newId(age: Timestamp): TxnId {
    const high = Math.floor(age / AGE_LOW);
    if (high !== this.ageHigh) {
      this.ageHigh = high;
      this.ageDigits = high.toString(16).padStart(AGE_HIGH_DIGITS, '0');
    }
    return txnId(this.ageDigits + (AGE_LOW + (age % AGE_LOW)).toString(16).slice(1) + this.env.random.hex(RANDOM_BYTES));
  }

  async snapshot(bound: TimestampBound, replicas?: ReplicaSelection): Promise<Snapshot> {
    return new GatewaySnapshot(this, this.choose(bound), replicas);
  }

  private choose(bound: TimestampBound): Timestamp {
    const { earliest, latest } = this.env.clock.interval();
    const since = (micros: number): Timestamp => timestamp(Math.max(1, earliest - micros));
    switch (bound.kind) {
      case 'strong':
        return latest;
      case 'exactStaleness':
        return bound.stalenessMicros === 0 ? latest : since(bound.stalenessMicros);
      case 'readTimestamp':
        return bound.timestamp;
      case 'minReadTimestamp':
        return timestamp(Math.max(bound.timestamp, this.localSafeTime(latest)));
      case 'maxStaleness':
        return timestamp(Math.max(since(bound.stalenessMicros), this.localSafeTime(latest)));
      default:
        return bound satisfies never;
    }
  }

  /** Every replica here can be read at this timestamp without asking anybody. */
  private localSafeTime(latest: Timestamp): Timestamp {
    let safe: number = latest;
    for (const hosted of this.host.all()) {
      const participant = hosted.application;
      if (participant instanceof Participant && !participant.leads()) safe = Math.min(safe, participant.safeTime.now());
    }
    return timestamp(safe);
  }

  // ---- messages that finish transactions ----------------------------------------------------------------------------

  /** Tells splits to let go of a transaction that has nothing logged there. Best effort: the leader expires it otherwise. */
  release(splits: readonly SplitId[], txn: TxnId): void {
    this.finish(Method.release, splits.map((split) => ({ split, body: encodeReference(split, txn) })));
  }

  tellOutcome(splits: readonly SplitId[], txn: TxnId, at: Timestamp): void {
    this.finish(Method.outcome, splits.map((split) => ({ split, body: encodeOutcome({ split, txn, timestamp: at }) })));
  }

  /** From here on no commit under a version of the schema below `version` goes through in the range. */
  async raiseFence(range: KeyRange, version: Timestamp): Promise<void> {
    for (let at = range.from; at < range.to; ) {
      const split = await this.router.locate(at);
      const answer = await this.router.call(split.id, Method.fence, encodeFence({ split: split.id, at, version }));
      if (answer !== 'rerouted') at = answer.binary() as Key;
    }
  }

  async askStatus(split: SplitId, txn: TxnId): Promise<StatusAnswer> {
    const answer = await this.router.call(split, Method.status, encodeReference(split, txn), { limitMicros: FINISH_LIMIT_MICROS });
    return answer === 'rerouted' ? { kind: 'pending' } : readStatus(answer);
  }

  private finish(method: string, calls: readonly SplitCall[]): void {
    this.router.callEach(method, calls, { limitMicros: FINISH_LIMIT_MICROS }).forEach((answer, i) => {
      answer.catch((error: unknown) => {
        this.env.log.debug('txn.finishFailed', { split: calls[i]?.split, method, error: String(error) });
      });
    });
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * The participant's end of the `txn.*` calls: finds the split, checks that it holds what is asked for and leads, and
 * answers with the result or with directions.
 */

import { ByteWriter } from '../base/bytes.ts';
import type { Environment } from '../base/env.ts';
import { failedPrecondition } from '../base/errors.ts';
import type { Key, NodeId, SplitId, Timestamp } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import type { Rpc } from '../net/rpc.ts';
import { notLeaderAnswer, okAnswer, wrongSplitAnswer } from '../splits/answer.ts';
import type { SplitHost } from '../splits/host.ts';
import { intersect, isWithin, rangeCovers } from '../splits/ranges.ts';
import type { SplitDescriptor } from '../splits/types.ts';
import { latestVersion, readAt } from '../storage/mvcc.ts';
import { collect, Gathering, type Collected } from './collect.ts';
import { spansOf } from './evaluate.ts';
import { decodeNotice, RequestFetcher, type Notice } from './large.ts';
import type { Span } from './locks.ts';
import { NotLeading, RangeMoved, WriteConflictError } from './failures.ts';
import { Participant } from './participant.ts';
import * as protocol from './protocol.ts';
import { Method } from './protocol.ts';
import { spansSeen, upTo } from './touched.ts';
import type { FragmentCompiler, WriteConflict, WriteOp } from './types.ts';

type MaybePromise<T> = T | Promise<T>;

/** How long a follower lets a snapshot read wait for safe time before it sends the reader to the leader. */
const SAFE_TIME_WAIT_MICROS = 60_000;
/** A reader's clock may be this far ahead of the leader's: within it the leader waits. */
const MAX_READ_AHEAD_MICROS = 1_000_000;
/** Later than every timestamp. */
const END_OF_TIME = Number.MAX_SAFE_INTEGER as Timestamp;

interface Served {
  readonly participant: Participant;
  readonly descriptor: () => SplitDescriptor;
  /** The rows have not been replaced by a snapshot since. */
  readonly isWhole: () => boolean;
}

type SnapshotRead = (participant: Participant) => MaybePromise<Uint8Array>;

/** What a request touches, to check that it all lies in the split. */
type Extent = readonly Span[];

export class TxnService {
  private readonly host: SplitHost;
  private readonly env: Environment;
  private readonly rpc: Rpc;
  private readonly compile: FragmentCompiler;
  private readonly fetcher: RequestFetcher;

  constructor(host: SplitHost, rpc: Rpc, compile: FragmentCompiler) {
    this.compile = compile;
    this.host = host;
    this.env = host.env;
    this.rpc = rpc;
    this.fetcher = new RequestFetcher(rpc);
  }

  register(): void {
    const { rpc } = this;
    rpc.handle(Method.get, (_, body) => this.get(protocol.decodeGet(body)));
    rpc.handle(Method.scan, (_, body) => this.scan(protocol.decodeScan(body)));
    rpc.handle(Method.snapshotGet, (_, body) => this.snapshotGet(protocol.decodeSnapshotGet(body)));
    rpc.handle(Method.snapshotScan, (_, body) => this.snapshotScan(protocol.decodeSnapshotScan(body)));
    rpc.handle(Method.commit, (_, body) => this.commit(protocol.decodeCommit(body)));
    rpc.handle(Method.prepare, (_, body) => this.prepare(protocol.decodePrepare(body)));
    rpc.handle(Method.large, (from, body, signal) => this.large(from, decodeNotice(body), signal));
    rpc.handle(Method.decide, (_, body) => this.decide(protocol.decodeDecide(body)));
    rpc.handle(Method.outcome, (_, body) => this.outcome(protocol.decodeOutcome(body)));
    rpc.handle(Method.release, (_, body) => this.release(protocol.decodeReference(body)));
    rpc.handle(Method.fence, (_, body) => this.fence(protocol.decodeFence(body)));
    rpc.handle(Method.status, (_, body) => this.status(protocol.decodeReference(body)));
    rpc.handle(Method.settle, (_, body) => this.settle(protocol.decodeSettle(body)));
    rpc.handle(Method.find, (_, body) => this.findOutcome(protocol.decodeFind(body)));
  }

  // ---- reads under locks ------------------------------------------------------------------------------------------

  private get(request: protocol.GetRequest): MaybePromise<Uint8Array> {
    const spans = request.keys.map((key): Span => ({ from: key, to: undefined }));
    return this.serve(request.split, spans, ({ participant }) => {
      const read = (token: string): Uint8Array => {
        const out = okAnswer().string(token);
        const gathering = new Gathering(request, this.compile);
        for (let key = gathering.next(); key !== undefined; key = gathering.next()) gathering.take(key, latestVersion(this.host.engine, key)?.record);
        protocol.writeGetAnswer(out, gathering.finish());
        return out.view();
      };
      if (request.lock === 'none') return read(request.token);
      const token = participant.tryLock(request, spans, request.lock);
      if (token !== undefined) return read(token);
      return participant.lock(request, spans, request.lock).then((late) => this.recheck(request.split, spans, () => read(late)));
    });
  }

  private scan(request: protocol.ScanRequest): MaybePromise<Uint8Array> {
    const whole: Span = { from: request.from, to: request.to };
    return this.serve(request.split, [whole], async ({ participant }) => {
      if (request.lock === 'none') return this.scanAnswer(await this.collect(request, END_OF_TIME), request.token);
      // Lock no more than what is looked at: find where the batch ends, lock that far, and read it again under the lock.
      // Rows may come or go while the lock is waited for, so that this answer may end before that, or be without rows.
      const preview = await this.preview(request);
      const part = upTo(request, preview);
      let spans = spansSeen(request, preview);
      for (;;) {
        const token = await participant.lock(request, spans, request.lock);
        const seen = await this.collect(part, END_OF_TIME);
        const answer = seen.done ? { ...seen, last: preview.last, done: preview.done } : seen;
        // Where some rows of each range are enough, and one has gone, the next one has to be locked, too.
        const needed = spansSeen(part, seen);
        if (needed.every(({ to }, i) => to <= (spans[i]?.to ?? ''))) return this.recheck(request.split, [whole], () => this.scanAnswer(answer, token));
        spans = needed;
      }
    });
  }

  /** What is looked at, as it is before it is locked. A fragment that fails is tried again on what is locked: all of it. */
  private async preview(request: protocol.ScanRequest): Promise<Pick<Collected, 'rows' | 'last' | 'done'>> {
    try {
      return await this.collect(request, END_OF_TIME);
    } catch (error) {
      if (request.fragment.length === 0) throw error;
      return { rows: [], last: undefined, done: true };
    }
  }

  // ---- snapshot reads ---------------------------------------------------------------------------------------------

  private snapshotGet(request: protocol.SnapshotGetRequest): MaybePromise<Uint8Array> {
    const spans = request.keys.map((key): Span => ({ from: key, to: undefined }));
    return this.serveSnapshot(request.split, request.at, spans, ({ fence }) => {
      fence.checkRead(request.schemaVersion, request.at);
      const { engine } = this.host;
      const gathering = new Gathering(request, this.compile);
      const answer = (): Uint8Array => {
        const out = okAnswer();
        protocol.writeGetAnswer(out, gathering.finish());
        return out.view();
      };
      const older = async (first: Key, record: Promise<Uint8Array | undefined>): Promise<Uint8Array> => {
        gathering.take(first, await record);
        for (let key = gathering.next(); key !== undefined; key = gathering.next()) gathering.take(key, await readAt(engine, key, request.at));
        return answer();
      };
      for (let key = gathering.next(); key !== undefined; key = gathering.next()) {
        const record = readAt(engine, key, request.at);
        if (record instanceof Promise) return older(key, record);
        gathering.take(key, record);
      }
      return answer();
    });
  }

  private snapshotScan(request: protocol.SnapshotScanRequest): MaybePromise<Uint8Array> {
    const spans: Extent = request.within.length > 0 ? request.within : [{ from: request.from, to: request.to }];
    return this.serveSnapshot(request.split, request.at, spans, async ({ fence }) => {
      fence.checkRead(request.schemaVersion, request.at);
      return this.scanAnswer(await this.collect(request, request.at), '');
    });
  }

  /** Runs `read` once this replica can be read at `at`, or sends the reader to the leader. */
  private serveSnapshot(split: SplitId, at: Timestamp, spans: Extent, read: SnapshotRead): MaybePromise<Uint8Array> {
    const served = this.find(split, spans);
    if (served instanceof Uint8Array) return served;
    const { participant } = served;
    if (at < participant.horizon.now()) return this.tooOld(split, participant, at);
    if (!participant.leads()) {
      if (participant.safeTime.now() >= at) return this.reading(split, served, at, read);
      return participant.safeTime.wait(at, SAFE_TIME_WAIT_MICROS).then((safe) => (safe ? this.recheckSnapshot(split, at, spans, read) : this.notLeader(split)));
    }
    const ahead = at - this.env.clock.interval().latest;
    if (ahead > 0) {
      if (ahead > MAX_READ_AHEAD_MICROS) return this.notLeader(split);
      return this.sleep(ahead).then(() => this.serveSnapshot(split, at, spans, read));
    }
    if (at >= participant.context.leaseEnd()) return this.notLeader(split);
    participant.reserve(at);
    for (const span of spans) {
      const busy = participant.writersBelow(span, at);
      if (busy !== undefined) return busy.then(() => this.serveSnapshot(split, at, spans, read));
    }
    return this.reading(split, served, at, read);
  }

  /** Versions that the read may need stay until it has ended. One that a snapshot has overtaken is to be made elsewhere. */
  private reading(split: SplitId, { participant, isWhole }: Served, at: Timestamp, read: SnapshotRead): MaybePromise<Uint8Array> {
    const leave = participant.horizon.enter(at);
    let answer: MaybePromise<Uint8Array>;
    try {
      answer = read(participant);
    } catch (error) {
      leave();
      throw error;
    }
    if (answer instanceof Promise) return answer.then((rows) => (isWhole() ? rows : this.notLeader(split))).finally(leave);
    leave();
    return answer;
  }

  /** Versions as old as that are collected here; the leader may still have them, or says so itself. */
  private tooOld(split: SplitId, participant: Participant, at: Timestamp): Uint8Array {
    if (!participant.leads()) return this.notLeader(split);
    throw failedPrecondition(`The read timestamp ${new Date(at / 1000).toISOString()} has passed the limit of version garbage collection.`);
  }

  private collect(spec: protocol.ScanSpec, at: Timestamp): Promise<Collected> {
    return collect(this.host.engine, spec, at, this.compile);
  }

  private scanAnswer(found: Collected, token: string): Uint8Array {
    const out = okAnswer();
    protocol.writeScanAnswer(out, { token, ...found });
    return out.view();
  }

  // ---- commits ----------------------------------------------------------------------------------------------------

  private commit(request: protocol.CommitRequest): MaybePromise<Uint8Array> {
    return this.serve(request.split, extentOf(request), ({ participant }) => participant.endings.commit(request).then((at) => okAnswer().u8(0).varint(at).view()));
  }

  private prepare(request: protocol.PrepareRequest): MaybePromise<Uint8Array> {
    return this.serve(request.split, extentOf(request), async ({ participant }) => {
      const { floor, ceiling, token, committed } = await participant.endings.prepare(request);
      return okAnswer().u8(0).varint(floor).varint(ceiling).string(token).varint(committed).view();
    });
  }

  /** Not fetched where there is no leader of the split. */
  private large(gateway: NodeId, notice: Notice, signal: Signal): MaybePromise<Uint8Array> {
    return this.serve(notice.split, [], () =>
      this.fetcher.with(gateway, notice, signal, (body) => (notice.method === Method.commit ? this.commit(protocol.decodeCommit(body)) : this.prepare(protocol.decodePrepare(body)))),
    );
  }

  private decide(request: protocol.DecideRequest): MaybePromise<Uint8Array> {
    return this.serve(request.split, [], async ({ participant }) => okAnswer().varint(await participant.endings.decide(request)).view());
  }

  private outcome(request: protocol.OutcomeRequest): MaybePromise<Uint8Array> {
    return this.serve(request.split, [], async ({ participant }) => {
      await participant.endings.learnOutcome(request.txn, request.timestamp);
      return okAnswer().view();
    });
  }

  /** Answers how far the split reaches that is fenced now. */
  private fence(request: protocol.FenceRequest): MaybePromise<Uint8Array> {
    return this.serve(request.split, [{ from: request.at, to: undefined }], async ({ participant, descriptor }) => {
      await participant.endings.raiseFence(request.version);
      return okAnswer().binary(descriptor().to).finish();
    });
  }

  private release(request: { split: SplitId; txn: protocol.TxnHeader['txn'] }): MaybePromise<Uint8Array> {
    return this.serve(request.split, [], ({ participant }) => {
      participant.release(request.txn, true);
      return okAnswer().view();
    });
  }

  private status(request: { split: SplitId; txn: protocol.TxnHeader['txn'] }): MaybePromise<Uint8Array> {
    return this.serve(request.split, [], async ({ participant }) => {
      const out = okAnswer();
      protocol.writeStatus(out, await participant.endings.status(request.txn));
      return out.view();
    });
  }

  private settle({ split, txn, from, to }: protocol.SettleRequest): MaybePromise<Uint8Array> {
    const span: Span = { from, to };
    return this.serve(split, [span], async ({ participant }) => {
      const status = await participant.endings.status(txn);
      // A part that was cut off meanwhile may not know what was logged here.
      return this.recheck(split, [span], () => {
        const out = okAnswer();
        protocol.writeStatus(out, status);
        return out.finish();
      });
    });
  }

  /** From the replicas here, whoever leads: what they know is so, whatever they do not know yet. */
  private findOutcome({ txn, from, to }: protocol.FindRequest): Uint8Array {
    let found: protocol.Found = { kind: 'unknown' };
    for (const hosted of this.host.all()) {
      const { application } = hosted;
      if (hosted.installing || !(application instanceof Participant) || intersect(hosted.descriptor(), { from, to }) === undefined) continue;
      const at = application.ledger.outcome(txn);
      if (at !== undefined && at > 0) {
        found = { kind: 'committed', timestamp: at };
        break;
      }
      const prepare = application.ledger.prepared.get(txn);
      if (prepare !== undefined) found = { kind: 'prepared', coordinator: prepare.coordinator };
    }
    const out = new ByteWriter();
    protocol.writeFound(out, found);
    return out.finish();
  }

  // ---- routing ----------------------------------------------------------------------------------------------------

  /** Runs `work` at the leader of the split, if that is here. */
  private serve(split: SplitId, spans: Extent, work: (served: Served) => MaybePromise<Uint8Array>): MaybePromise<Uint8Array> {
    const served = this.find(split, spans);
    if (served instanceof Uint8Array) return served;
    if (!served.participant.leads()) return this.notLeader(split);
    try {
      const answer = work(served);
      return answer instanceof Promise ? answer.catch((error: unknown) => this.failed(split, spans, error)) : answer;
    } catch (error) {
      return this.failed(split, spans, error);
    }
  }

  private failed(split: SplitId, spans: Extent, error: unknown): Uint8Array {
    if (error instanceof WriteConflictError) return conflictAnswer(error.conflict);
    if (error instanceof RangeMoved) return this.wrongSplit(split, spans);
    if (!(error instanceof NotLeading)) throw error;
    const served = this.find(split, spans);
    return served instanceof Uint8Array ? served : this.notLeader(split);
  }

  /** After waiting: still the leader, and still the right split? */
  private recheck(split: SplitId, spans: Extent, answer: () => MaybePromise<Uint8Array>): MaybePromise<Uint8Array> {
    return this.serve(split, spans, answer);
  }
  private recheckSnapshot(split: SplitId, at: Timestamp, spans: Extent, read: SnapshotRead): MaybePromise<Uint8Array> {
    const served = this.find(split, spans);
    if (served instanceof Uint8Array) return served;
    return at < served.participant.horizon.now() ? this.tooOld(split, served.participant, at) : this.reading(split, served, at, read);
  }

  private find(split: SplitId, spans: Extent): Served | Uint8Array {
    const hosted = this.host.get(split);
    if (hosted === undefined || hosted.installing) return this.notLeader(split);
    const descriptor = hosted.descriptor();
    const inside = spans.every(({ from, to }) => (to === undefined ? isWithin(from, descriptor) : rangeCovers(descriptor, { from, to })));
    if (!inside) return this.wrongSplit(split, spans);
    const participant = hosted.application as Participant;
    participant.requests++;
    const { installs } = hosted;
    return { participant, descriptor: () => hosted.descriptor(), isWhole: () => hosted.installs === installs };
  }

  private wrongSplit(split: SplitId, spans: Extent): Uint8Array {
    const touches = (other: SplitDescriptor): boolean => other.id === split || spans.some(({ from, to }) => other.from <= (to ?? from) && from < other.to);
    return wrongSplitAnswer(this.host.descriptors().filter(touches));
  }

  private notLeader(split: SplitId): Uint8Array {
    return notLeaderAnswer(this.host.get(split)?.leaderHint());
  }

  private sleep(micros: number): Promise<void> {
    return new Promise((resolve) => {
      this.env.scheduler.after(micros, resolve);
    });
  }
}

/** In place of a result: 1 a row exists, 2 it is missing, and its key. */
function conflictAnswer(conflict: WriteConflict): Uint8Array {
  return okAnswer().u8(conflict.kind === 'exists' ? 1 : 2).binary(conflict.key).view();
}

export function readResultOrConflict(input: { u8(): number; binary(): string }): WriteConflict | undefined {
  const kind = input.u8();
  if (kind === 0) return undefined;
  return { kind: kind === 1 ? 'exists' : 'missing', key: input.binary() as Key };
}

/** What an ending touches. */
const extentOf = ({ ops, checks }: { readonly ops: readonly WriteOp[]; readonly checks: protocol.Checks }): Span[] =>
  checks.reads.length === 0 ? spansOf(ops) : [...spansOf(ops), ...checks.reads];

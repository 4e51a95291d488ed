/**
 * A node that lost its data (an emptied folder, a restarted node of a cluster in memory) comes back.
 *
 * It may have promised and accepted what it no longer knows, so it must not vote as if it never had: its peers would
 * count a majority that is none. Each split's leader first makes it a read-only replica, which is chosen without its
 * vote; then it copies the split; when it has caught up, the leader makes it a voter again (the rule for changes one
 * member at a time is that of src/paxos/membership.ts). Until all its splits are back, a mark on its disk keeps a
 * restart from forgetting that it forgot. It takes two to four seconds: rounds of asking, the copy, and the leaders' next
 * look at who has caught up.
 *
 * A node that has its data asks for nothing of this. It is never demoted, and votes from its first message on: what it
 * promised and accepted is on its disk (test/txn/restart.test.ts).
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { Environment } from '../base/env.ts';
import { splitId, type Key, type NodeId, type SplitId } from '../base/ids.ts';
import type { Rpc } from '../net/rpc.ts';
import type { Member, Membership } from '../paxos/types.ts';
import type { SplitHost } from '../splits/host.ts';
import type { HostedSplit } from '../splits/hosted.ts';
import type { Snapshots } from '../splits/snapshots.ts';
import type { Engine } from '../storage/types.ts';

const REJOIN = 'node.rejoin';
const ROUND_MICROS = 500_000;
const CALL_TIMEOUT_MICROS = 2_000_000;
const MARK = 'r' as Key;
/** A read-only replica this close to the leader is made a voter, in log entries. */
const PROMOTION_LAG = 100;

export const hasLostData = (engine: Engine): boolean => engine.get(MARK) !== undefined;

export class Rejoin {
  private readonly env: Environment;
  private readonly host: SplitHost;
  private readonly rpc: Rpc;
  private readonly snapshots: Snapshots;
  private readonly peers: readonly NodeId[];

  constructor(host: SplitHost, rpc: Rpc, snapshots: Snapshots, peers: readonly NodeId[]) {
    this.env = host.env;
    this.host = host;
    this.rpc = rpc;
    this.snapshots = snapshots;
    this.peers = peers;
    rpc.handle(REJOIN, (from) => this.admit(from));
  }

  /** Marks the node as one that has lost its data, durably, before it says anything to anybody. */
  mark(): Promise<void> {
    this.host.engine.write([{ key: MARK, value: Buffer.of(1) }]);
    return new Promise((resolve) => {
      this.host.engine.sync(resolve);
    });
  }

  /** Asks the leaders to be taken back, until every split of theirs is here. */
  begin(): void {
    this.env.log.warn('node.rejoining', {});
    this.round();
  }

  private round(): void {
    this.ask()
      .then((complete) => {
        if (!complete) return this.env.scheduler.after(ROUND_MICROS, () => this.round());
        this.host.engine.write([{ key: MARK, value: undefined }]);
        this.env.log.info('node.rejoined', { splits: this.host.count });
        return undefined;
      })
      .catch((error: unknown) => {
        this.env.log.warn('node.rejoinFailed', { error: String(error) });
        this.env.scheduler.after(ROUND_MICROS, () => this.round());
      });
  }

  private async ask(): Promise<boolean> {
    let answered = 0;
    let complete = true;
    const led = new Set<SplitId>();
    for (const peer of this.peers) {
      const answer = await this.rpc.call(peer, REJOIN, Buffer.alloc(0), { timeoutMicros: CALL_TIMEOUT_MICROS }).catch(() => undefined);
      if (answer === undefined) continue;
      answered++;
      const input = new ByteReader(answer);
      for (let n = input.count(); n > 0; n--) {
        const split = splitId(input.varint());
        const isLed = input.bool();
        const mayCopy = input.bool();
        const hosted = this.host.get(split);
        if (isLed) led.add(split);
        if (hosted === undefined || hosted.installing) complete = false;
        if (mayCopy && hosted === undefined) this.snapshots.fetch(split, peer);
      }
    }
    return complete && answered > 0 && led.size > 0 && [...this.host.all()].every((hosted) => led.has(hosted.split));
  }

  /** At a peer: every split here, whether it is led here, and whether `node` may copy it now. */
  private admit(node: NodeId): Uint8Array {
    const splits = [...this.host.all()];
    const out = new ByteWriter().varint(splits.length);
    for (const hosted of splits) {
      const leads = hosted.isLeading();
      const kind = hosted.membership.members.find((member) => member.node === node)?.kind;
      if (leads && kind === 'read-write') this.change(hosted, node, 'read-only');
      out.varint(hosted.split).bool(leads).bool(leads && kind === 'read-only');
    }
    return out.finish();
  }

  /** At a leader, now and then: replicas that have caught up vote again. Every replica is to be a voter in this layout. */
  promote(): void {
    for (const hosted of this.host.all()) {
      if (!hosted.isLeading()) continue;
      const waiting = hosted.membership.members.filter((member) => member.kind === 'read-only');
      if (waiting.length === 0) continue;
      const progress = hosted.replica.progress(this.host.instant());
      const ready = waiting.find(({ node }) => progress.some((other) => other.node === node && !other.needsSnapshot && other.matched > 0 && other.lag <= PROMOTION_LAG));
      if (ready !== undefined) this.change(hosted, ready.node, 'read-write');
    }
  }

  private change(hosted: HostedSplit, node: NodeId, kind: Member['kind']): void {
    const { version, members } = hosted.replica.membership;
    const next: Membership = { version: version + 1, members: members.map((member) => (member.node === node ? { node, kind } : member)) };
    const refused = this.host.changeMembership(hosted, next);
    this.env.log.info('split.membership', { split: hosted.split, node, kind, ...(refused === undefined ? {} : { refused }) });
  }
}

/**
 * Nodes without a supervisor agree by themselves whether they found a cluster. A node with an empty disk is either one of
 * a new cluster, or one that has lost its data; the second must not vote as if it never had (rejoin.ts).
 *
 * 1. Before it says anything, a node draws a birth mark and keeps it on its disk. It is gone with the disk.
 * 2. A node with an empty disk asks all others until all have answered in one round. None of them decides before that, so
 *    the first start needs every node once.
 * 3. If nobody has founded, or those that have know this node by its birth mark, it founds: it writes down everybody's
 *    marks, and then makes its splits. On this disk it cannot have voted before, since votes would be there too.
 * 4. If somebody has founded with another mark for this node, or with none, it has lost its data.
 * 5. One that has lost its data knows nothing of the others. Somebody founded before, so that without one that tells there
 *    is no founding.
 *
 * So nobody votes twice: whoever has voted had written down marks first, and its own is lost with its votes.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { Environment } from '../base/env.ts';
import { unavailable } from '../base/errors.ts';
import { nodeId, type Key, type NodeId } from '../base/ids.ts';
import type { Rpc } from '../net/rpc.ts';
import type { Engine } from '../storage/types.ts';

const FOUNDING = 'node.founding';
/** Its birth mark, and those that it founded with. */
const RECORD = 'i' as Key;
const MARK_BYTES = 16;
const ROUND_MICROS = 250_000;
const CALL_TIMEOUT_MICROS = 1_000_000;
const RECORD_VERSION = 1;

type Marks = ReadonlyMap<NodeId, string>;

/** `lost`: had data, and lost it. */
const STATES = ['blank', 'founded', 'lost'] as const;
type State = (typeof STATES)[number];

interface Answer {
  readonly from: NodeId;
  readonly birth: string;
  readonly state: State;
  /** The mark that it founded with for whoever asks; '' for none. */
  readonly yours: string;
}

export class Founding {
  private readonly env: Environment;
  private readonly engine: Engine;
  private readonly rpc: Rpc;
  private readonly peers: readonly NodeId[];
  /** What the disk says apart from marks: a folder may be older than they are. */
  private readonly state: () => State;
  private birth = '';
  private marks: Marks | undefined;
  private stopped = false;

  constructor(options: { readonly env: Environment; readonly engine: Engine; readonly rpc: Rpc; readonly peers: readonly NodeId[]; readonly state: () => State }) {
    this.env = options.env;
    this.engine = options.engine;
    this.rpc = options.rpc;
    this.peers = options.peers;
    this.state = options.state;
    this.rpc.handle(FOUNDING, (from) => this.answer(from));
  }

  stop(): void {
    this.stopped = true;
  }

  /** Reads the birth mark, or draws one. To be waited for before anything else is said to anybody. */
  async begin(): Promise<void> {
    const record = this.engine.get(RECORD);
    if (record !== undefined) this.read(record);
    else {
      this.birth = this.env.random.hex(MARK_BYTES);
      await this.write();
    }
  }

  /** Whether this node with an empty disk founds the cluster; otherwise it has lost its data. */
  async decide(): Promise<boolean> {
    for (let missingBefore = ''; this.marks === undefined; ) {
      const answers = (await Promise.all(this.peers.map((peer) => this.ask(peer)))).filter((answer) => answer !== undefined);
      if (this.stopped) throw unavailable('This node is shutting down.');
      const founders = answers.filter((answer) => answer.state === 'founded');
      if (founders.some((answer) => answer.yours !== this.birth)) return false;
      if (answers.length === this.peers.length && (founders.length > 0 || !answers.some((answer) => answer.state === 'lost'))) {
        this.marks = new Map(answers.map((answer) => [answer.from, answer.birth]));
        await this.write();
        break;
      }
      const missing = this.peers.filter((peer) => !answers.some((answer) => answer.from === peer && answer.state !== 'lost')).join(', ');
      if (missing !== missingBefore) this.env.log.info('node.founding', { waitingFor: missing });
      missingBefore = missing;
      await new Promise<void>((resolve) => {
        this.env.scheduler.after(ROUND_MICROS, resolve);
      });
    }
    this.env.log.info('node.founds', {});
    return true;
  }

  private async ask(peer: NodeId): Promise<Answer | undefined> {
    try {
      const input = new ByteReader(await this.rpc.call(peer, FOUNDING, Buffer.alloc(0), { timeoutMicros: CALL_TIMEOUT_MICROS }));
      return { from: peer, birth: input.string(), state: STATES[input.varint()] ?? 'lost', yours: input.string() };
    } catch {
      // It is not there yet, or does not know its own mark yet.
      return undefined;
    }
  }

  private answer(from: NodeId): Uint8Array {
    if (this.birth === '') throw unavailable('This node is starting.');
    return new ByteWriter()
      .string(this.birth)
      .varint(STATES.indexOf(this.marks === undefined ? this.state() : 'founded'))
      .string(this.marks?.get(from) ?? '')
      .finish();
  }

  private read(record: Uint8Array): void {
    const input = new ByteReader(record);
    input.varint();
    this.birth = input.string();
    if (!input.bool()) return;
    const marks = new Map<NodeId, string>();
    for (let n = input.count(); n > 0; n--) marks.set(nodeId(input.varint()), input.string());
    this.marks = marks;
  }

  private write(): Promise<void> {
    const out = new ByteWriter().varint(RECORD_VERSION).string(this.birth).bool(this.marks !== undefined);
    if (this.marks !== undefined) {
      out.varint(this.marks.size);
      for (const [node, mark] of this.marks) out.varint(node).string(mark);
    }
    this.engine.write([{ key: RECORD, value: Buffer.from(out.finish()) }]);
    return new Promise((resolve) => {
      this.engine.sync(resolve);
    });
  }
}

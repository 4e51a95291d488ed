/** Messages of the logs of all splits on their way to the peers: those of one turn to one peer travel as one. */
import { ByteWriter } from '../base/bytes.ts';
import type { NodeId, SplitId } from '../base/ids.ts';
import { Channel, type Transport } from '../net/transport.ts';
import { encodeMessage } from '../paxos/codec.ts';
import type { PaxosMessage } from '../paxos/messages.ts';

/** What several messages are bundled up to; a larger one goes alone. */
const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;

export class Outgoing {
  private readonly transport: Transport;
  private readonly bundles = new Map<NodeId, ByteWriter>();
  /** The message that was encoded last: peers in step get the same one. */
  private readonly scratch = new ByteWriter();
  private encoded: PaxosMessage | undefined;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  add(split: SplitId, to: NodeId, message: PaxosMessage): void {
    let out = this.bundles.get(to);
    if (out === undefined) this.bundles.set(to, (out = new ByteWriter()));
    if (message !== this.encoded) encodeMessage(this.scratch.reset(), message);
    this.encoded = message;
    // Several large ones would make a message that the transport refuses, again and again.
    if (out.size > 0 && out.size + this.scratch.size > MAX_BUNDLE_BYTES) this.sendBundle(to, out);
    out.varint(split).written(this.scratch);
  }

  send(): void {
    this.encoded = undefined;
    for (const [to, out] of this.bundles) {
      if (out.size > 0) this.sendBundle(to, out);
    }
  }

  private sendBundle(to: NodeId, out: ByteWriter): void {
    this.transport.send(to, Channel.paxos, out.copy());
    out.reset();
  }
}

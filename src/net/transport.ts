/**
 * Messages between the nodes of a cluster, as the rooms above see them. Implementations: net/tcp.ts (sockets) and
 * sim/network.ts (simulated).
 *
 * The contract:
 * 1. There is at most one live connection per pair of nodes. While it lives, messages of one sender arrive in the order
 *    sent, whole, at most once. When it breaks, those not yet arrived are lost.
 * 2. A connection that broke is reported down (`onPeer(peer, false)`) before the next one is reported up, so that what
 *    was begun over the old one can be abandoned. Nothing sent over an old connection arrives over a new one.
 * 3. The paxos channel promises less: its messages may also be lost, repeated and reordered at any time.
 * 4. A peer that is paused or cut off silently is reported down within about LIVENESS_TIMEOUT_MICROS.
 * 5. A node is always up to itself: a message to `self` arrives after the current call stack.
 */
import type { NodeId } from '../base/ids.ts';

/** Who a message is for within the node. The numbers are on the wire. */
export const Channel = {
  paxos: 1,
  rpc: 2,
  snapshot: 3,
  control: 4,
} as const;
export type Channel = (typeof Channel)[keyof typeof Channel];

/** `payload` may be a view of a larger receive buffer: copy what is kept for long. */
export type MessageHandler = (from: NodeId, payload: Buffer) => void;
export type PeerHandler = (peer: NodeId, up: boolean) => void;

export interface Transport {
  readonly self: NodeId;
  /**
   * Queues a message; never blocks. Returns false when it is certain that it will not arrive: the peer is down, the
   * payload exceeds MAX_PAYLOAD_BYTES, or the peer's queue is over its byte budget. `payload` must not change afterwards.
   */
  send(to: NodeId, channel: Channel, payload: Uint8Array): boolean;
  /** One handler per channel; messages of a channel without one are dropped. */
  onMessage(channel: Channel, handler: MessageHandler): void;
  /** Any number of handlers, called in the order registered. */
  onPeer(handler: PeerHandler): void;
  isUp(peer: NodeId): boolean;
  /** Breaks the connection, so that both ends see it go down; it is then made anew. */
  disconnect(peer: NodeId): void;
}

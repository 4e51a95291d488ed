/**
 * Bugs put in on purpose, from outside the production code: around the disk and the network of each node. They show that
 * the simulator finds what it is there to find (planted.test.ts).
 */
import { ByteReader, ByteWriter } from '../../../src/base/bytes.ts';
import { splitId, type Key, type NodeId, type Timestamp } from '../../../src/base/ids.ts';
import { Channel, type Transport } from '../../../src/net/transport.ts';
import { Acceptor } from '../../../src/paxos/acceptor.ts';
import { decodeMessage, encodeMessage } from '../../../src/paxos/codec.ts';
import type { PaxosMessage } from '../../../src/paxos/messages.ts';
import type { Replica } from '../../../src/paxos/replica.ts';
import type { SimProcess } from '../../../src/sim/process.ts';
import type { Disk, DiskError } from '../../../src/storage/disk.ts';
import type { WriteOp } from '../../../src/storage/types.ts';

export interface Mischief {
  disk(disk: Disk, process: SimProcess): Disk;
  transport(transport: Transport): Transport;
  /** Called once for each replica, when it is new. */
  replica(replica: Replica): void;
}

export const honest: Mischief = {
  disk: (disk) => disk,
  transport: (transport) => transport,
  replica: () => undefined,
};

const LIE_MICROS = 300_000;

/** Says "durable" at once, and writes up to 0.3 s later: an fsync that was skipped. */
export const skippedSync: Mischief = {
  ...honest,
  disk: (disk, process) => {
    const { scheduler } = process.env;
    const unwritten = new Map<Key, Uint8Array | undefined>();
    let pending: WriteOp[] = [];
    let scheduled = false;
    const flush = (): void => {
      const ops = pending;
      pending = [];
      disk.batch(ops, () => {
        scheduled = false;
        if (pending.length > 0) later();
      });
    };
    const later = (): void => {
      scheduled = true;
      scheduler.after(LIE_MICROS, flush);
    };
    return {
      ...disk,
      getSync: (key: Key) => (unwritten.has(key) ? unwritten.get(key) : disk.getSync(key)),
      batch: (ops: readonly WriteOp[], done: (error?: DiskError) => void) => {
        for (const { key, value } of ops) unwritten.set(key, value);
        pending.push(...ops);
        if (!scheduled) later();
        scheduler.endOfTurn(done);
      },
    };
  },
};

/** Reads a host's batch of log messages, lets `change` replace each, and writes it again. */
function rewritten(payload: Uint8Array, change: (message: PaxosMessage) => PaxosMessage): Buffer {
  const input = new ByteReader(payload);
  const out = new ByteWriter();
  while (input.remaining > 0) {
    const split = splitId(input.varint());
    const one = new ByteWriter();
    encodeMessage(one, change(decodeMessage(new ByteReader(input.bytes()))));
    out.varint(split).bytes(one.view());
  }
  return out.finish();
}

/** A transport whose log messages pass through `outgoing` and `incoming`. */
function tampered(transport: Transport, outgoing: (to: NodeId, message: PaxosMessage) => PaxosMessage, incoming: (from: NodeId, message: PaxosMessage) => PaxosMessage): Transport {
  return {
    self: transport.self,
    send: (to, channel, payload) => transport.send(to, channel, channel === Channel.paxos ? rewritten(payload, (message) => outgoing(to, message)) : payload),
    onMessage: (channel, handler) => {
      transport.onMessage(channel, (from, payload) => {
        handler(from, channel === Channel.paxos ? rewritten(payload, (message) => incoming(from, message)) : payload);
      });
    },
    onPeer: (handler) => {
      transport.onPeer(handler);
    },
    isUp: (peer) => transport.isUp(peer),
    disconnect: (peer) => {
      transport.disconnect(peer);
    },
  };
}

/** What each acceptor says about the lease that it grants is too long by this much. */
export function longerLease(extraMicros: number): Mischief {
  const longer = (_: NodeId, message: PaxosMessage): PaxosMessage =>
    message.kind === 'accepted' && message.leaseEnd > 0 ? { ...message, leaseEnd: (message.leaseEnd + extraMicros) as Timestamp } : message;
  return { ...honest, transport: (transport) => tampered(transport, longer, (_, message) => message) };
}

/** An acceptor that takes an old leader's word: it goes back on its promise instead of refusing. */
export const oldBallot: Mischief = {
  ...honest,
  replica: (replica) => {
    const core: unknown = Reflect.get(replica, 'core');
    if (typeof core !== 'object' || core === null) return;
    const acceptor: unknown = Reflect.get(core, 'acceptor');
    if (!(acceptor instanceof Acceptor)) return;
    const receive = replica.receive.bind(replica);
    replica.receive = (from, message, now): void => {
      if (message.kind === 'accept' && message.ballot < acceptor.promised) Reflect.set(acceptor, 'promisedBallot', message.ballot);
      receive(from, message, now);
    };
  },
};

/** Phase 1b without what was accepted: a candidate learns nothing of the past. */
export const silentPromise: Mischief = {
  ...honest,
  transport: (transport) =>
    tampered(
      transport,
      (_, message) => (message.kind === 'promise' ? { ...message, entries: [] } : message),
      (_, message) => message,
    ),
};

/** By the names that the runner takes. */
export const MISCHIEFS: Readonly<Record<string, Mischief>> = {
  'skipped-sync': skippedSync,
  'old-ballot': oldBallot,
  'silent-promise': silentPromise,
  'longer-lease': longerLease(1_500_000),
};

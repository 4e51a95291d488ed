/**
 * What the protocol itself costs: three replicas in one process, messages handed over as objects, disks that are durable at
 * once. Run: node test/paxos/cost.ts. Prints nanoseconds of CPU per proposal chosen on all three, for several proposals a
 * turn, and per heartbeat round of an idle group (two heartbeats, two answers, three ticks), and the bytes of a heartbeat.
 */
import { ByteWriter } from '../../src/base/bytes.ts';
import { nodeId, NO_BALLOT, SLOT_ZERO } from '../../src/base/ids.ts';
import type { NodeId, Timestamp } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { encodeMessage } from '../../src/paxos/codec.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { DEFAULT_TUNING } from '../../src/paxos/tuning.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import type { Instant, Member } from '../../src/paxos/types.ts';

const EPOCH_MICROS = 1_790_000_000_000_000;
const members: Member[] = [1, 2, 3].map((n) => ({ node: nodeId(n), kind: 'read-write' }));
let now: Instant = { monotonic: 0, earliest: EPOCH_MICROS as Timestamp, latest: (EPOCH_MICROS + 4_000) as Timestamp };

function later(micros: number): void {
  now = { monotonic: now.monotonic + micros, earliest: (now.earliest + micros) as Timestamp, latest: (now.latest + micros) as Timestamp };
}

const replicas = members.map(
  ({ node }) =>
    new Replica({
      self: node,
      persisted: { hard: { promised: NO_BALLOT }, appliedSlot: SLOT_ZERO, entries: [], truncatedSlot: SLOT_ZERO, membership: { version: 1, members } },
      tuning: DEFAULT_TUNING,
      random: new SeededRandom(node),
      now,
      restarted: false,
      preferred: node === 1,
      closedTimestamp: (at) => (at.earliest - 1) as Timestamp,
    }),
);

const inbox: { from: NodeId; to: NodeId; message: PaxosMessage }[] = [];

function turn(replica: Replica): void {
  const effects = replica.takeEffects();
  for (const { to, message } of effects.sends) inbox.push({ from: replica.self, to, message });
  for (const { to, message } of effects.sendsAfterPersist) inbox.push({ from: replica.self, to, message });
  const last = effects.chosen.at(-1);
  if (last !== undefined) replica.applied(last.slot);
  if (effects.hardState !== undefined || effects.appends.length > 0) replica.persisted(effects.sequence, now);
}

function settle(): void {
  while (inbox.length > 0) {
    const batch = inbox.splice(0);
    for (const { from, to, message } of batch) replicas[to - 1]?.receive(from, message, now);
    for (const replica of replicas) turn(replica);
  }
}

function tickAll(): void {
  for (const replica of replicas) replica.tick(now);
  for (const replica of replicas) turn(replica);
  settle();
}

for (let i = 0; i < 20; i++) {
  later(50_000);
  tickAll();
}
const leader = replicas.find((replica) => replica.hasLease(now));
if (leader === undefined) throw new Error('no leader');

function proposals(total: number, perTurn: number): number {
  const data = Buffer.alloc(128);
  const start = process.cpuUsage();
  for (let done = 0; done < total; done += perTurn) {
    later(100);
    for (let i = 0; i < perTurn; i++) leader?.propose(data, now);
    if (leader !== undefined) turn(leader);
    settle();
    if (done % 8192 === 0) for (const replica of replicas) replica.truncate(replica.appliedSlot);
  }
  const used = process.cpuUsage(start);
  return ((used.user + used.system) * 1000) / total;
}

function idle(rounds: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < rounds; i++) {
    later(300_000);
    tickAll();
  }
  const used = process.cpuUsage(start);
  return ((used.user + used.system) * 1000) / rounds;
}

const results: string[] = [];
for (const perTurn of [1, 8, 64]) {
  proposals(100_000, perTurn);
  results.push(`${perTurn} per turn: ${Math.round(proposals(200_000, perTurn))} ns per proposal`);
}
idle(50_000);
results.push(`idle: ${Math.round(idle(100_000))} ns per heartbeat round of three replicas`);
later(300_000);
leader.tick(now);
const writer = new ByteWriter();
for (const { message } of leader.takeEffects().sends.slice(0, 1)) encodeMessage(writer, message);
results.push(`heartbeat: ${writer.size} bytes at slot ${leader.chosenSlot}`);
process.stdout.write(`${results.join('\n')}\n`);

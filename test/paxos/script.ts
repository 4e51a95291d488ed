/**
 * Runs the golden scripts of testdata/: a command a line after `>`, and below it what it did, one effect a line. Comments
 * start with `#`. TRESTLE_REWRITE=1 writes the outputs anew; review the difference like code.
 *
 *   cluster nodes=3 [witness=3] [readonly=4] [spare=5] [preferred=1]   a new group
 *   tick N | tick N ms=100        time passes (default 50 ms), node N is told
 *   wait ms=1400                  time passes, nobody is told
 *   campaign N                    node N campaigns now
 *   propose N a b c               commands in one turn
 *   sync N...                     node N's disk is durable
 *   deliver A->B [count]          the oldest message from A to B (or all with `all`)
 *   drop A->B                     the oldest message from A to B is lost; `all`: every one
 *   network                       what is on its way
 *   partition 1 | 2 3, heal       cut messages between the sides
 *   crash N, restart N
 *   transfer N to=M, membership N add=4:read-only | kind=4:read-write | remove=3
 *   truncate N through=5
 *   stabilize [ms=500]            everything is delivered and synced while time passes; prints what became of it
 *   status                        one line a node
 */
import { nodeId } from '../../src/base/ids.ts';
import type { NodeId, Slot } from '../../src/base/ids.ts';
import type { Effects } from '../../src/paxos/effects.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import type { Member, Membership, Payload, ReplicaKind } from '../../src/paxos/types.ts';
import { ballotNode, ballotRound } from '../../src/base/ids.ts';
import type { Ballot } from '../../src/base/ids.ts';
import { Cluster } from './cluster.ts';
import type { Flying, TestNode } from './cluster.ts';

const KINDS: readonly ReplicaKind[] = ['read-write', 'witness', 'read-only'];

const showBallot = (b: Ballot): string => (b === 0 ? 'none' : `${ballotRound(b)}.${ballotNode(b)}`);

function showPayload(payload: Payload): string {
  if (payload.kind === 'noop') return 'noop';
  if (payload.kind === 'command') return `"${Buffer.from(payload.data).toString()}"`;
  return `membership v${payload.membership.version} {${showMembers(payload.membership)}}`;
}

const showMembers = (membership: Membership): string =>
  membership.members
    .toSorted((a, b) => a.node - b.node)
    .map(({ node, kind }) => (kind === 'read-write' ? `${node}` : `${node} ${kind}`))
    .join(', ');

class Script {
  private cluster = new Cluster({ members: [] });
  private output: string[] = [];
  private cut: ReadonlySet<NodeId> = new Set();
  private isQuiet = false;

  run(line: string): string[] {
    this.output = [];
    const words = line.trim().split(/\s+/);
    const options = new Map(words.filter((word) => word.includes('=')).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] as const));
    this.command(words[0] ?? '', words.slice(1).filter((word) => !word.includes('=')), options);
    return this.output;
  }

  private command(name: string, args: readonly string[], options: ReadonlyMap<string, string>): void {
    const { cluster } = this;
    const node = (): TestNode => cluster.node(Number(args[0]));
    switch (name) {
      case 'cluster':
        this.create(options);
        return;
      case 'tick':
        cluster.advance(Number(options.get('ms') ?? 50) * 1000);
        cluster.tick(node());
        return;
      case 'wait':
        cluster.advance(Number(options.get('ms')) * 1000);
        return;
      case 'propose':
        for (const word of args.slice(1)) if (cluster.propose(node(), Buffer.from(word)) === undefined) this.output.push(`refused: ${word}`);
        cluster.collect(node());
        return;
      case 'sync':
        for (const arg of args) cluster.sync(cluster.node(Number(arg)));
        return;
      case 'deliver':
      case 'drop':
        this.move(name, args);
        return;
      case 'network':
        for (const flying of cluster.network) this.output.push(`${flying.from}->${flying.to} ${this.showMessage(flying.message)}`);
        return;
      case 'crash':
        cluster.crash(node());
        return;
      case 'restart':
        cluster.restart(node());
        return;
      case 'truncate':
        cluster.truncate(node(), Number(options.get('through')) as Slot);
        return;
      default:
        this.administer(name, args, options);
    }
  }

  private administer(name: string, args: readonly string[], options: ReadonlyMap<string, string>): void {
    const { cluster } = this;
    const node = (): TestNode => cluster.node(Number(args[0]));
    switch (name) {
      case 'campaign':
        node().replica.campaign(cluster.now(node()));
        cluster.collect(node());
        return;
      case 'transfer':
        node().replica.transferLeadership(nodeId(Number(options.get('to'))), cluster.now(node()));
        cluster.collect(node());
        return;
      case 'membership':
        this.changeMembership(node(), options);
        return;
      case 'partition':
        this.cut = new Set(args.slice(0, args.indexOf('|')).map((arg) => nodeId(Number(arg))));
        return;
      case 'heal':
        this.cut = new Set();
        return;
      case 'stabilize':
        this.stabilize(Number(options.get('ms') ?? 500));
        return;
      case 'status':
        this.status();
        return;
      default:
        throw new Error(`unknown command ${name}`);
    }
  }

  private create(options: ReadonlyMap<string, string>): void {
    const count = Number(options.get('nodes'));
    const kindOf = (n: number): ReplicaKind => (Number(options.get('witness')) === n ? 'witness' : Number(options.get('readonly')) === n ? 'read-only' : 'read-write');
    const members: Member[] = Array.from({ length: count }, (_, i) => ({ node: nodeId(i + 1), kind: kindOf(i + 1) }));
    const preferred = options.get('preferred');
    const spare = options.get('spare');
    this.cluster = new Cluster({
      members,
      ...(spare === undefined ? {} : { spares: [Number(spare)] }),
      ...(preferred === undefined ? {} : { preferred: Number(preferred) }),
    });
    this.cluster.onEffects = (node, effects) => this.show(node, effects);
    this.cut = new Set();
  }

  private changeMembership(node: TestNode, options: ReadonlyMap<string, string>): void {
    const current = node.replica.membership;
    let members = [...current.members];
    const change = options.get('add') ?? options.get('kind');
    if (change !== undefined) {
      const [id, kindName] = change.split(':');
      const kind = KINDS.find((known) => known === kindName);
      if (kind === undefined) throw new Error(`unknown kind ${kindName}`);
      members = [...members.filter((member) => member.node !== Number(id)), { node: nodeId(Number(id)), kind }];
    }
    const removed = options.get('remove');
    if (removed !== undefined) members = members.filter((member) => member.node !== Number(removed));
    const result = node.replica.changeMembership({ version: current.version + 1, members }, this.cluster.now(node));
    if (typeof result === 'object') this.output.push(`refused: ${result.error}`);
    this.cluster.collect(node);
  }

  private isCut(flying: Flying): boolean {
    return this.cut.has(flying.from) !== this.cut.has(flying.to);
  }

  private move(name: 'deliver' | 'drop', args: readonly string[]): void {
    const [from, to] = (args[0] ?? '').split('->').map(Number);
    const { network } = this.cluster;
    const matching = network.filter((flying) => flying.from === from && flying.to === to);
    const chosen = args[1] === 'all' ? matching : matching.slice(0, 1);
    if (chosen.length === 0) this.output.push('nothing on its way');
    for (const flying of chosen) {
      network.splice(network.indexOf(flying), 1);
      if (name === 'drop' || this.isCut(flying)) this.output.push(`lost: ${this.showMessage(flying.message)}`);
      else this.cluster.deliver(flying);
    }
  }

  private stabilize(ms: number): void {
    const { cluster } = this;
    const end = cluster.trueMicros + ms * 1000;
    this.isQuiet = true;
    while (cluster.trueMicros < end) {
      cluster.advance(cluster.tuning.tickMicros);
      for (const node of cluster.nodes.values()) cluster.tick(node);
      for (let round = 0; round < 200; round++) {
        for (const node of cluster.nodes.values()) cluster.sync(node);
        cluster.sendSnapshots();
        if (cluster.network.length === 0) break;
        for (const flying of cluster.network.splice(0)) if (!this.isCut(flying)) cluster.deliver(flying);
      }
    }
    this.isQuiet = false;
  }

  private status(): void {
    for (const node of this.cluster.nodes.values()) {
      const { replica } = node;
      if (!node.isUp) {
        this.output.push(`${node.id} down`);
        continue;
      }
      const lease = replica.hasLease(this.cluster.now(node)) ? ', lease' : '';
      const first = replica.log.first > 1 ? `, first ${replica.log.first}` : '';
      this.output.push(`${node.id} ${replica.role}, promised ${showBallot(replica.ballot)}${lease}${first}, chosen ${replica.chosenSlot}, last ${replica.lastSlot}`);
    }
  }

  private show(node: TestNode, effects: Effects): void {
    const say = (what: string): void => void this.output.push(`${node.id} ${what}`);
    if (!this.isQuiet) {
      if (effects.hardState !== undefined) say(`writes promise ${showBallot(effects.hardState.promised)}`);
      for (const entry of effects.appends) say(`writes slot ${entry.slot} ballot ${showBallot(entry.ballot)} ${showPayload(entry.payload)}`);
      for (const { to, message } of effects.sends) say(`-> ${to} ${this.showMessage(message)}`);
      for (const { to, message } of effects.sendsAfterPersist) say(`-> ${to} when durable: ${this.showMessage(message)}`);
    }
    for (const entry of effects.chosen) say(`applies slot ${entry.slot} ${showPayload(entry.payload)}`);
    for (const event of effects.events) {
      if (event.kind === 'becameLeader' || event.kind === 'lostLeadership') say(`! ${event.kind} ${showBallot(event.ballot)}`);
      else if (event.kind === 'membershipChanged') say(`! membershipChanged v${event.membership.version} {${showMembers(event.membership)}}`);
      else say(`! ${event.kind} ${event.kind === 'sendSnapshot' ? event.to : event.peer}`);
    }
  }

  private showMessage(m: PaxosMessage): string {
    const until = (micros: number): string => (micros === 0 ? '' : ` lease ${Math.round((micros - this.cluster.trueMicros) / 1000)} ms`);
    const b = showBallot(m.ballot);
    switch (m.kind) {
      case 'probe':
        return `probe ${b} chosen ${m.chosen}`;
      case 'probeReply':
        return `probe reply ${b}: ${m.granted ? 'yes' : 'no'}${until(m.retryAt)}`;
      case 'prepare':
        return `prepare ${b} from ${m.from}${m.released === 0 ? '' : ` released ${showBallot(m.released)}`}`;
      case 'promise':
        return `promise ${b} chosen ${m.chosen} [${m.entries.map((e) => `${e.slot}@${showBallot(e.ballot)} ${showPayload(e.payload)}`).join(', ')}]`;
      case 'nack':
        return `nack ${b}, promised ${showBallot(m.promised)}${until(m.retryAt)}`;
      case 'accept':
        return `accept ${b} from ${m.first} [${m.payloads.map(showPayload).join(', ')}] chosen ${m.chosen}${until(m.leaseUntil)}`;
      case 'accepted':
        return `accepted ${b} through ${m.matched}${m.gap ? ' gap' : ''}${until(m.leaseEnd)}`;
      default:
        return `${m.kind} ${b}`;
    }
  }
}

/** The script with the outputs that it has now. */
export function runScript(source: string): string {
  const script = new Script();
  const out: string[] = [];
  let isOutput = false;
  for (const line of source.split('\n')) {
    if (line.startsWith('> ')) {
      out.push(line, ...script.run(line.slice(2)));
      isOutput = true;
    } else if (line.trim() === '' || line.startsWith('#')) {
      out.push(line);
      isOutput = false;
    } else if (!isOutput) throw new Error(`neither command nor comment: ${line}`);
  }
  return out.join('\n');
}

/**
 * Finds the split of a key and the node that leads it, and calls it. A cache that corrects itself: wrong guesses are
 * answered with directions (answer.ts), which update it, and the call is made again.
 */
import { assert } from '../base/assert.ts';
import type { Environment } from '../base/env.ts';
import { TrestleError, Code, unavailable } from '../base/errors.ts';
import type { ByteReader } from '../base/bytes.ts';
import type { Key, NodeId, SplitId } from '../base/ids.ts';
import type { Signal } from '../base/signal.ts';
import { MAX_CALLS_TOGETHER } from '../net/limits.ts';
import { RpcUnavailable } from '../net/rpc-error.ts';
import type { Rpc } from '../net/rpc.ts';
import { readAnswer, type Directions } from './answer.ts';
import type { SplitDescriptor } from './types.ts';

/** Waits between rounds over all nodes while nobody leads: an election takes up to about 2 s. */
const FIRST_BACKOFF_MICROS = 2_000;
const MAX_BACKOFF_MICROS = 50_000;
/** Hints followed at once; more of them means that leadership is moving. */
const MAX_HOPS = 2;
/** Calls whose bodies are more than this together travel in several messages. */
const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;
/** How long a call without a deadline of its own is tried, microseconds. */
const DEFAULT_LIMIT_MICROS = 20_000_000;

export interface RouteOptions {
  readonly signal?: Signal | undefined;
  readonly limitMicros?: number;
  /** Asked first, whether it leads or not: a replica near by. */
  readonly first?: NodeId | undefined;
  /** Called when another node than this one has answered. */
  readonly onRemote?: (() => void) | undefined;
}

export interface RouterOptions {
  readonly env: Environment;
  readonly rpc: Rpc;
  readonly self: NodeId;
  readonly nodes: () => readonly NodeId[];
  /** What this node's own replicas, or the metadata, say about the split of `key`. */
  readonly lookup: (key: Key) => SplitDescriptor | undefined | Promise<SplitDescriptor | undefined>;
  /** The leader as this node's own replica sees it. */
  readonly leaderHint: (split: SplitId) => NodeId | undefined;
}

/** `rerouted`: the split no longer holds what was asked for; the cache knows better now, ask `locate` again. */
export type Routed = ByteReader | 'rerouted';

/** One of several calls. */
export interface SplitCall {
  readonly split: SplitId;
  readonly body: Uint8Array;
}

interface BundledCall extends SplitCall {
  readonly resolve: (answer: Routed | Promise<Routed>) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls to one node. */
interface Bundle {
  readonly calls: BundledCall[];
  bytes: number;
}

type Elsewhere = Extract<Directions, { kind: 'notLeader' }>;

const isElsewhere = (taken: Routed | Elsewhere): taken is Elsewhere => typeof taken === 'object' && 'kind' in taken;

export class Router {
  private readonly options: RouterOptions;
  /** Sorted by `from`, without overlaps. */
  private cache: SplitDescriptor[] = [];
  private readonly leaders = new Map<SplitId, NodeId>();

  constructor(options: RouterOptions) {
    this.options = options;
  }

  /** The split that holds `key`; with `below`, the split that holds the keys just before it. */
  locate(key: Key, below = false): SplitDescriptor | Promise<SplitDescriptor> {
    const cached = this.cached(key, below);
    return cached ?? this.find(key, below);
  }

  /** Newer news of the same keys replaces older. */
  learn(descriptor: SplitDescriptor): void {
    const { from, to, generation } = descriptor;
    const overlapping = this.cache.filter((other) => other.from < to && from < other.to);
    if (overlapping.some((other) => other.generation > generation)) return;
    this.cache = this.cache.filter((other) => !overlapping.includes(other));
    const at = this.cache.findIndex((other) => other.from > from);
    this.cache.splice(at < 0 ? this.cache.length : at, 0, descriptor);
  }

  forget(split: SplitId): void {
    this.cache = this.cache.filter((descriptor) => descriptor.id !== split);
  }

  leaderOf(split: SplitId): NodeId | undefined {
    return this.leaders.get(split) ?? this.options.leaderHint(split);
  }

  /**
   * Calls whoever leads the split, looking for the leader as long as it takes. The call must bear repetition. Rejects
   * with the error of the handler, with CANCELLED, or UNAVAILABLE when no leader is found, or answers, in time.
   */
  call(split: SplitId, method: string, body: Uint8Array, options: RouteOptions = {}): Promise<Routed> {
    const { env, rpc } = this.options;
    const node = options.first ?? this.leaderOf(split);
    const { signal, limitMicros: timeoutMicros = DEFAULT_LIMIT_MICROS } = options;
    const deadline = env.clock.monotonicMicros() + timeoutMicros;
    const search = (hint?: NodeId): Promise<Routed> => this.search(split, method, body, options, deadline, hint);
    if (node === undefined || !rpc.isUp(node)) return search();
    return rpc.call(node, method, body, signal === undefined ? { timeoutMicros } : { timeoutMicros, signal }).then(
      (answer) => {
        const taken = this.take(split, node, readAnswer(answer), options.first);
        if (isElsewhere(taken)) return search(taken.hint);
        if (node !== this.options.self) options.onRemote?.();
        return taken;
      },
      (error: unknown) => {
        this.failed(error, method);
        return search();
      },
    );
  }

  /** The same where the first guess was none, or wrong. */
  private async search(split: SplitId, method: string, body: Uint8Array, options: RouteOptions, deadline: number, directed?: NodeId): Promise<Routed> {
    const { env, rpc } = this.options;
    let backoff = FIRST_BACKOFF_MICROS;
    let hint = directed ?? options.first;
    let hops = 0;
    for (;;) {
      let follows = false;
      if (options.signal?.aborted === true) throw new TrestleError(Code.CANCELLED, 'The call was cancelled.');
      for (const node of this.candidates(split, hint)) {
        if (!rpc.isUp(node)) continue;
        const timeoutMicros = deadline - env.clock.monotonicMicros();
        if (timeoutMicros <= 0) throw unavailable(`No leader of split ${split} answered in time; try again.`);
        const answer = await this.attempt(rpc, node, method, body, timeoutMicros, options.signal);
        if (answer === undefined) continue;
        const taken = this.take(split, node, answer, options.first);
        if (!isElsewhere(taken)) {
          if (node !== this.options.self) options.onRemote?.();
          return taken;
        }
        if (taken.hint !== undefined && taken.hint !== node && hint !== taken.hint) {
          hint = taken.hint;
          follows = hops++ < MAX_HOPS;
          break;
        }
      }
      if (follows) continue;
      await this.sleep(backoff);
      backoff = Math.min(backoff * 2, MAX_BACKOFF_MICROS);
    }
  }

  /**
   * As `call` for each of them, in their order. Those whose splits are led by one node, as far as is known, travel as one
   * call; whoever is not answered well there goes on alone.
   */
  callEach(method: string, calls: readonly SplitCall[], options: RouteOptions = {}): Promise<Routed>[] {
    if (calls.length === 0) return [];
    const bundles = new Map<NodeId, Bundle>();
    const answers: Promise<Routed>[] = [];
    for (const call of calls) {
      const node = calls.length > 1 ? this.leaderOf(call.split) : undefined;
      if (node === undefined) {
        answers.push(this.call(call.split, method, call.body, options));
        continue;
      }
      let bundle = bundles.get(node);
      if (bundle !== undefined && (bundle.calls.length >= MAX_CALLS_TOGETHER || bundle.bytes + call.body.length > MAX_BUNDLE_BYTES)) {
        this.send(node, method, bundle, options);
        bundle = undefined;
      }
      if (bundle === undefined) bundles.set(node, (bundle = { calls: [], bytes: 0 }));
      const { calls: together } = bundle;
      bundle.bytes += call.body.length;
      answers.push(new Promise((resolve, reject) => together.push({ ...call, resolve, reject })));
    }
    const { self, env } = this.options;
    for (const [node, bundle] of bundles) if (node !== self) this.send(node, method, bundle, options);
    const own = bundles.get(self);
    if (own === undefined) return answers;
    // What this node leads comes when the others' calls are out, which have a way to go.
    if (bundles.size === 1) this.send(self, method, own, options);
    else env.scheduler.endOfTurn(() => this.send(self, method, own, options));
    return answers;
  }

  private send(node: NodeId, method: string, { calls }: Bundle, options: RouteOptions): void {
    const { rpc } = this.options;
    const timeoutMicros = options.limitMicros ?? DEFAULT_LIMIT_MICROS;
    const onAnswer = (index: number, answer: Buffer | TrestleError): void => {
      const call = calls[index] as BundledCall;
      try {
        const taken = answer instanceof TrestleError ? this.failed(answer, method) : this.take(call.split, node, readAnswer(answer), undefined);
        call.resolve(taken === undefined || isElsewhere(taken) ? this.call(call.split, method, call.body, options) : taken);
      } catch (error) {
        call.reject(error);
      }
    };
    const bodies = calls.map(({ body }) => body);
    rpc.callEach(node, method, bodies, onAnswer, options.signal === undefined ? { timeoutMicros } : { timeoutMicros, signal: options.signal });
  }

  /** What the answer of a node says, and what is to be learnt from it. */
  private take(split: SplitId, node: NodeId, answer: ReturnType<typeof readAnswer>, first: NodeId | undefined): Routed | Elsewhere {
    if ('result' in answer) {
      if (node !== first) this.leaders.set(split, node);
      return answer.result;
    }
    const { directions } = answer;
    if (directions.kind === 'wrongSplit') return this.reroute(split, directions.known);
    if (this.leaders.get(split) === node) this.leaders.delete(split);
    return directions;
  }

  private reroute(split: SplitId, known: readonly SplitDescriptor[]): 'rerouted' {
    this.forget(split);
    for (const descriptor of known) this.learn(descriptor);
    return 'rerouted';
  }

  /**
   * Calls one of these nodes, whether it leads or not, again while they have not got that far. Undefined when none of
   * them can be reached.
   */
  async callReplicas(split: SplitId, nodes: readonly NodeId[], method: string, body: Uint8Array, options: RouteOptions = {}): Promise<Routed | undefined> {
    const { env, rpc } = this.options;
    const deadline = env.clock.monotonicMicros() + (options.limitMicros ?? DEFAULT_LIMIT_MICROS);
    for (let backoff = FIRST_BACKOFF_MICROS; ; backoff = Math.min(backoff * 2, MAX_BACKOFF_MICROS)) {
      let reached = false;
      for (const node of nodes) {
        if (options.signal?.aborted === true) throw new TrestleError(Code.CANCELLED, 'The call was cancelled.');
        const timeoutMicros = deadline - env.clock.monotonicMicros();
        if (timeoutMicros <= 0) throw unavailable(`None of the selected replicas of split ${split} answered in time; try again.`);
        const answer = await this.attempt(rpc, node, method, body, timeoutMicros, options.signal);
        if (answer === undefined) continue;
        reached = true;
        if ('result' in answer) {
          if (node !== this.options.self) options.onRemote?.();
          return answer.result;
        }
        if (answer.directions.kind === 'wrongSplit') return this.reroute(split, answer.directions.known);
      }
      if (!reached) return undefined;
      await this.sleep(backoff);
    }
  }

  private async attempt(rpc: Rpc, node: NodeId, method: string, body: Uint8Array, timeoutMicros: number, signal: Signal | undefined) {
    try {
      return readAnswer(await rpc.call(node, method, body, signal === undefined ? { timeoutMicros } : { timeoutMicros, signal }));
    } catch (error) {
      return this.failed(error, method);
    }
  }

  /** Undefined: the node cannot be reached, others may. */
  private failed(error: unknown, method: string): undefined {
    if (error instanceof RpcUnavailable) return undefined;
    if (error instanceof TrestleError && error.code === Code.DEADLINE_EXCEEDED) {
      // The limit is this node's own, not the client's, whose deadline comes as a signal: the call may be repeated.
      throw unavailable(`Split leader did not answer ${method} in time; try again.`);
    }
    throw error;
  }

  private candidates(split: SplitId, hint: NodeId | undefined): NodeId[] {
    const order = [hint, this.leaders.get(split), this.options.leaderHint(split), this.options.self, ...this.options.nodes()];
    return [...new Set(order.filter((node) => node !== undefined))];
  }

  private cached(key: Key, below: boolean): SplitDescriptor | undefined {
    let low = 0;
    let high = this.cache.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { from } = this.cache[middle] as SplitDescriptor;
      if (below ? from < key : from <= key) low = middle + 1;
      else high = middle;
    }
    const found = this.cache[low - 1];
    if (found === undefined) return undefined;
    return (below ? key <= found.to : key < found.to) ? found : undefined;
  }

  private async find(key: Key, below: boolean): Promise<SplitDescriptor> {
    for (let backoff = FIRST_BACKOFF_MICROS, waited = 0; waited < DEFAULT_LIMIT_MICROS; waited += backoff) {
      const probe = below ? justBelow(key) : key;
      const found = await this.options.lookup(probe);
      if (found !== undefined) {
        this.learn(found);
        const cached = this.cached(key, below);
        if (cached !== undefined) return cached;
        // What was found is older than what is known around it: a cut is on its way here.
      }
      await this.sleep(backoff);
      backoff = Math.min(backoff * 2, MAX_BACKOFF_MICROS);
    }
    throw unavailable('No node knows the split of a key; try again.');
  }

  private sleep(micros: number): Promise<void> {
    return new Promise((resolve) => {
      this.options.env.scheduler.after(micros, resolve);
    });
  }
}

/** A key below `key` and above every key that is meaningfully below it. */
function justBelow(key: Key): Key {
  assert(key.length > 0, 'nothing lies below the first key');
  const last = key.charCodeAt(key.length - 1);
  const head = key.slice(0, -1);
  return (last === 0 ? head : `${head}${String.fromCharCode(last - 1)}\xff\xff\xff\xff`) as Key;
}

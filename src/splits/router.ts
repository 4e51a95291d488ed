/**
 * Finds the split of a key and the node that leads it, and calls it. A cache that corrects itself: wrong guesses are
 * answered with directions (answer.ts), which update it, and the call is made again.
 */
import { assert } from '../base/assert.ts';
import type { Environment } from '../base/env.ts';
import { TrestleError, Code, unavailable } from '../base/errors.ts';
import type { ByteReader } from '../base/bytes.ts';
import type { Key, NodeId, SplitId } from '../base/ids.ts';
import { RpcUnavailable } from '../net/rpc-error.ts';
import type { Rpc } from '../net/rpc.ts';
import { readAnswer } from './answer.ts';
import type { SplitDescriptor } from './types.ts';

/** Waits between rounds over all nodes while nobody leads: an election takes up to about 2 s. */
const FIRST_BACKOFF_MICROS = 2_000;
const MAX_BACKOFF_MICROS = 50_000;
/** Hints followed at once; more of them means that leadership is moving. */
const MAX_HOPS = 2;
/** How long a call without a deadline of its own is tried, microseconds. */
const DEFAULT_LIMIT_MICROS = 20_000_000;

export interface RouteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limitMicros?: number;
  /** Asked first, whether it leads or not: a replica near by. */
  readonly first?: NodeId | undefined;
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
  async call(split: SplitId, method: string, body: Uint8Array, options: RouteOptions = {}): Promise<Routed> {
    const { env, rpc } = this.options;
    const deadline = env.clock.monotonicMicros() + (options.limitMicros ?? DEFAULT_LIMIT_MICROS);
    let backoff = FIRST_BACKOFF_MICROS;
    let hint = options.first;
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
        if ('result' in answer) {
          if (node !== options.first) this.leaders.set(split, node);
          return answer.result;
        }
        const { directions } = answer;
        if (directions.kind === 'wrongSplit') {
          this.forget(split);
          for (const descriptor of directions.known) this.learn(descriptor);
          return 'rerouted';
        }
        if (this.leaders.get(split) === node) this.leaders.delete(split);
        if (directions.hint !== undefined && directions.hint !== node && hint !== directions.hint) {
          hint = directions.hint;
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
        if ('result' in answer) return answer.result;
        if (answer.directions.kind === 'wrongSplit') {
          this.forget(split);
          for (const descriptor of answer.directions.known) this.learn(descriptor);
          return 'rerouted';
        }
      }
      if (!reached) return undefined;
      await this.sleep(backoff);
    }
  }

  private async attempt(rpc: Rpc, node: NodeId, method: string, body: Uint8Array, timeoutMicros: number, signal: AbortSignal | undefined) {
    try {
      return readAnswer(await rpc.call(node, method, body, signal === undefined ? { timeoutMicros } : { timeoutMicros, signal }));
    } catch (error) {
      if (error instanceof RpcUnavailable) return undefined;
      if (error instanceof TrestleError && error.code === Code.DEADLINE_EXCEEDED) {
        // The limit is this node's own, not the client's, whose deadline comes as a signal: the call may be repeated.
        throw unavailable(`Split leader did not answer ${method} in time; try again.`);
      }
      throw error;
    }
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

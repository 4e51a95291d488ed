/**
 * What became of a transaction whose gateway is gone, for a client that repeats its Commit. Nobody else knows which splits
 * it touched.
 *
 * First every node looks into the ledgers of its replicas, in one call each and without a word in any log: a commit is
 * found there, or a prepare, which names the coordinator. Only when nothing is found is the abort logged in every split of
 * the database, so that a commit that is still under way is refused, wherever it arrives: many at a time, in two rounds
 * between nodes however many splits there are. A split that is cut meanwhile is asked again in its parts.
 *
 * An abort found in a ledger proves nothing: an earlier search may have logged it in a split that the transaction has
 * nothing to do with.
 */
import type { Logger } from '../base/env.ts';
import type { NodeId, SplitId, TxnId } from '../base/ids.ts';
import type { Rpc } from '../net/rpc.ts';
import { intersect } from '../splits/ranges.ts';
import type { Router } from '../splits/router.ts';
import { encodeFind, encodeReference, encodeSettle, Method, readFound, readStatus, type Found, type StatusAnswer } from './protocol.ts';
import { ByteReader } from '../base/bytes.ts';
import type { KeyRange } from './types.ts';

const LOOK_UP_MICROS = 1_000_000;
const ASK_LIMIT_MICROS = 5_000_000;
/** Splits asked at the same time. */
const AT_ONCE = 64;

export interface OutcomeSearchOptions {
  readonly rpc: Rpc;
  readonly router: Router;
  readonly nodes: readonly NodeId[];
  readonly log: Logger;
}

export class OutcomeSearch {
  private readonly options: OutcomeSearchOptions;

  constructor(options: OutcomeSearchOptions) {
    this.options = options;
  }

  /** `range`: the database. `pending` when it is not decided yet. */
  async resolve(range: KeyRange, txn: TxnId): Promise<StatusAnswer> {
    const found = await this.lookUp(range, txn);
    if (found.kind === 'committed') return found;
    return found.kind === 'prepared' ? await this.askCoordinator(found.coordinator, txn) : await this.settle(range, txn);
  }

  private async lookUp(range: KeyRange, txn: TxnId): Promise<Found> {
    const body = encodeFind({ txn, ...range });
    const { nodes, rpc, log } = this.options;
    const answers = await Promise.all(
      nodes.map(async (node): Promise<Found> => {
        try {
          return readFound(new ByteReader(await rpc.call(node, Method.find, body, { timeoutMicros: LOOK_UP_MICROS })));
        } catch (error) {
          // The others have replicas of the same splits.
          log.debug('txn.lookUpFailed', { node, error: String(error) });
          return { kind: 'unknown' };
        }
      }),
    );
    return answers.find(({ kind }) => kind === 'committed') ?? answers.find(({ kind }) => kind === 'prepared') ?? { kind: 'unknown' };
  }

  private async askCoordinator(split: SplitId, txn: TxnId): Promise<StatusAnswer> {
    const answer = await this.options.router.call(split, Method.status, encodeReference(split, txn), { limitMicros: ASK_LIMIT_MICROS });
    return answer === 'rerouted' ? { kind: 'pending' } : readStatus(answer);
  }

  /** Has every split say what it knows, and abort what it does not. */
  private async settle(range: KeyRange, txn: TxnId): Promise<StatusAnswer> {
    let isPending = false;
    for (let left: KeyRange[] = [range]; left.length > 0; ) {
      const pieces = await this.pieces(left);
      left = pieces.slice(AT_ONCE);
      const answers = await Promise.all(pieces.slice(0, AT_ONCE).map((piece) => this.settleIn(piece, txn)));
      for (const answer of answers) {
        if ('from' in answer) left.push(answer);
        else if (answer.kind === 'committed') return answer;
        else if (answer.kind === 'pending') isPending = true;
      }
    }
    return { kind: isPending ? 'pending' : 'aborted' };
  }

  /** The ranges, each in one split. */
  private async pieces(ranges: readonly KeyRange[]): Promise<(KeyRange & { readonly split: SplitId })[]> {
    const pieces: (KeyRange & { readonly split: SplitId })[] = [];
    for (const { from, to } of ranges) {
      for (let at = from; at < to; ) {
        const split = await this.options.router.locate(at);
        const piece = intersect(split, { from: at, to });
        if (piece === undefined) break;
        pieces.push({ split: split.id, ...piece });
        at = piece.to;
      }
    }
    return pieces;
  }

  /** The piece itself, when it has to be looked for again. */
  private async settleIn({ split, from, to }: KeyRange & { readonly split: SplitId }, txn: TxnId): Promise<StatusAnswer | KeyRange> {
    const answer = await this.options.router.call(split, Method.settle, encodeSettle({ split, txn, from, to }), { limitMicros: ASK_LIMIT_MICROS });
    return answer === 'rerouted' ? { from, to } : readStatus(answer);
  }
}

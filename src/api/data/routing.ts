/**
 * Calls of a transaction whose gateway is another node: passed on as they came, answers relayed. A gateway that cannot
 * be reached has lost the transaction's locks and buffered writes with it: the client is told ABORTED and begins anew.
 * Commit is the exception (see transactions.ts), because it may have happened, and so is partitioned DML, whose progress
 * is the cluster's.
 */
import { asBuffer } from '../../base/bytes.ts';
import { assert } from '../../base/assert.ts';
import { aborted, Code, TrestleError, unavailable } from '../../base/errors.ts';
import type { NodeId } from '../../base/ids.ts';
import { NodeUnreachable, type ForwardedCall } from '../backend.ts';
import type { Call } from '../call.ts';
import type { ResumePoint } from '../resume.ts';
import { decodeTransactionId } from '../transaction-id.ts';
import type { TransactionSelector } from '../wire/options.ts';
import type { Edge } from './edge.ts';

/**
 * The answers of the call's gateway, or of this node: when the gateway of a partitioned DML transaction cannot be reached
 * its statement goes on here.
 */
export function atGateway(edge: Edge, node: NodeId | undefined, selector: TransactionSelector, session: string, request: Buffer, call: Call, here: () => AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return node === undefined ? here() : atOtherGateway(edge, node, selector, session, request, call, here);
}

async function* atOtherGateway(edge: Edge, node: NodeId, selector: TransactionSelector, session: string, request: Buffer, call: Call, here: () => AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const id = selector.kind === 'id' ? decodeTransactionId(selector.id, session) : undefined;
  if (id?.kind !== 'partitionedDml') return yield* forwardStream(edge, node, request, call);
  let answered = false;
  try {
    for await (const message of edge.backend.forward(node, forwardedCall(request, call))) {
      answered = true;
      yield asBuffer(message);
    }
  } catch (error) {
    if (!(error instanceof NodeUnreachable)) throw error;
    if (answered) throw unavailable(`The gateway of the statement, node ${String(node)}, cannot be reached.`);
    yield* here();
  }
}

/** The node that must serve the call; undefined when any may, or this one does. */
export function remoteGateway(edge: Edge, session: string, selector: TransactionSelector, call: Call): NodeId | undefined {
  if (selector.kind !== 'id') return undefined;
  const id = decodeTransactionId(selector.id, session);
  if (id === undefined || id.kind === 'readOnly' || id.node === edge.backend.localNode) return undefined;
  if (call.forwarded) throw new TrestleError(Code.INTERNAL, `A call for a transaction at node ${String(id.node)} was passed on to node ${String(edge.backend.localNode)}.`);
  return id.node;
}

/**
 * A stream that goes on does so in the transaction that its first request began, wherever that lives. The official client
 * for Node takes the id of a transaction out of the first answer, also of a single-use one, which has none, and sends the
 * empty id when it resumes: the token then says at which timestamp the stream reads.
 */
export function resumedSelector(selector: TransactionSelector, resume: ResumePoint | undefined): TransactionSelector {
  if (resume === undefined) return selector;
  const isEmpty = selector.kind === 'id' && selector.id.length === 0;
  if ((isEmpty || selector.kind === 'begin') && resume.transactionId.length > 0) return { kind: 'id', id: resume.transactionId };
  return isEmpty ? { kind: 'absent' } : selector;
}

export function forwardedCall(request: Buffer, call: Call): ForwardedCall {
  const timeoutMicros = call.timeoutMicros();
  return { method: call.method, request, signal: call.signal, ...(timeoutMicros === undefined ? {} : { timeoutMicros }) };
}

const gatewayGone = (node: NodeId): Error => aborted(`The transaction was aborted: its gateway, node ${String(node)}, cannot be reached.`);

export async function* forwardStream(edge: Edge, node: NodeId, request: Buffer, call: Call): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const message of edge.backend.forward(node, forwardedCall(request, call))) yield asBuffer(message);
  } catch (error) {
    throw error instanceof NodeUnreachable ? gatewayGone(node) : error;
  }
}

export const forwardUnary = (edge: Edge, node: NodeId, request: Buffer, call: Call): Promise<Buffer> => onlyAnswer(forwardStream(edge, node, request, call));

export async function onlyAnswer(answers: AsyncIterable<Uint8Array>): Promise<Buffer> {
  for await (const message of answers) return asBuffer(message);
  return assertAnswered();
}

function assertAnswered(): Buffer {
  assert(false, 'a forwarded unary call has one answer');
}

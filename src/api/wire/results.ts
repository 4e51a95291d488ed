/** Messages that answer the data plane, written field by field. Source: result_set.proto, transaction.proto, commit_response.proto. */
import type { StructField } from '../../sql/types/types.ts';
import type { SessionRecord } from '../backend.ts';
import type { IndexAdvice, StatementPlan } from '../sql.ts';
import { writeTimestamp } from './time.ts';
import { writeStructType } from './types.ts';
import { writeLabels, writeTextStruct, writeTextStructs } from './value.ts';
import { ProtoWriter } from './writer.ts';

export interface TransactionMessage {
  readonly id?: Uint8Array | undefined;
  readonly readMicros?: number | undefined;
  /** Sequence number of the precommit token. */
  readonly precommit?: number | undefined;
}

/** MultiplexedSessionPrecommitToken: the token itself is opaque to clients, and only its number counts here. */
export function writePrecommitToken(writer: ProtoWriter, field: number, sequence: number): void {
  const start = writer.begin(field);
  writer.int(2, sequence);
  writer.end(start);
}

function writeTransactionFields(writer: ProtoWriter, transaction: TransactionMessage): void {
  if (transaction.id !== undefined) writer.bytes(1, transaction.id);
  if (transaction.readMicros !== undefined) writeTimestamp(writer, 2, transaction.readMicros);
  if (transaction.precommit !== undefined) writePrecommitToken(writer, 3, transaction.precommit);
}

export function encodeTransaction(transaction: TransactionMessage): Buffer {
  const writer = new ProtoWriter(64);
  writeTransactionFields(writer, transaction);
  return writer.finish();
}

export interface ResultMetadata {
  readonly columns: readonly StructField[];
  readonly transaction: TransactionMessage | undefined;
  readonly undeclaredParameters: readonly StructField[];
}

/** Field 1 of ResultSet and of PartialResultSet. */
export function writeMetadata(writer: ProtoWriter, metadata: ResultMetadata): void {
  const start = writer.begin(1);
  writeStructType(writer, 1, metadata.columns);
  if (metadata.transaction !== undefined) {
    const at = writer.begin(2);
    writeTransactionFields(writer, metadata.transaction);
    writer.end(at);
  }
  if (metadata.undeclaredParameters.length > 0) writeStructType(writer, 3, metadata.undeclaredParameters);
  writer.end(start);
}

export interface ResultStats {
  readonly plan?: StatementPlan | undefined;
  readonly queryStats?: Readonly<Record<string, string>> | undefined;
  readonly rowCountExact?: number | undefined;
  readonly rowCountLowerBound?: number | undefined;
}

export function writeStats(writer: ProtoWriter, field: number, stats: ResultStats): void {
  const start = writer.begin(field);
  if (stats.plan !== undefined) writePlan(writer, stats.plan);
  if (stats.queryStats !== undefined) {
    const at = writer.begin(2);
    writeTextStruct(writer, stats.queryStats);
    writer.end(at);
  }
  if (stats.rowCountExact !== undefined) writer.intAlways(3, stats.rowCountExact);
  if (stats.rowCountLowerBound !== undefined) writer.intAlways(4, stats.rowCountLowerBound);
  writer.end(start);
}

function writePlan(writer: ProtoWriter, { nodes, advice }: StatementPlan): void {
  const plan = writer.begin(1);
  for (const [index, node] of nodes.entries()) {
    const start = writer.begin(1);
    writer.int(1, index);
    writer.int(2, node.kind === 'relational' ? 1 : 2);
    writer.string(3, node.displayName);
    for (const child of node.children) {
      const link = writer.begin(4);
      writer.int(1, child.index);
      writer.string(2, child.type);
      writer.string(3, child.variable);
      writer.end(link);
    }
    if (node.shortRepresentation !== '') {
      const short = writer.begin(5);
      writer.string(1, node.shortRepresentation);
      for (const [name, subquery] of Object.entries(node.subqueries ?? {})) {
        const entry = writer.begin(2);
        writer.string(1, name);
        writer.intAlways(2, subquery);
        writer.end(entry);
      }
      writer.end(short);
    }
    if (Object.keys(node.metadata).length > 0) {
      const metadata = writer.begin(6);
      writeTextStruct(writer, node.metadata);
      writer.end(metadata);
    }
    if (Object.keys(node.executionStats).length > 0) {
      const statistics = writer.begin(7);
      writeTextStructs(writer, node.executionStats);
      writer.end(statistics);
    }
    writer.end(start);
  }
  if (advice.length > 0) writeAdvice(writer, advice);
  writer.end(plan);
}

/** QueryPlan.query_advice. */
function writeAdvice(writer: ProtoWriter, advice: readonly IndexAdvice[]): void {
  const result = writer.begin(2);
  for (const { ddl, improvementFactor } of advice) {
    const start = writer.begin(1);
    writer.string(1, ddl);
    writer.double(2, improvementFactor);
    writer.end(start);
  }
  writer.end(result);
}

export function encodeCommitResponse(commitMicros: number, mutationCount: number | undefined, snapshotMicros?: number): Buffer {
  const writer = new ProtoWriter(32);
  writeTimestamp(writer, 1, commitMicros);
  if (mutationCount !== undefined) {
    const start = writer.begin(2);
    writer.int(1, mutationCount);
    writer.end(start);
  }
  if (snapshotMicros !== undefined) writeTimestamp(writer, 5, snapshotMicros);
  return writer.finish();
}

export function writeSession(writer: ProtoWriter, session: SessionRecord): void {
  writer.string(1, session.name);
  writeLabels(writer, 2, session.labels);
  writeTimestamp(writer, 3, session.createMicros);
  writeTimestamp(writer, 4, session.lastUseMicros);
  writer.string(5, session.creatorRole);
  writer.bool(6, session.multiplexed);
}

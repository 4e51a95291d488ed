/** CreateSession, BatchCreateSessions, GetSession, ListSessions, DeleteSession. Source: spanner.proto. */
import { invalidArgument } from '../../base/errors.ts';
import type { NodeId } from '../../base/ids.ts';
import { EMPTY_MESSAGE, type Call } from '../call.ts';
import { labelField, parseFilter } from '../filter.ts';
import { MAX_LABELS, MAX_PAGE_SIZE, MAX_ROLE_CHARS, MAX_SESSIONS_PER_BATCH } from '../limits.ts';
import { sessionNotFound } from '../messages.ts';
import { checkDatabase, checkLabels, databaseOfSession } from '../names.ts';
import { ProtoReader } from '../wire/reader.ts';
import { writeSession } from '../wire/results.ts';
import { readLabels } from '../wire/value.ts';
import { ProtoWriter } from '../wire/writer.ts';
import type { Edge } from './edge.ts';
import { onlyAnswer } from './routing.ts';

/** For a peer to end what a session runs there. */
const PEER_MS = 1_000;

interface SessionTemplate {
  labels: Record<string, string>;
  creatorRole: string;
  multiplexed: boolean;
}

function readTemplate(reader: ProtoReader): SessionTemplate {
  const template: SessionTemplate = { labels: {}, creatorRole: '', multiplexed: false };
  while (reader.next()) {
    if (reader.field === 2) readLabels(reader, template.labels);
    else if (reader.field === 5) template.creatorRole = reader.string();
    else if (reader.field === 6) template.multiplexed = reader.bool();
    else reader.skip();
  }
  return template;
}

interface CreateRequest {
  readonly database: string;
  readonly template: SessionTemplate;
  readonly count: number;
}

/** CreateSessionRequest, and BatchCreateSessionsRequest, which has a third field. */
function decodeCreate(bytes: Buffer): CreateRequest {
  const reader = new ProtoReader(bytes);
  let database = '';
  let template: SessionTemplate = { labels: {}, creatorRole: '', multiplexed: false };
  let count = 0;
  while (reader.next()) {
    if (reader.field === 1) database = reader.string();
    else if (reader.field === 2) template = reader.message(readTemplate);
    else if (reader.field === 3) count = reader.int32();
    else reader.skip();
  }
  checkDatabase(database);
  checkLabels(template.labels, MAX_LABELS);
  if (template.creatorRole.length > MAX_ROLE_CHARS) throw invalidArgument(`The name of the creator role has ${String(template.creatorRole.length)} characters; at most ${String(MAX_ROLE_CHARS)} are allowed.`);
  return { database, template, count };
}

function decodeName(bytes: Buffer): string {
  const reader = new ProtoReader(bytes);
  let name = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else reader.skip();
  }
  return name;
}

export async function createSession(edge: Edge, bytes: Buffer): Promise<Buffer> {
  const { database, template } = decodeCreate(bytes);
  const [session] = await edge.backend.sessions.create(database, template, 1);
  const writer = new ProtoWriter();
  if (session !== undefined) writeSession(writer, session);
  return writer.finish();
}

export async function batchCreateSessions(edge: Edge, bytes: Buffer): Promise<Buffer> {
  const { database, template, count } = decodeCreate(bytes);
  if (count < 1) throw invalidArgument('session_count must be positive.');
  if (template.multiplexed) throw invalidArgument('Multiplexed sessions cannot be created in a batch.');
  const sessions = await edge.backend.sessions.create(database, template, Math.min(count, MAX_SESSIONS_PER_BATCH));
  const writer = new ProtoWriter();
  for (const session of sessions) {
    const start = writer.begin(1);
    writeSession(writer, session);
    writer.end(start);
  }
  return writer.finish();
}

export async function getSession(edge: Edge, bytes: Buffer): Promise<Buffer> {
  const name = decodeName(bytes);
  databaseOfSession(name);
  const session = await edge.backend.sessions.get(name);
  if (session === undefined) throw sessionNotFound(name);
  const writer = new ProtoWriter();
  writeSession(writer, session);
  return writer.finish();
}

export async function listSessions(edge: Edge, bytes: Buffer): Promise<Buffer> {
  const reader = new ProtoReader(bytes);
  let database = '';
  let pageSize = 0;
  let pageToken = '';
  let filter = '';
  while (reader.next()) {
    if (reader.field === 1) database = reader.string();
    else if (reader.field === 2) pageSize = reader.int32();
    else if (reader.field === 3) pageToken = reader.string();
    else if (reader.field === 4) filter = reader.string();
    else reader.skip();
  }
  checkDatabase(database);
  const matches = parseFilter(filter);
  if (pageSize < 0) throw invalidArgument('page_size must not be negative.');
  await edge.backend.databases.get(database);
  const size = pageSize === 0 ? MAX_PAGE_SIZE : Math.min(pageSize, MAX_PAGE_SIZE);
  const page = await edge.backend.sessions.list(database, { pageSize: size, pageToken }, ({ labels }) => matches((field) => labelField(labels, field)));
  const writer = new ProtoWriter();
  for (const session of page.items) {
    const start = writer.begin(1);
    writeSession(writer, session);
    writer.end(start);
  }
  writer.string(2, page.nextPageToken ?? '');
  return writer.finish();
}

/**
 * The calls and transactions of the session end, wherever they run: before the answer where the node can be reached. What
 * is being committed is not taken back.
 */
export async function deleteSession(edge: Edge, bytes: Buffer, call: Call): Promise<Buffer> {
  const name = decodeName(bytes);
  databaseOfSession(name);
  if (!call.forwarded) {
    const session = await edge.backend.sessions.get(name);
    if (session?.multiplexed === true) throw invalidArgument('Multiplexed sessions cannot be deleted.');
    await edge.backend.sessions.delete(name);
  }
  edge.sessionCalls.cancel(name);
  edge.registry.dropSession(name);
  if (!call.forwarded) await Promise.all(edge.backend.peers.map((peer) => endAt(edge, peer, bytes, call)));
  return EMPTY_MESSAGE;
}

/** A node that cannot be reached keeps nothing for long: its clients have gone elsewhere, or cannot use the session. */
async function endAt(edge: Edge, peer: NodeId, request: Buffer, call: Call): Promise<void> {
  try {
    await onlyAnswer(edge.backend.forward(peer, { method: call.method, request, signal: AbortSignal.timeout(PEER_MS) }));
  } catch (error) {
    edge.log.debug('api.sessionNotEnded', { peer, error: String(error) });
  }
}

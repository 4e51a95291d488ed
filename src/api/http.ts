/**
 * The same methods over HTTP with JSON, by the rules in the API's definitions: POST /v1/{session}:executeSql and so on.
 * A streaming method answers a JSON array whose elements are sent as they come, as Cloud Spanner does. An error is
 * `{"error": {code, message, status, details}}` with the HTTP status that google.rpc.Code gives it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type * as protobuf from 'protobufjs';
import { Readable } from 'node:stream';
import type { Logger } from '../base/env.ts';
import { cancelled, Code, codeName, invalidArgument, notFound } from '../base/errors.ts';
import { SignalSource } from '../base/signal.ts';
import type { Call, MethodTable } from './call.ts';
import { apiRoot, jsonMapping } from './descriptor.ts';
import { httpRules, type HttpRule } from './http-rules.ts';
import { statusOf, statusTrailers, type Status } from './status.ts';

const HTTP_STATUS: Readonly<Record<Code, number>> = {
  [Code.OK]: 200,
  [Code.CANCELLED]: 499,
  [Code.UNKNOWN]: 500,
  [Code.INVALID_ARGUMENT]: 400,
  [Code.DEADLINE_EXCEEDED]: 504,
  [Code.NOT_FOUND]: 404,
  [Code.ALREADY_EXISTS]: 409,
  [Code.PERMISSION_DENIED]: 403,
  [Code.RESOURCE_EXHAUSTED]: 429,
  [Code.FAILED_PRECONDITION]: 400,
  [Code.ABORTED]: 409,
  [Code.OUT_OF_RANGE]: 400,
  [Code.UNIMPLEMENTED]: 501,
  [Code.INTERNAL]: 500,
  [Code.UNAVAILABLE]: 503,
  [Code.DATA_LOSS]: 500,
  [Code.UNAUTHENTICATED]: 401,
};

type Json = Record<string, unknown>;

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

interface Route {
  readonly rule: HttpRule;
  readonly path: string;
  readonly requestType: protobuf.Type;
  readonly responseType: protobuf.Type;
}

/** Routes by verb. Made on the first request, since the definitions are. */
function routesByVerb(): ReadonlyMap<string, readonly Route[]> {
  const routes = new Map<string, Route[]>();
  for (const rule of httpRules()) {
    const method = apiRoot().lookupService(rule.service).methods[rule.method];
    method?.resolve();
    const requestType = method?.resolvedRequestType ?? undefined;
    const responseType = method?.resolvedResponseType ?? undefined;
    if (requestType === undefined || responseType === undefined) continue;
    const route = { rule, path: `/${rule.service}/${rule.method}`, requestType, responseType };
    routes.set(rule.verb, [...(routes.get(rule.verb) ?? []), route]);
  }
  return routes;
}

/** Puts a value at a path of fields, making the messages on the way. */
function setPath(target: Json, path: string, value: unknown): void {
  const names = path.split('.');
  let at = target;
  for (const name of names.slice(0, -1)) {
    // Own members only: a name like __proto__ reaches nothing.
    const next = Object.hasOwn(at, name) ? at[name] : undefined;
    at = isRecord(next) ? next : (at[name] = Object.create(null) as Json);
  }
  at[names.at(-1) ?? ''] = value;
}

function requestJson(route: Route, groups: readonly string[], body: unknown, query: unknown): Json {
  const json: Json = Object.create(null) as Json;
  if (route.rule.body === '*') {
    if (body !== undefined && body !== null && !isRecord(body)) throw invalidArgument('The body must be a JSON object.');
    if (isRecord(body)) Object.assign(json, body);
  } else {
    if (route.rule.body !== '') setPath(json, route.rule.body, body ?? {});
    // Query parameters are the fields that neither path nor body has. Parameters of the protocol begin with $.
    for (const [name, value] of Object.entries(isRecord(query) ? query : {})) {
      if (!name.startsWith('$') && name !== 'alt' && name !== 'key') setPath(json, name, value);
    }
  }
  for (const [i, variable] of route.rule.variables.entries()) setPath(json, variable, decodeURIComponent(groups[i] ?? ''));
  return json;
}

function encodeRequest(route: Route, json: Json): Buffer {
  try {
    return Buffer.from(route.requestType.encode(jsonMapping().fromJson(route.requestType, json)).finish());
  } catch (error) {
    throw invalidArgument(`The request is not a valid ${route.requestType.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const decodeAnswer = (route: Route, bytes: Buffer): unknown => jsonMapping().toJson(route.responseType, route.responseType.decode(bytes));

function errorJson(status: Status): Json {
  const [details] = statusTrailers(status);
  const type = details === undefined ? undefined : apiRoot().lookupType('google.rpc.Status');
  const decoded: unknown = type === undefined || details === undefined ? undefined : jsonMapping().toJson(type, type.decode(details[1]));
  return { error: { code: HTTP_STATUS[status.code], message: status.message, status: codeName(status.code), details: isRecord(decoded) ? (decoded['details'] ?? []) : [] } };
}

/** A JSON array of the answers. An error after the first answer is the array's last element. */
async function* arrayOf(route: Route, answers: AsyncIterator<Buffer>, first: IteratorResult<Buffer>, fail: (error: unknown) => Json): AsyncGenerator<string> {
  let separator = '[';
  try {
    for (let step = first; step.done !== true; step = await answers.next()) {
      yield separator + JSON.stringify(decodeAnswer(route, step.value));
      separator = ',\n';
    }
  } catch (error) {
    yield separator + JSON.stringify(fail(error));
    separator = ',\n';
  } finally {
    await answers.return?.();
  }
  yield separator === '[' ? '[]' : ']';
}

/** Adds /v1 to an HTTP server. */
export function addRestApi(app: FastifyInstance, methods: MethodTable, log: Logger): void {
  let routes: ReadonlyMap<string, readonly Route[]> | undefined;
  const find = (verb: string, path: string): { readonly route: Route; readonly groups: readonly string[] } => {
    routes ??= routesByVerb();
    for (const route of routes.get(verb) ?? []) {
      const found = route.rule.pattern.exec(path);
      if (found !== null) return { route, groups: found.slice(1) };
    }
    throw notFound(`There is no method ${verb} ${path.slice(0, 200)}.`);
  };

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const path = request.url.split('?', 1)[0] ?? '';
    const signal = new SignalSource();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) signal.abort(cancelled('The client has gone.'));
    });
    const fail = (error: unknown): Json => errorJson(statusOf(error, path, log));
    try {
      const { route, groups } = find(request.method, path);
      const method = methods.get(route.path);
      if (method === undefined) throw notFound(`There is no method ${route.path}.`);
      const bytes = encodeRequest(route, requestJson(route, groups, request.body, request.query));
      const call: Call = { method: route.path, forwarded: false, signal, timeoutMicros: () => undefined };
      if (method.kind === 'unary') return await reply.send(decodeAnswer(route, await method.run(bytes, call)));
      const answers = method.run(bytes, call)[Symbol.asyncIterator]();
      const first = await answers.next();
      return await reply.type('application/json').send(Readable.from(arrayOf(route, answers, first, fail), { objectMode: false }));
    } catch (error) {
      const status = statusOf(error, path, log);
      return reply.code(HTTP_STATUS[status.code]).send(errorJson(status));
    }
  };
  app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], url: '/v1/*', handler: serve });
}

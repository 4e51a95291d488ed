/** Servers of the edge over a fake cluster, with a raw gRPC client and the official one. */
import * as grpc from '@grpc/grpc-js';
import { Spanner, type Database } from '@google-cloud/spanner';
import { createApiServer, type ApiServer, type ApiServerOptions } from '../../src/api/server.ts';
import { apiRoot } from '../../src/api/descriptor.ts';
import type { Logger } from '../../src/base/env.ts';
import { nodeId } from '../../src/base/ids.ts';
import { FakeCluster, type FakeDatabase } from './fake-backend.ts';

// The client would look for credentials in the network otherwise.
process.env['METADATA_SERVER_DETECTION'] = 'none';

export const PROJECT = 'projects/p';
export const INSTANCE = `${PROJECT}/instances/test-instance`;
export const DATABASE = `${INSTANCE}/databases/db`;

export interface Logged {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class TestEdge {
  readonly cluster: FakeCluster;
  readonly database: FakeDatabase;
  readonly logged: Logged[] = [];
  private readonly running: { readonly server: ApiServer; readonly port: number }[] = [];
  private readonly clients: grpc.Client[] = [];
  private readonly spanners: { readonly spanner: Spanner; readonly database: Database }[] = [];

  private constructor() {
    this.cluster = new FakeCluster();
    this.cluster.instances.set(INSTANCE, {
      name: INSTANCE,
      config: `${PROJECT}/instanceConfigs/emulator-config`,
      displayName: 'test',
      nodeCount: 1,
      processingUnits: 1000,
      labels: {},
      createMicros: 0,
      updateMicros: 0,
    });
    this.database = this.cluster.addDatabase(DATABASE);
  }

  static async start(nodes = 1, options: Partial<ApiServerOptions> = {}): Promise<TestEdge> {
    const edge = new TestEdge();
    for (let i = 1; i <= nodes; i++) await edge.addNode(i, options);
    return edge;
  }

  private async addNode(number: number, options: Partial<ApiServerOptions>): Promise<void> {
    const keep = (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      this.logged.push({ event, fields });
    };
    const log: Logger = { debug: () => undefined, info: () => undefined, warn: keep, error: keep };
    const server = createApiServer(this.cluster.node(number), { log, ...options });
    this.cluster.servers.set(nodeId(number), server);
    this.running.push({ server, port: await server.listen('127.0.0.1', 0) });
  }

  node(i = 0): { readonly server: ApiServer; readonly port: number } {
    const found = this.running[i];
    if (found === undefined) throw new Error('no such node');
    return found;
  }

  /** The node is gone: nothing reaches it any more. */
  kill(i: number): Promise<void> {
    this.cluster.servers.delete(nodeId(i + 1));
    return this.node(i).server.close(0);
  }

  client(i = 0): RawClient {
    const client = new grpc.Client(`127.0.0.1:${String(this.node(i).port)}`, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
    this.clients.push(client);
    return new RawClient(client);
  }

  official(i = 0): Database {
    const spanner = new Spanner({ projectId: 'p', servicePath: '127.0.0.1', port: this.node(i).port, sslCreds: grpc.credentials.createInsecure() });
    const database = spanner.instance('test-instance').database('db');
    this.spanners.push({ spanner, database });
    return database;
  }

  async close(): Promise<void> {
    for (const { spanner, database } of this.spanners) {
      await database.close();
      await spanner.close();
    }
    for (const client of this.clients) client.close();
    for (const { server } of this.running) await server.close(100);
  }
}

const SERVICES = {
  Spanner: 'google.spanner.v1.Spanner',
  DatabaseAdmin: 'google.spanner.admin.database.v1.DatabaseAdmin',
  InstanceAdmin: 'google.spanner.admin.instance.v1.InstanceAdmin',
  Operations: 'google.longrunning.Operations',
  Health: 'grpc.health.v1.Health',
} as const;

export type Message = Record<string, unknown>;

export interface Streamed {
  readonly messages: Message[];
  readonly error: grpc.ServiceError | undefined;
  /** Whether response headers arrived before the end. */
  readonly headers: boolean;
}

/** Calls by name with plain objects; or with raw bytes. */
export class RawClient {
  readonly client: grpc.Client;

  constructor(client: grpc.Client) {
    this.client = client;
  }

  private method(service: keyof typeof SERVICES, name: string): { path: string; encode: (m: Message) => Buffer; decode: (b: Buffer) => Message } {
    const method = apiRoot().lookupService(SERVICES[service]).methods[name];
    if (method === undefined) throw new Error(`no method ${name}`);
    method.resolve();
    const request = method.resolvedRequestType;
    const response = method.resolvedResponseType;
    if (request === null || response === null) throw new Error('types not resolved');
    return {
      path: `/${SERVICES[service]}/${name}`,
      encode: (m) => Buffer.from(request.encode(request.fromObject(m)).finish()),
      decode: (b) => response.toObject(response.decode(b), { longs: Number, enums: String, oneofs: true }),
    };
  }

  unary(service: keyof typeof SERVICES, name: string, request: Message | Buffer, deadlineMs = 20_000): Promise<Message> {
    const { path, encode, decode } = this.method(service, name);
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        (m: Message | Buffer) => (Buffer.isBuffer(m) ? m : encode(m)),
        decode,
        request,
        new grpc.Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error: grpc.ServiceError | null, answer?: Message) => {
          if (error !== null) reject(error);
          else resolve(answer ?? {});
        },
      );
    });
  }

  call(name: string, request: Message | Buffer): Promise<Message> {
    return this.unary('Spanner', name, request);
  }

  stream(name: string, request: Message | Buffer, deadlineMs = 20_000): Promise<Streamed> {
    const { path, encode, decode } = this.method('Spanner', name);
    return new Promise((resolve) => {
      const messages: Message[] = [];
      let headers = false;
      let error: grpc.ServiceError | undefined;
      const call = this.client.makeServerStreamRequest(
        path,
        (m: Message | Buffer) => (Buffer.isBuffer(m) ? m : encode(m)),
        decode,
        request,
        new grpc.Metadata(),
        { deadline: Date.now() + deadlineMs },
      );
      call.on('metadata', () => {
        headers = true;
      });
      call.on('data', (message: Message) => messages.push(message));
      call.on('error', (failure: grpc.ServiceError) => {
        error = failure;
      });
      call.on('status', () => {
        // 'error' may come after 'status'.
        setImmediate(() => resolve({ messages, error, headers }));
      });
    });
  }

  async session(multiplexed = true): Promise<string> {
    const answer = await this.call('CreateSession', { database: DATABASE, session: { multiplexed } });
    return String(answer['name']);
  }
}

export async function failure(promise: Promise<unknown>): Promise<grpc.ServiceError> {
  try {
    await promise;
  } catch (error) {
    return error as grpc.ServiceError;
  }
  throw new Error('it did not fail');
}

export const text = (value: string): Message => ({ stringValue: value });
export const struct = (fields: Record<string, string>): Message => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, text(value)])),
});

/** The HTTP side of a node: health, status, and the API as REST (api/http.ts), on connections that are handed in. */
import { fastify } from 'fastify';
import type { Socket } from 'node:net';
import { addRestApi } from '../api/http.ts';
import type { ApiServer } from '../api/server.ts';
import type { Logger } from '../base/env.ts';
import type { NodeStatus } from '../cli/process-contract.ts';

export interface HttpServer {
  inject(socket: Socket): void;
  close(): Promise<void>;
}

/** Requests larger than this are refused: as large as a gRPC message may be. */
const BODY_LIMIT_BYTES = 100 * 1024 * 1024;

export async function startHttp(api: ApiServer, status: () => NodeStatus | undefined, log: Logger): Promise<HttpServer> {
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  app.get('/healthz', (_, reply) => {
    const ready = status()?.state === 'ready';
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'starting' });
  });
  app.get('/status', (_, reply) => reply.send(status() ?? { state: 'starting' }));
  addRestApi(app, api.methods, log);
  await app.ready();
  return {
    inject: (socket) => {
      app.server.emit('connection', socket);
    },
    close: () => app.close(),
  };
}

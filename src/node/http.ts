/** The HTTP side of a node: health, status, and what api/http serves, on connections that are handed in. */
import { fastify } from 'fastify';
import type { Socket } from 'node:net';
import type { ApiServer } from '../api/server.ts';
import type { NodeStatus } from '../cli/process-contract.ts';

export interface HttpServer {
  inject(socket: Socket): void;
  close(): Promise<void>;
}

/** Requests larger than this are refused: as large as a gRPC message may be. */
const BODY_LIMIT_BYTES = 100 * 1024 * 1024;

export async function startHttp(_api: ApiServer, status: () => NodeStatus | undefined): Promise<HttpServer> {
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  app.get('/healthz', (_, reply) => {
    const ready = status()?.state === 'ready';
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'starting' });
  });
  app.get('/status', (_, reply) => reply.send(status() ?? { state: 'starting' }));
  await app.ready();
  return {
    inject: (socket) => {
      app.server.emit('connection', socket);
    },
    close: () => app.close(),
  };
}

/** grpc.health.v1.Health: SERVING while this node takes calls. Source: grpc/health/v1/health.proto. */
import { notFound } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Call, MethodTable } from './call.ts';
import { ProtoReader } from './wire/reader.ts';
import { ProtoWriter } from './wire/writer.ts';

export const HEALTH_SERVICE = 'grpc.health.v1.Health';
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

function serviceOf(bytes: Buffer): string {
  const reader = new ProtoReader(bytes);
  let service = '';
  while (reader.next()) {
    if (reader.field === 1) service = reader.string();
    else reader.skip();
  }
  return service;
}

function statusMessage(status: number): Buffer {
  const writer = new ProtoWriter(8);
  writer.int(1, status);
  return writer.finish();
}

function listMessage(services: readonly string[], status: number): Buffer {
  const writer = new ProtoWriter();
  for (const service of services) {
    const entry = writer.begin(1);
    writer.string(1, service);
    writer.bytes(2, statusMessage(status));
    writer.end(entry);
  }
  return writer.finish();
}

const aborted = (signal: Signal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });

/** Adds the health methods. The empty name stands for the server as a whole. */
export function addHealth(table: MethodTable, services: readonly string[], serving: () => boolean): void {
  const known = new Set(['', HEALTH_SERVICE, ...services]);
  const status = (): number => (serving() ? SERVING : NOT_SERVING);
  table.set(`/${HEALTH_SERVICE}/Check`, {
    kind: 'unary',
    run: (request) => {
      const service = serviceOf(request);
      return known.has(service) ? Promise.resolve(statusMessage(status())) : Promise.reject(notFound(`Unknown service: ${service.slice(0, 200)}`));
    },
  });
  table.set(`/${HEALTH_SERVICE}/List`, { kind: 'unary', run: () => Promise.resolve(listMessage([...known], status())) });
  table.set(`/${HEALTH_SERVICE}/Watch`, {
    kind: 'stream',
    // The status does not change while the server runs: one message, then silence until the client goes.
    run: async function* watch(request: Buffer, call: Call) {
      yield statusMessage(known.has(serviceOf(request)) ? status() : SERVICE_UNKNOWN);
      await aborted(call.signal);
    },
  });
}

/**
 * A connection to a cluster's endpoint: unary and streaming calls with deadlines, and repetition of calls that found no
 * node (UNAVAILABLE), which is what the death of a node looks like from here.
 */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../base/errors.ts';
import { errorOfCall, isCode } from './status.ts';
import { wireMethod, type Fields } from './wire.ts';

export interface CallOptions {
  /** Of the whole call with its repetitions. */
  readonly timeoutMillis?: number;
  readonly signal?: AbortSignal | undefined;
  /** The resource that the call is about, for the header that Spanner's front ends route by. */
  readonly resource?: string;
}

export const DEFAULT_TIMEOUT_MILLIS = 3_600_000;
const MESSAGE_BYTES_MAX = 128 * 1024 * 1024;
const FIRST_DELAY_MILLIS = 20;
const DELAY_MILLIS_MAX = 1_000;
/** How long calls that find no node are repeated. */
const UNAVAILABLE_MILLIS_MAX = 30_000;

export const SPANNER = 'google.spanner.v1.Spanner';
export const DATABASE_ADMIN = 'google.spanner.admin.database.v1.DatabaseAdmin';
export const INSTANCE_ADMIN = 'google.spanner.admin.instance.v1.InstanceAdmin';
export const OPERATIONS = 'google.longrunning.Operations';

/** Waits longer each time, with jitter, until `UNAVAILABLE_MILLIS_MAX` have passed since it was made. */
export class Patience {
  readonly #until = Date.now() + UNAVAILABLE_MILLIS_MAX;
  #delayMillis = FIRST_DELAY_MILLIS;

  /** Rethrows the error when repeating is wrong, or patience is out. */
  async wait(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!isCode(error, Code.UNAVAILABLE) || Date.now() > this.#until || signal?.aborted === true) throw error;
    await sleep(this.#delayMillis * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
    this.#delayMillis = Math.min(DELAY_MILLIS_MAX, this.#delayMillis * 1.6);
  }
}

export class Channel {
  readonly #client: Client;

  /** `address` is `host:port`. Plain text, as the emulator's clients do. */
  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.min_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 1_000,
      // A node that hangs does not close its connections.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
    });
  }

  close(): void {
    this.#client.close();
  }

  /** One request, one answer. Repeated while no node is available: only for methods where that does no harm. */
  async unary(service: string, name: string, request: Fields, options: CallOptions = {}): Promise<Fields> {
    for (const patience = new Patience(); ; ) {
      try {
        return await this.#once(service, name, request, options);
      } catch (error) {
        await patience.wait(error, options.signal);
      }
    }
  }

  #once(service: string, name: string, request: Fields, options: CallOptions): Promise<Fields> {
    const method = wireMethod(service, name);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(method.path, method.encode, method.decode, request, headers(options), { deadline: deadline(options) }, (error: ServiceError | null, answer?: Fields) => {
        options.signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(errorOfCall(error));
        else resolve(answer ?? {});
      });
      const cancel = (): void => {
        call.cancel();
      };
      options.signal?.addEventListener('abort', cancel, { once: true });
      if (options.signal?.aborted === true) cancel();
    });
  }

  /** The answers of a streaming call as they come. Leaving the loop early cancels the call. */
  async *stream(service: string, name: string, request: Fields, options: CallOptions = {}): AsyncGenerator<Fields, void, undefined> {
    const method = wireMethod(service, name);
    const call = this.#client.makeServerStreamRequest(method.path, method.encode, method.decode, request, headers(options), { deadline: deadline(options) });
    const cancel = (): void => {
      call.cancel();
    };
    options.signal?.addEventListener('abort', cancel, { once: true });
    if (options.signal?.aborted === true) cancel();
    // After a cancellation the error has no reader any more.
    call.on('error', () => undefined);
    try {
      for await (const answer of call) yield answer as Fields;
    } catch (error) {
      throw isServiceError(error) ? errorOfCall(error) : error;
    } finally {
      options.signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }
}

const isServiceError = (error: unknown): error is ServiceError => error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;

const deadline = (options: CallOptions): number => Date.now() + (options.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS);

function headers(options: CallOptions): Metadata {
  const metadata = new Metadata();
  if (options.resource !== undefined) metadata.set('google-cloud-resource-prefix', options.resource);
  return metadata;
}

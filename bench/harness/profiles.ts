/** CPU profiles of Node processes: of the own one, and of others through the inspector that NODE_OPTIONS made them open. */
import { writeFileSync } from 'node:fs';
import { Session, type Profiler } from 'node:inspector/promises';

const INTERVAL_MICROS = 200;

export type Profile = Profiler.Profile;

/** The answer stops it and writes the file. */
export async function startOwnProfile(file: string): Promise<() => Promise<void>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROS });
  await session.post('Profiler.start');
  return async () => {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    writeFileSync(file, JSON.stringify(profile));
  };
}

/** An open inspector of another process. */
export class RemoteProfiler {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (result: unknown) => void>();
  private lastId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener('message', (event) => {
      const { id, result } = JSON.parse(String(event.data)) as { id?: number; result?: unknown };
      if (id === undefined) return;
      this.waiting.get(id)?.(result);
      this.waiting.delete(id);
    });
  }

  static connect(url: string): Promise<RemoteProfiler> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.addEventListener('open', () => resolve(new RemoteProfiler(socket)));
      socket.addEventListener('error', () => reject(new Error(`no inspector at ${url}`)));
    });
  }

  private post(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async start(): Promise<void> {
    await this.post('Profiler.enable');
    await this.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROS });
    await this.post('Profiler.start');
  }

  async stop(): Promise<Profile> {
    const { profile } = (await this.post('Profiler.stop')) as { profile: Profile };
    this.socket.close();
    return profile;
  }
}

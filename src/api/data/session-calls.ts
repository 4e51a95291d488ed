/**
 * The calls that run at this node for sessions that can be deleted: deleting the session ends them. Those of multiplexed
 * sessions, which cannot be deleted, are not kept. Source: spanner.proto, DeleteSession.
 */
import { cancelled } from '../../base/errors.ts';
import { FollowingSignal } from '../../base/signal.ts';
import { TransientMap } from '../../base/transient-map.ts';
import type { SessionRecord } from '../backend.ts';
import type { Call } from '../call.ts';

/** A call that ends with its client, as before, or with its session. */
class SessionCall implements Call {
  readonly method: string;
  readonly forwarded: boolean;
  readonly signal: FollowingSignal;
  private readonly call: Call;

  constructor(call: Call) {
    this.call = call;
    this.method = call.method;
    this.forwarded = call.forwarded;
    this.signal = new FollowingSignal(call.signal);
  }

  timeoutMicros(): number | undefined {
    return this.call.timeoutMicros();
  }

  cancel(): void {
    this.signal.abort(cancelled('The call was cancelled: its session was deleted.'));
  }
}

export class SessionCalls {
  private readonly bySession = new TransientMap<string, Set<SessionCall>>();

  get count(): number {
    let count = 0;
    for (const calls of this.bySession.values()) count += calls.size;
    return count;
  }

  async unary(session: SessionRecord, call: Call, run: (call: Call) => Promise<Buffer>): Promise<Buffer> {
    if (session.multiplexed) return await run(call);
    const own = this.enter(session.name, call);
    try {
      return await run(own);
    } finally {
      this.leave(session.name, own);
    }
  }

  async *stream(session: SessionRecord, call: Call, run: (call: Call) => AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    if (session.multiplexed) return yield* run(call);
    const own = this.enter(session.name, call);
    try {
      yield* run(own);
    } finally {
      this.leave(session.name, own);
    }
  }

  cancel(session: string): void {
    for (const call of this.bySession.get(session) ?? []) call.cancel();
  }

  /** The call as it is to run for the session; `leave` has to be called with it. */
  begin(session: SessionRecord, call: Call): Call {
    return session.multiplexed ? call : this.enter(session.name, call);
  }

  private enter(session: string, call: Call): SessionCall {
    const own = new SessionCall(call);
    const calls = this.bySession.get(session);
    if (calls === undefined) this.bySession.set(session, new Set([own]));
    else calls.add(own);
    return own;
  }

  leave(session: string, call: Call): void {
    if (!(call instanceof SessionCall)) return;
    call.signal.release();
    const calls = this.bySession.get(session);
    calls?.delete(call);
    if (calls?.size === 0) this.bySession.delete(session);
  }
}

/**
 * Calling off: the part of the platform's AbortSignal that this code uses, so that one of those fits as well.
 *
 * The platform's controller is an event target with weak maps behind it. Making one for a call, and listening to it, takes
 * five times as long as this list, and every one is work for the garbage collector.
 */

export interface Signal {
  readonly aborted: boolean;
  /** Why; undefined as long as it is not aborted. */
  readonly reason: unknown;
  /** `listener` is called once, when it is aborted; never, if it is already. */
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** A signal, and the one who gives it. */
export class SignalSource implements Signal {
  aborted = false;
  reason: unknown = undefined;
  private listeners: (() => void)[] | undefined;

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.aborted) return;
    if (this.listeners === undefined) this.listeners = [listener];
    else if (!this.listeners.includes(listener)) this.listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.listeners?.splice(at, 1);
  }

  /** The first call counts. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.listeners ?? [];
    this.listeners = undefined;
    for (const listener of listeners) listener();
  }
}

/** A signal of its own that is aborted with another one as well. */
export class FollowingSignal extends SignalSource {
  private readonly outer: Signal | undefined;
  private readonly onAbort = (): void => this.abort(this.outer?.reason);

  constructor(outer: Signal | undefined) {
    super();
    this.outer = outer;
    if (outer?.aborted === true) this.onAbort();
    else outer?.addEventListener('abort', this.onAbort);
  }

  /** Stops following: the other one may live on for long. */
  release(): void {
    this.outer?.removeEventListener('abort', this.onAbort);
  }
}

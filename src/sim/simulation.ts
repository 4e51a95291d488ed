/**
 * Virtual time: one queue of events, executed one after the other, each followed by all its microtasks and by what its
 * nodes asked to do at the end of the turn. Nothing here reads the real time (except to let the real event loop breathe),
 * so a run is a function of its seed. The hash covers every event executed and whatever else is noted.
 *
 * True time (`now`) is an integer count of microseconds from 0; nodes see it only through their clocks (sim/clock.ts).
 */
import { assertDrains, drainMicrotasks } from './drain.ts';
import { EventQueue, type Owner, type SimEvent } from './event-queue.ts';

/** Kinds of events, for the hash and for the statistics. */
export const EventKind = { timer: 1, deliver: 2, peer: 3, disk: 4, client: 5, fault: 6, check: 7 } as const;

interface TurnEnd {
  readonly owner: Owner | undefined;
  readonly run: () => void;
}

/** Longest stretch of events before the real event loop gets a turn (progress messages, signals). */
const EVENTS_PER_SLICE = 20_000;
/** More ends of turn after one event mean that a node keeps itself busy for ever. */
const MAX_TURN_ENDS = 100_000;

export class Simulation {
  now = 0;
  eventsRun = 0;
  /** A run with more events does not end by itself, and fails. */
  maxEvents = 50_000_000;
  private readonly queue = new EventQueue();
  private turnEnds: TurnEnd[] = [];
  private hashA = 0x811c9dc5;
  private hashB = 0x2545f491;
  private failure: unknown = undefined;
  private failed = false;
  /** Called with the owner of an event that threw; returning true means that it was expected (the node ended). */
  onThrow: ((error: unknown, owner: Owner | undefined) => boolean) | undefined;

  at(time: number, owner: Owner | undefined, kind: number, run: () => void): SimEvent {
    return this.queue.push(Math.max(Math.ceil(time), this.now), owner, kind, run);
  }

  after(delayMicros: number, owner: Owner | undefined, kind: number, run: () => void): SimEvent {
    return this.at(this.now + delayMicros, owner, kind, run);
  }

  endOfTurn(owner: Owner | undefined, run: () => void): void {
    this.turnEnds.push({ owner, run });
  }

  /** Adds to the hash of the run. */
  note(value: number): void {
    this.hashA = Math.imul(this.hashA ^ value, 0x01000193);
    this.hashB = Math.imul(this.hashB ^ value ^ (value / 0x1_0000_0000), 0x5bd1e995) ^ (this.hashB >>> 15);
  }

  get hash(): string {
    return (this.hashA >>> 0).toString(16).padStart(8, '0') + (this.hashB >>> 0).toString(16).padStart(8, '0');
  }

  /** Ends the run: `run` rejects with the first error given. */
  fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.failure = error;
  }

  /** Makes the events of a node that was paused happen, all at the present time, in their order. */
  release(owner: Owner): void {
    owner.paused = false;
    const held = owner.held.splice(0);
    for (const event of held) {
      const { run } = event;
      if (run !== undefined) event.run = this.forward(event, run);
    }
  }

  /** Executes everything up to and including `until`; then `now` is `until`. Rejects when the run failed. */
  run(until: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const slice = (): void => {
        try {
          assertDrains();
          for (let n = 0; n < EVENTS_PER_SLICE; n++) {
            const next = this.queue.peek();
            if (this.failed || next === undefined || next.at > until) {
              this.finish(until, resolve, reject);
              return;
            }
            this.step();
          }
          setImmediate(slice);
        } catch (error) {
          this.fail(error);
          this.finish(until, resolve, reject);
        }
      };
      setImmediate(slice);
    });
  }

  private finish(until: number, resolve: () => void, reject: (error: unknown) => void): void {
    if (this.failed) {
      reject(this.failure);
      return;
    }
    this.now = until;
    resolve();
  }

  /** A held event is put back into the queue; a cancellation of the old one must reach the new one. */
  private forward(event: SimEvent, run: () => void): undefined {
    const again = this.queue.push(this.now, event.owner, event.kind, run);
    event.cancel = () => {
      again.cancel();
    };
    return undefined;
  }

  private step(): void {
    const event = this.queue.pop();
    if (event === undefined) return;
    this.now = event.at;
    const { owner, run } = event;
    if (run === undefined || owner?.alive === false) return;
    if (owner?.paused === true) {
      owner.held.push(event);
      return;
    }
    event.run = undefined;
    if (this.eventsRun++ > this.maxEvents) throw new Error('the run has too many events');
    this.note(event.at);
    this.note(event.kind + 16 * (owner?.id ?? 0));
    this.guarded(owner, run);
    drainMicrotasks();
    for (let n = 0; this.turnEnds.length > 0; n++) {
      if (n > MAX_TURN_ENDS) throw new Error('a turn does not end');
      const ends = this.turnEnds;
      this.turnEnds = [];
      for (const end of ends) {
        if (end.owner?.alive === false) continue;
        this.guarded(end.owner, end.run);
        drainMicrotasks();
      }
    }
  }

  private guarded(owner: Owner | undefined, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (this.onThrow?.(error, owner) !== true) this.fail(error);
    }
  }
}

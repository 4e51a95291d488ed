/** A binary heap of events in order of time, and of insertion among equal times: the order is a function of the calls made. */

/** Whose event it is: events of a dead owner vanish, those of a paused one are held back. */
export interface Owner {
  readonly id: number;
  alive: boolean;
  paused: boolean;
  readonly held: SimEvent[];
}

export class SimEvent {
  readonly at: number;
  readonly sequence: number;
  readonly owner: Owner | undefined;
  /** What kind of event, for the hash of the run. */
  readonly kind: number;
  /** Undefined once cancelled. */
  run: (() => void) | undefined;

  constructor(at: number, sequence: number, owner: Owner | undefined, kind: number, run: () => void) {
    this.at = at;
    this.sequence = sequence;
    this.owner = owner;
    this.kind = kind;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

export class EventQueue {
  private readonly heap: SimEvent[] = [];
  private sequence = 0;

  get size(): number {
    return this.heap.length;
  }

  push(at: number, owner: Owner | undefined, kind: number, run: () => void): SimEvent {
    const event = new SimEvent(at, this.sequence++, owner, kind, run);
    const { heap } = this;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || before(parent, event)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = event;
    return event;
  }

  peek(): SimEvent | undefined {
    return this.heap[0];
  }

  pop(): SimEvent | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    const n = heap.length;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      let child = heap[down];
      if (down >= n || child === undefined) break;
      const right = heap[down + 1];
      if (down + 1 < n && right !== undefined && before(right, child)) {
        down++;
        child = right;
      }
      if (before(last, child)) break;
      heap[i] = child;
      i = down;
    }
    heap[i] = last;
    return first;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

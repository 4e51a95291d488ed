/** The lock table against a plain list of locks. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeId, txnId, type Key } from '../../src/base/ids.ts';
import { isOlder, LockTable, type HeldMode, type LockOwner, type Span } from '../../src/txn/locks.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const OWNERS = 6;

interface Lock {
  readonly span: Span;
  readonly mode: HeldMode;
}
interface Request extends Lock {
  readonly owner: LockOwner;
}

const holdsKey = (span: Span, key: string): boolean => (span.to === undefined ? span.from === key : span.from <= key && key < span.to);
/** Between the keys, too: two ranges meet where a key could be. */
const meet = (a: Span, b: Span): boolean =>
  KEYS.some((key) => holdsKey(a, key) && holdsKey(b, key)) || (a.to !== undefined && b.to !== undefined && a.from < b.to && b.from < a.to);
const conflict = (a: Request, b: Request): boolean => a.owner.id !== b.owner.id && (a.mode === 'exclusive' || b.mode === 'exclusive') && meet(a.span, b.span);

/** A lock table, and beside it what the callbacks and answers of it amount to. */
class Watched {
  readonly table: LockTable;
  held: Request[] = [];
  waiting: Request[] = [];
  readonly wounded: LockOwner[] = [];
  readonly contested: LockOwner[] = [];

  constructor() {
    this.table = new LockTable({
      wounded: (owner) => {
        expect(owner.pinned).toBe(false);
        this.wounded.push(owner);
        this.drop(owner);
      },
      contested: (owner) => {
        expect(owner.pinned).toBe(true);
        this.contested.push(owner);
      },
    });
  }

  acquire(request: Request): boolean {
    const pinnedBefore = this.held.filter((lock) => lock.owner.pinned && conflict(lock, request) && isOlder(request.owner, lock.owner));
    const granted = (): void => {
      this.waiting = this.waiting.filter((other) => other !== request);
      this.held.push(request);
    };
    // It may be granted something while others are wounded for it, before it is known to wait.
    const now = this.table.acquire(request.owner, request.span, request.mode, granted);
    for (const { owner } of pinnedBefore) expect(this.contested).toContain(owner);
    if (now) this.held.push(request);
    else this.waiting.push(request);
    return now;
  }

  release(owner: LockOwner): void {
    this.drop(owner);
    this.table.release(owner.id);
  }

  private drop(owner: LockOwner): void {
    this.held = this.held.filter((lock) => lock.owner.id !== owner.id);
    this.waiting = this.waiting.filter((lock) => lock.owner.id !== owner.id);
  }

  check(owners: readonly LockOwner[]): void {
    expect(this.held.some((a) => this.held.some((b) => conflict(a, b))), 'conflicting locks are held').toBe(false);
    for (const request of this.waiting) {
      const holders = this.held.filter((lock) => conflict(lock, request));
      const ahead = this.waiting.filter((other) => conflict(other, request) && isOlder(other.owner, request.owner));
      expect(holders.length + ahead.length, 'a request waits for nobody').toBeGreaterThan(0);
      for (const { owner } of holders) expect(owner.pinned || isOlder(owner, request.owner), 'an older one waits for a younger one that could be wounded').toBe(true);
    }
    expect(this.table.waiterCount).toBe(this.waiting.length);
    expect(this.table.ownerCount).toBe(new Set(this.held.map(({ owner }) => owner.id)).size);
    for (const owner of owners) {
      if (this.table.holdsAny(owner.id) !== this.held.some((lock) => lock.owner.id === owner.id)) expect.fail(`${owner.id} holds something, or nothing`);
      for (const key of KEYS) {
        for (const mode of ['shared', 'exclusive'] as const) {
          const has = this.held.some((lock) => lock.owner.id === owner.id && holdsKey(lock.span, key) && (mode === 'shared' || lock.mode === 'exclusive'));
          if (this.table.holds(owner.id, { from: key as Key, to: undefined }, mode) !== has) expect.fail(`${owner.id} ${has ? 'lost' : 'got'} ${mode} ${key}`);
        }
      }
    }
    const whole: Span = { from: 'a' as Key, to: 'g' as Key };
    const writers = this.held.filter((lock) => lock.mode === 'exclusive' && lock.owner.pinned).map(({ owner }) => owner.id);
    expect(new Set(this.table.pinnedWriters(whole).map(({ id }) => id))).toEqual(new Set(writers));
  }
}

const makeOwner = (n: number): LockOwner => ({ id: txnId(n.toString(16).padStart(32, '0')), age: n >> 1, gateway: nodeId(1), pinned: false });

const spans: fc.Arbitrary<Span> = fc.oneof(
  fc.constantFrom(...KEYS).map((key) => ({ from: key as Key, to: undefined })),
  fc.tuple(fc.nat(KEYS.length - 1), fc.integer({ min: 1, max: KEYS.length })).map(([at, length]) => ({
    from: (KEYS[at] ?? '') as Key, to: String.fromCharCode('a'.charCodeAt(0) + Math.min(at + length, KEYS.length)) as Key,
  })),
);
const owner = fc.nat(OWNERS - 1);
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('acquire' as const), owner, span: spans, mode: fc.constantFrom<HeldMode>('shared', 'exclusive') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), owner }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const), owner }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('report' as const), owner }) },
  ),
  { maxLength: 40 },
);
type Step = typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never;

/** A transaction that waits asks for nothing more, and one that is pinned neither. */
function perform(watched: Watched, owners: LockOwner[], step: Step): void {
  const who = owners[step.owner] ?? makeOwner(step.owner);
  const waits = watched.waiting.some((other) => other.owner === who);
  switch (step.do) {
    case 'acquire':
      if (!waits && !who.pinned) watched.acquire({ owner: who, span: step.span, mode: step.mode });
      return;
    case 'release':
      watched.release(who);
      owners[step.owner] = makeOwner(step.owner);
      return;
    case 'pin':
      if (!waits) who.pinned = true;
      return;
    case 'report': {
      const expected = watched.held.filter((lock) => lock.owner.pinned && watched.waiting.some((other) => conflict(lock, other) && isOlder(other.owner, lock.owner)));
      watched.contested.length = 0;
      watched.table.reportContested();
      expect(new Set(watched.contested)).toEqual(new Set(expected.map((lock) => lock.owner)));
      return;
    }
    default:
      step satisfies never;
  }
}

const newOwners = (): LockOwner[] => Array.from({ length: OWNERS }, (_, n) => makeOwner(n));

describe('the lock table', () => {
  it('keeps its invariants, and lets nobody wait for nothing', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const watched = new Watched();
        const owners = newOwners();
        for (const step of list) {
          perform(watched, owners, step);
          watched.check(owners);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('is empty when everybody has released', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const watched = new Watched();
        const owners = newOwners();
        for (const step of list) perform(watched, owners, step);
        for (const who of owners) watched.release(who);
        watched.check(owners);
        expect([watched.table.ownerCount, watched.table.waiterCount]).toEqual([0, 0]);
      }),
    );
  });

  it('gives each half of a cut what lies there', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(...KEYS.slice(1)), steps, (before, at, after) => {
        const left = new Watched();
        const right = new Watched();
        const owners = newOwners();
        for (const step of before) perform(left, owners, step);
        const twins = owners.map((one) => ({ ...one, pinned: false }));
        const expected = left.held;
        const waited = [...left.waiting];
        left.held = [];
        for (const lock of expected) {
          const { from, to } = lock.span;
          if (from >= at) continue;
          left.held.push(to !== undefined && to > at ? { ...lock, span: { from, to: at as Key } } : lock);
        }
        for (const lock of expected) {
          const { from, to } = lock.span;
          const twin = twins.find(({ id }) => id === lock.owner.id) ?? lock.owner;
          if (from >= at) right.held.push({ ...lock, owner: twin });
          else if (to !== undefined && to > at) right.held.push({ ...lock, owner: twin, span: { from: at as Key, to } });
        }
        left.table.cut(at as Key, right.table, (one) => twins.find(({ id }) => id === one.id) ?? one);
        left.check(owners);
        right.check(twins);
        // Whoever still waits, waits for somebody on the left.
        for (const request of left.waiting) expect(waited).toContain(request);
        for (const step of after) {
          perform(left, owners, step);
          left.check(owners);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('looks at no more point locks than a range overlaps', () => {
    const table = new LockTable({ wounded: () => expect.fail('nobody is older'), contested: () => undefined });
    const at = (n: number): Key => n.toString().padStart(6, '0') as Key;
    let steps = 0;
    // What looks at a lock asks whose it is.
    const whole = makeOwner(0);
    const holder: LockOwner = {
      ...whole,
      get id() {
        steps++;
        return whole.id;
      },
    };
    const noWait = (): void => expect.fail('nothing is waited for');
    for (let i = 0; i < 100_000; i++) table.acquire(holder, { from: at((i * 7_919) % 100_003), to: undefined }, 'shared', noWait);
    const reader = makeOwner(2);
    for (const [from, to] of [[0, 10], [50_000, 50_010], [99_990, 100_010], [100_100, 200_000]] as const) {
      steps = 0;
      expect(table.tryAcquire(reader, { from: at(from), to: at(to) }, 'shared')).toBe(true);
      expect(steps).toBeLessThan(50);
    }
    steps = 0;
    expect(table.tryAcquire(makeOwner(4), { from: at(50_000), to: at(50_010) }, 'exclusive')).toBe(false);
    expect(table.pinnedWriters({ from: at(50_000), to: at(50_010) })).toEqual([]);
    expect(steps).toBeLessThan(50);
  });

  it('lets a transaction lock many ranges, and others what lies between them, looking at few for each', () => {
    const table = new LockTable({ wounded: () => expect.fail('nobody is older'), contested: () => undefined });
    const at = (n: number): Key => n.toString().padStart(6, '0') as Key;
    const count = 5_000;
    const deleter = makeOwner(2);
    for (let i = 0; i < count; i++) expect(table.tryAcquire(deleter, { from: at(10 * i), to: at(10 * i + 5) }, 'exclusive')).toBe(true);
    expect(table.rangeVisits / count).toBeLessThan(100);
    const before = table.rangeVisits;
    const other = makeOwner(4);
    for (let i = 0; i < count; i++) {
      expect(table.tryAcquire(other, { from: at(10 * i + 7), to: undefined }, 'exclusive')).toBe(true);
      expect(table.tryAcquire(other, { from: at(10 * i + 2), to: undefined }, 'shared')).toBe(false);
    }
    expect((table.rangeVisits - before) / count).toBeLessThan(100);
    table.release(deleter.id);
    expect(table.tryAcquire(makeOwner(6), { from: at(0), to: at(5) }, 'exclusive')).toBe(true);
  });

  it('lets an older transaction wound a younger one, and serves who waited for the wounded', () => {
    const watched = new Watched();
    const [oldest, middle, youngest] = [makeOwner(0), makeOwner(2), makeOwner(4)];
    const at = (key: string): Span => ({ from: key as Key, to: undefined });
    expect(watched.acquire({ owner: middle, span: at('a'), mode: 'exclusive' })).toBe(true);
    expect(watched.acquire({ owner: middle, span: at('b'), mode: 'exclusive' })).toBe(true);
    expect(watched.acquire({ owner: youngest, span: at('b'), mode: 'shared' })).toBe(false);
    expect(watched.acquire({ owner: oldest, span: at('a'), mode: 'shared' })).toBe(true);
    expect(watched.wounded).toEqual([middle]);
    expect(watched.table.holds(youngest.id, at('b'), 'shared')).toBe(true);
  });

  it('does not let readers overtake an older writer that waits', () => {
    const watched = new Watched();
    const owners = [makeOwner(0), makeOwner(2), makeOwner(4)] as const;
    const span: Span = { from: 'a' as Key, to: undefined };
    watched.acquire({ owner: owners[0], span, mode: 'shared' });
    expect(watched.acquire({ owner: owners[1], span, mode: 'exclusive' })).toBe(false);
    expect(watched.acquire({ owner: owners[2], span, mode: 'shared' })).toBe(false);
    watched.release(owners[0]);
    expect(watched.waiting.map(({ owner: who }) => who)).toEqual([owners[2]]);
    watched.release(owners[1]);
    expect(watched.waiting).toEqual([]);
  });
});

/**
 * Bugs put in on purpose into transactions, while one run lasts: they show that the workloads and their checkers find
 * what they are there to find (planted.test.ts). Each is a mistake that is easy to make; some were made.
 */
import { aborted } from '../../../src/base/errors.ts';
import { timestamp, type TxnId } from '../../../src/base/ids.ts';
import { Endings } from '../../../src/txn/endings.ts';
import { LeaderTxn, Leadership } from '../../../src/txn/leadership.ts';
import type { Ledger } from '../../../src/txn/ledger.ts';
import { LockTable } from '../../../src/txn/locks.ts';
import { CommandLog } from '../../../src/txn/logging.ts';
import { Participant } from '../../../src/txn/participant.ts';
import { GatewayTransaction } from '../../../src/txn/readwrite.ts';
import { SafeTime } from '../../../src/txn/safetime.ts';
import type { Checks } from '../../../src/txn/protocol.ts';
import { SnapshotReads } from '../../../src/txn/snapshot-reads.ts';

/** Installs the bug; what it answers takes it out again. */
export type TxnMischief = () => () => void;

/** Takes whatever it is given: the replaced methods know what that is. */
type Method = (this: object, ...args: unknown[]) => unknown;

/** Replaces a method of a class, also a private one, until called back. */
export function replace(prototype: object, name: string, make: (original: Method) => Method): () => void {
  const original: unknown = Reflect.get(prototype, name);
  if (typeof original !== 'function') throw new Error(`${prototype.constructor.name} has no method ${name}`);
  Reflect.set(prototype, name, make(original as Method));
  return () => {
    Reflect.set(prototype, name, original);
  };
}

function replaceGetter(prototype: object, name: string, get: () => unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(prototype, name);
  if (original === undefined) throw new Error(`${prototype.constructor.name} has no property ${name}`);
  Object.defineProperty(prototype, name, { ...original, get });
  return () => {
    Object.defineProperty(prototype, name, original);
  };
}

const all = (...restores: (() => void)[]) => (): void => {
  for (const restore of restores) restore();
};

const changedChecks = (change: (checks: Checks) => Checks) =>
  replace(Endings.prototype, 'validate', (original) =>
    function (this: object, ...[checks, written]: unknown[]) {
      return original.apply(this, [change(checks as Checks), written]);
    });

export const TXN_MISCHIEFS: Readonly<Record<string, TxnMischief>> = {
  /** Acknowledges, and lets go of the locks, before the timestamp has passed. */
  'no-commit-wait': () => replace(Endings.prototype, 'commitWait', () => () => undefined),

  /** A new leader forgets what prepared transactions had locked. */
  'no-relock': () => {
    let recovering = false;
    return all(
      replace(Participant.prototype, 'becameLeader', (original) =>
        function (this: object, ...args: unknown[]) {
          recovering = true;
          original.apply(this, args);
          recovering = false;
        }),
      replace(LockTable.prototype, 'acquire', (original) =>
        function (this: object, ...args: unknown[]) {
          return recovering ? true : original.apply(this, args);
        }),
    );
  },

  /** Locks that were lost with a leader are not missed. */
  'ignored-token': () =>
    replace(Leadership.prototype, 'enter', (original) =>
      function (this: object, ...[header, now]: unknown[]) {
        return original.apply(this, [{ ...(header as object), token: '' }, now]);
      }),

  /** A read-only participant does not lock. */
  'no-read-locks': () =>
    replace(Participant.prototype, 'tryLock', (original) =>
      function (this: object, ...[header, spans, mode]: unknown[]) {
        return original.apply(this, [header, (mode === 'shared' ? [] : spans), mode]);
      }),

  /** Answers a prepare before it is in the log. */
  'early-promise': () =>
    replace(CommandLog.prototype, 'command', (original) =>
      function (this: object, ...[leadership, txn, command]: unknown[]) {
        const logged = original.apply(this, [leadership, txn, command]) as Promise<void>;
        if ((command as { kind: string }).kind !== 'prepare') return logged;
        logged.catch(() => undefined);
        return Promise.resolve();
      }),

  /** Parts of transactions that nobody will name stay. */
  'undiscarded-parts': () => replace(Endings.prototype, 'discardAbandoned', () => () => undefined),

  /** A commit that is repeated, because its answer was lost, is not recognized. */
  'forgotten-outcome': () => replace(Endings.prototype, 'outcomeOf', () => () => undefined),

  /** Asked for a transaction that it does not know yet, a coordinator says no, and may still say yes. */
  'unlogged-abort': () =>
    replace(Endings.prototype, 'status', (original) =>
      async function (this: object, ...[id]: unknown[]) {
        const known = (Reflect.get(this, 'at') as { ledger: Ledger }).ledger.outcome(id as TxnId);
        return known === undefined ? { kind: 'aborted' } : await original.apply(this, [id]);
      }),

  /** Whoever asks a transaction to let go is obeyed, whatever it is doing. */
  'eager-release': () => replaceGetter(LeaderTxn.prototype, 'isEnding', () => false),

  /** Followers answer reads as if nothing were prepared. */
  'unsafe-time': () =>
    replace(SafeTime.prototype, 'now', (original) =>
      function (this: object) {
        const ledger = Reflect.get(this, 'ledger') as Ledger;
        Reflect.set(this, 'ledger', { prepared: new Map() });
        const safe = original.apply(this, []);
        Reflect.set(this, 'ledger', ledger);
        return safe;
      }),

  /** Followers answer at once, however old what they have is. */
  'impatient-followers': () => replace(SafeTime.prototype, 'now', () => () => timestamp(Number.MAX_SAFE_INTEGER)),

  /** The right half of a cut begins without the locks, but takes its transactions for holders. */
  'locks-lost-in-cut': () =>
    replace(LockTable.prototype, 'cut', (original) =>
      function (this: object, ...[at, right, ownerOf]: unknown[]) {
        original.apply(this, [at, right, ownerOf]);
        for (const { owner } of (Reflect.get(right as object, 'byOwner') as Map<TxnId, { owner: { id: TxnId } }>).values()) (right as LockTable).release(owner.id);
      }),

  /** Of two reads at once, the second under another leader, only the second's locks are checked. */
  'token-overwritten': () =>
    replace(GatewayTransaction.prototype, 'touch', (original) =>
      function (this: object, ...[split, token, lock, spans]: unknown[]) {
        const known = (Reflect.get(this, 'touched') as Map<unknown, { token: unknown }>).get(split);
        if (known !== undefined) known.token = token;
        return original.apply(this, [split, token, lock, spans]);
      }),

  /** What was read without locks is taken for unchanged. */
  'no-validation': () => replace(Endings.prototype, 'validate', () => () => Promise.resolve()),

  /** Rows that came into a range, or went, are not noticed. */
  'validation-of-keys-only': () => changedChecks((checks) => ({ ...checks, reads: checks.reads.filter(({ to }) => to === undefined) })),

  /** At repeatable read, the last committer wins. */
  'overwritten-writes': () => changedChecks((checks) => ({ ...checks, writes: false })),

  /** What is found unchanged may change before the commit. */
  'unlocked-validation': () => replace(Endings.prototype, 'lockReads', () => () => Promise.resolve()),

  /** Every read of a transaction has a snapshot of its own; the last one is checked. */
  'snapshot-for-each-read': () =>
    replace(SnapshotReads.prototype, 'at', (original) =>
      function (this: object) {
        Reflect.set(this, 'snapshot', undefined);
        return original.apply(this, []);
      }),

  /** A timestamp that was fixed in advance is taken, though followers were told that nothing comes below it any more. */
  'always-open': () => replace(Leadership.prototype, 'isOpen', () => () => true),

  /** What an aborted transaction had locked stays locked. */
  'leaked-locks': () =>
    replace(Leadership.prototype, 'release', (original) =>
      function (this: object, ...[id, reason]: unknown[]) {
        if (reason !== 'aborted') return original.apply(this, [id, reason]);
        return (Reflect.get(Leadership.prototype, 'forget') as Method).apply(this, [id, () => aborted('Transaction was aborted.'), reason]);
      }),

  /** Some participants never hear the outcome, and do not ask. */
  'no-enquiry': () => {
    let told = 0;
    return all(
      replace(Endings.prototype, 'learnOutcome', (original) =>
        function (this: object, ...args: unknown[]) {
          return told++ % 20 === 0 ? Promise.resolve() : original.apply(this, args);
        }),
      replace(Participant.prototype, 'housekeeping', () => () => undefined),
    );
  },
};

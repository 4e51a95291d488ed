/** Money moved between accounts, and elements moved within a ring: what every read of all rows must show. */
import type { Random } from '../../../src/base/env.ts';
import { checkBank, checkRing, type BankRead, type RingRead } from '../../check/sums.ts';
import { describe } from '../../check/verdict.ts';
import type { ReadView, ReadWriteTransaction, TimestampBound } from '../../../src/txn/types.ts';
import type { Action, Attempt, Workload } from './client.ts';
import { numberOf, putNumber, scanAll, two } from './rows.ts';
import { k } from './world.ts';

const ACCOUNTS = 12;
const BALANCE = 100;
const ELEMENTS = 10;
const STALENESS_MICROS = 3_000_000;

function drawBound(random: Random): TimestampBound {
  switch (random.int(4)) {
    case 0:
      return { kind: 'exactStaleness', stalenessMicros: 1 + random.int(STALENESS_MICROS) };
    case 1:
      return { kind: 'maxStaleness', stalenessMicros: random.int(STALENESS_MICROS) };
    default:
      return { kind: 'strong' };
  }
}

/** Rows `prefix`00, `prefix`01, …, each a number. */
abstract class Numbers {
  private readonly prefix: string;
  private readonly size: number;

  constructor(prefix: string, size: number) {
    this.prefix = prefix;
    this.size = size;
  }

  protected key(i: number) {
    return k(`${this.prefix}${two(i)}`);
  }

  protected async all(view: ReadView): Promise<(number | undefined)[]> {
    const rows = await scanAll(view, k(this.prefix), k(`${this.prefix}~`));
    const byKey = new Map(rows.map(({ key, record }) => [key, numberOf(record)]));
    return Array.from({ length: this.size }, (_, i) => byKey.get(this.key(i)));
  }

  cutPoint(random: Random): string {
    return `${this.prefix}${two(random.int(this.size))}`;
  }

  protected abstract record(attempt: Attempt, values: readonly (number | undefined)[]): void;

  readAll(): Action {
    return this.audit({ kind: 'strong' });
  }

  protected audit(bound: TimestampBound): Action {
    let values: readonly (number | undefined)[] = [];
    return {
      kind: 'snapshot',
      bound,
      body: async (view) => {
        values = await this.all(view);
      },
      done: (attempt) => {
        // Before the setup there may have been nothing.
        if (attempt.outcome === 'ok' && !values.every((value) => value === undefined)) this.record(attempt, values);
      },
    };
  }

  /** All rows, read under locks by a transaction that commits. */
  protected lockedAudit(): Action {
    let values: readonly (number | undefined)[] = [];
    const body = () => async (txn: ReadWriteTransaction) => {
      values = await this.all(txn);
    };
    return { kind: 'update', body, done: (attempt) => { if (attempt.outcome === 'ok') this.record(attempt, values); } };
  }
}

export class BankWorkload extends Numbers implements Workload {
  readonly name = 'bank';
  private readonly reads: BankRead[] = [];

  constructor() {
    super('b', ACCOUNTS);
  }

  setup = async (txn: ReadWriteTransaction): Promise<void> => {
    await txn.write(Array.from({ length: ACCOUNTS }, (_, i) => putNumber(this.key(i), BALANCE)));
  };

  next(random: Random): Action {
    const dice = random.int(10);
    if (dice < 3) return this.audit(drawBound(random));
    if (dice < 4) return this.lockedAudit();
    const from = random.int(ACCOUNTS);
    const to = (from + 1 + random.int(ACCOUNTS - 1)) % ACCOUNTS;
    const amount = 1 + random.int(20);
    const body = () => async (txn: ReadWriteTransaction) => {
      const [a, b] = await txn.get([this.key(from), this.key(to)]);
      await txn.write([putNumber(this.key(from), (numberOf(a) ?? 0) - amount), putNumber(this.key(to), (numberOf(b) ?? 0) + amount)]);
    };
    return { kind: 'update', body, done: () => undefined };
  }

  protected record({ id }: Attempt, balances: readonly (number | undefined)[]): void {
    this.reads.push({ id, balances });
  }

  check(): string | undefined {
    return describe(checkBank(this.reads, ACCOUNTS, ACCOUNTS * BALANCE));
  }
}

export class RingWorkload extends Numbers implements Workload {
  readonly name = 'ring';
  private readonly reads: RingRead[] = [];

  constructor() {
    super('r', ELEMENTS);
  }

  setup = async (txn: ReadWriteTransaction): Promise<void> => {
    await txn.write(Array.from({ length: ELEMENTS }, (_, i) => putNumber(this.key(i), (i + 1) % ELEMENTS)));
  };

  next(random: Random): Action {
    const dice = random.int(10);
    if (dice < 3) return this.audit(drawBound(random));
    if (dice < 4) return this.lockedAudit();
    const at = random.int(ELEMENTS);
    // a → b → c → d becomes a → c → b → d.
    const body = () => async (txn: ReadWriteTransaction) => {
      const follow = async (i: number): Promise<number> => numberOf((await txn.get([this.key(i)]))[0]) ?? 0;
      const b = await follow(at);
      const c = await follow(b);
      const d = await follow(c);
      await txn.write([putNumber(this.key(at), c), putNumber(this.key(c), b), putNumber(this.key(b), d)]);
    };
    return { kind: 'update', body, done: () => undefined };
  }

  protected record({ id }: Attempt, next: readonly (number | undefined)[]): void {
    this.reads.push({ id, next });
  }

  check(): string | undefined {
    return describe(checkRing(this.reads, ELEMENTS));
  }
}

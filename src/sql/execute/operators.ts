/** Operators of one input that keep nothing, or little: filter, project, limit, union, sample, assert, unnest. */
import { outOfRange } from '../../base/errors.ts';
import type { SqlValue } from '../values/value.ts';
import type { Evaluate } from './expressions.ts';
import { NO_ROW } from './expressions.ts';
import { collect, rowBytes, RowsOperator, type Frame, type Operator, type Plan, type Row } from './runtime.ts';

/** An operator that turns batches of one input into batches; empty results are not handed on. */
class Mapped implements Operator {
  private readonly input: Operator;
  private readonly frame: Frame;
  private readonly map: (batch: readonly Row[], frame: Frame) => readonly Row[];

  constructor(input: Operator, frame: Frame, map: (batch: readonly Row[], frame: Frame) => readonly Row[]) {
    this.input = input;
    this.frame = frame;
    this.map = map;
  }

  async next(): Promise<readonly Row[] | undefined> {
    for (;;) {
      this.frame.checkCancelled();
      const batch = await this.input.next();
      if (batch === undefined) return undefined;
      if (this.frame.isPauseDue(batch.length)) await this.frame.pause();
      const rows = this.map(batch, this.frame);
      if (rows.length > 0) return rows;
    }
  }

  close(): Promise<void> {
    return this.input.close();
  }
}

export const mapBatches = (input: Plan, map: (batch: readonly Row[], frame: Frame) => readonly Row[]): Plan => (frame) => new Mapped(input(frame), frame, map);

export const filterPlan = (input: Plan, condition: Evaluate): Plan => mapBatches(input, (batch, frame) => batch.filter((row) => condition(row, frame) === true));

export function projectPlan(input: Plan, items: readonly Evaluate[]): Plan {
  const project = (row: Row, frame: Frame): Row => {
    const out = new Array<SqlValue>(items.length);
    for (let i = 0; i < items.length; i++) out[i] = items[i]?.(row, frame) ?? null;
    return out;
  };
  return mapBatches(input, (batch, frame) => batch.map((row) => project(row, frame)));
}

export const unitPlan: Plan = () => new RowsOperator([NO_ROW]);

/** The value of LIMIT or OFFSET. */
export function limitValue(e: Evaluate | undefined, frame: Frame, otherwise: number): number {
  if (e === undefined) return otherwise;
  const value = e(NO_ROW, frame);
  if (value === null) throw outOfRange('Limit requires non-null count and offset');
  const n = Number(value);
  if (n < 0) throw outOfRange('Limit requires non-negative count and offset');
  return n;
}

export function limitPlan(input: Plan, count: Evaluate | undefined, offset: Evaluate | undefined): Plan {
  return (frame) => {
    let skip = limitValue(offset, frame, 0);
    let left = limitValue(count, frame, Infinity);
    const source = input(frame);
    return {
      async next() {
        while (left > 0) {
          const batch = await source.next();
          if (batch === undefined) return undefined;
          const rows = batch.slice(skip, skip + left);
          skip = Math.max(0, skip - batch.length);
          left -= rows.length;
          if (left <= 0) await source.close();
          if (rows.length > 0) return rows;
        }
        return undefined;
      },
      close: () => source.close(),
    };
  };
}

export function unionPlan(inputs: readonly Plan[]): Plan {
  return (frame) => {
    let at = 0;
    let current: Operator | undefined;
    return {
      async next() {
        for (;;) {
          current ??= inputs[at++]?.(frame);
          if (current === undefined) return undefined;
          const batch = await current.next();
          if (batch !== undefined) return batch;
          await current.close();
          current = undefined;
        }
      },
      async close() {
        at = inputs.length;
        await current?.close();
        current = undefined;
      },
    };
  };
}

/** Rows of an array: the element, and its position when `offset`. */
export function unnestRows(array: SqlValue, offset: boolean): Row[] {
  if (array === null) return [];
  const elements = array as readonly SqlValue[];
  return offset ? elements.map((e, i) => [e, i]) : elements.map((e) => [e]);
}

export function unnestPlan(array: Evaluate, offset: boolean): Plan {
  return (frame) => {
    let rows: Operator | undefined;
    return {
      next() {
        rows ??= new RowsOperator(unnestRows(array(NO_ROW, frame), offset));
        return rows.next();
      },
      async close() {
        await rows?.close();
      },
    };
  };
}

export function samplePlan(input: Plan, method: 'bernoulli' | 'reservoir', size: Evaluate, weighted: boolean): Plan {
  return (frame) => {
    const value = size(NO_ROW, frame);
    if (value === null) throw outOfRange('SampleScan requires non-null size');
    const n = Number(value);
    if (n < 0) throw outOfRange(method === 'bernoulli' ? 'PERCENT value must be in the range [0, 100]' : 'SampleScan requires non-negative size');
    if (method === 'bernoulli') {
      if (!(n <= 100)) throw outOfRange('PERCENT value must be in the range [0, 100]');
      return new Mapped(input(frame), frame, (batch) => {
        const kept = batch.filter(() => frame.context.random() * 100 < n);
        return weighted ? kept.map((row) => [...row, 100 / n]) : kept;
      });
    }
    return reservoir(input(frame), n, frame, weighted);
  };
}

/** Keeps n rows, each input row being as likely as any other. The weight is how many input rows one kept row stands for. */
function reservoir(input: Operator, n: number, frame: Frame, weighted: boolean): Operator {
  let output: Operator | undefined;
  const fill = async (): Promise<Operator> => {
    const kept: Row[] = [];
    let seen = 0;
    for (let batch = await input.next(); batch !== undefined; batch = await input.next()) {
      frame.checkCancelled();
      for (const row of batch) {
        seen++;
        if (kept.length < n) {
          frame.memory.take(rowBytes(row));
          kept.push(row);
        } else {
          const at = Math.floor(frame.context.random() * seen);
          if (at < n) kept[at] = row;
        }
      }
    }
    return new RowsOperator(weighted ? kept.map((row) => [...row, Math.max(1, seen / n)]) : kept);
  };
  return {
    async next() {
      output ??= await fill();
      return output.next();
    },
    close: () => input.close(),
  };
}

export function assertPlan(input: Plan, condition: Evaluate, text: string, payload: readonly Evaluate[]): Plan {
  return mapBatches(input, (batch, frame) => {
    for (const row of batch) {
      if (condition(row, frame) === true) continue;
      const detail = payload.map((p) => String(p(row, frame))).join(', ');
      throw outOfRange(`Assert failed: ${text}${detail === '' ? '' : `; ${detail}`}`);
    }
    return batch;
  });
}

/** Spreads an operator that yields all its rows at once. */
export function lazyRows(compute: () => Promise<readonly Row[]>, close: () => Promise<void>): Operator {
  let output: Operator | undefined;
  return {
    async next() {
      output ??= new RowsOperator(await compute());
      return output.next();
    },
    async close() {
      await output?.close();
      await close();
    },
  };
}

/** What a key in a set takes beside its text. */
const KEY_BYTES = 64;

/** INTERSECT and EXCEPT by the keys of whole rows. */
export function setPlan(left: Plan, right: Plan, operator: 'intersect' | 'except', all: boolean, keyOf: (row: Row) => string): Plan {
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    const compute = async (): Promise<readonly Row[]> => {
      const counts = new Map<string, number>();
      for (let batch = await b.next(); batch !== undefined; batch = await b.next()) {
        frame.checkCancelled();
        for (const row of batch) {
          const key = keyOf(row);
          const count = counts.get(key) ?? 0;
          if (count === 0) frame.memory.take(key.length + KEY_BYTES);
          counts.set(key, count + 1);
        }
      }
      const rows = await collect(a, frame);
      const seen = new Set<string>();
      return rows.filter((row) => {
        const key = keyOf(row);
        const count = counts.get(key) ?? 0;
        if (!all) {
          if (seen.has(key)) return false;
          frame.memory.take(key.length + KEY_BYTES);
          seen.add(key);
          return (count > 0) === (operator === 'intersect');
        }
        if (count > 0) counts.set(key, count - 1);
        return (count > 0) === (operator === 'intersect');
      });
    };
    return lazyRows(compute, async () => {
      await a.close();
      await b.close();
    });
  };
}


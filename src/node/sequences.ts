/**
 * Values of sequences and identity columns: bit-reversed positive counters (Spanner "Sequences"). Counters belong to the
 * cluster; a node draws them in blocks, ahead of the statements that use them, since an expression cannot wait.
 */
import { assert } from '../base/assert.ts';
import { failedPrecondition, resourceExhausted } from '../base/errors.ts';
import type { ObjectId, SequenceState } from '../sql/schema/objects.ts';
import type { Schema } from '../sql/schema/schema.ts';
import type { Int64 } from '../sql/values/value.ts';
import type { MetaStore } from './meta.ts';

/** Counters drawn at once, and how few may be left before a statement: more than one statement can use (80,000 mutations). */
const BLOCK = 250_000;
const LEFT_MIN = 100_000;
const FIRST_COUNTER = 1;
const BITS = 63;

interface Source {
  readonly id: ObjectId;
  readonly state: SequenceState;
}

interface Block {
  readonly generation: number;
  next: number;
  end: number;
  used: boolean;
}

/** The bits of a counter below 2^63 in the opposite order: neighbours in time lie far apart in key space. */
export function bitReversed(counter: bigint): bigint {
  let rest = counter;
  let value = 0n;
  for (let i = 0; i < BITS; i++) {
    value = (value << 1n) | (rest & 1n);
    rest >>= 1n;
  }
  return value;
}

const canonical = (value: bigint): Int64 => (value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value);

export class SequenceCounters {
  private readonly meta: MetaStore;
  private readonly database: number;
  private readonly blocks = new Map<ObjectId, Block>();
  private drawing: Promise<void> | undefined;

  constructor(meta: MetaStore, database: number) {
    this.meta = meta;
    this.database = database;
  }

  /** A statement may use more values than are here. */
  areWanted(schema: Schema): boolean {
    return sourcesOf(schema).some((source) => this.isLow(source));
  }

  /** Makes sure that a statement finds enough values. */
  async replenish(schema: Schema): Promise<void> {
    while (this.areWanted(schema)) {
      this.drawing ??= this.draw(schema).finally(() => {
        this.drawing = undefined;
      });
      await this.drawing;
    }
  }

  /** The next value. `name` is a sequence's, or `table.column` of an identity column. */
  next(schema: Schema, name: string): Int64 {
    const { id, state } = sourceNamed(schema, name);
    const block = this.blocks.get(id);
    if (block === undefined) throw failedPrecondition(`Sequence ${name} has no values here yet; repeat the statement.`);
    const low = state.skipRangeMin === undefined ? undefined : BigInt(state.skipRangeMin);
    const high = state.skipRangeMax === undefined ? undefined : BigInt(state.skipRangeMax);
    while (block.next < block.end) {
      const value = bitReversed(BigInt(block.next++));
      block.used = true;
      if (low === undefined || high === undefined || value < low || value > high) return canonical(value);
    }
    throw resourceExhausted(`Sequence ${name} is used more often by one statement than it can be drawn ahead; use smaller statements.`);
  }

  /** The counter's state; null before the first value. */
  state(schema: Schema, name: string): Int64 | null {
    const block = this.blocks.get(sourceNamed(schema, name).id);
    return block?.used === true ? block.next - 1 : null;
  }

  private isLow({ id, state }: Source): boolean {
    const block = this.blocks.get(id);
    return block === undefined || block.generation !== state.generation || block.end - block.next < LEFT_MIN;
  }

  private async draw(schema: Schema): Promise<void> {
    for (const source of sourcesOf(schema)) {
      if (!this.isLow(source)) continue;
      const { id, state } = source;
      const first = state.startWithCounter === undefined ? FIRST_COUNTER : Number(state.startWithCounter);
      const counter = `sequence/${this.database}/${id}/${state.generation}`;
      const next = await this.meta.draw(counter, first, BLOCK);
      assert(Number.isSafeInteger(next), 'a counter is a safe integer');
      const known = this.blocks.get(id);
      if (known?.generation === state.generation && known.end === next) {
        known.end += BLOCK;
        continue;
      }
      // Another node has drawn meanwhile. What was left of the block is given up: values need not be without gaps.
      this.blocks.set(id, { generation: state.generation, next, end: next + BLOCK, used: this.blocks.get(id)?.used ?? false });
    }
  }
}

const sources = new WeakMap<Schema, readonly Source[]>();

function sourcesOf(schema: Schema): readonly Source[] {
  let found = sources.get(schema);
  if (found === undefined) {
    const identities = schema.data.tables.flatMap((table) => table.columns.flatMap(({ value }) => (value?.kind === 'identity' ? [{ id: value.id, state: value.sequence }] : [])));
    sources.set(schema, (found = [...schema.data.sequences.map(({ id, state }) => ({ id, state })), ...identities]));
  }
  return found;
}

function sourceNamed(schema: Schema, name: string): Source {
  const sequence = schema.data.sequences.find((other) => other.name.toLowerCase() === name.toLowerCase());
  if (sequence !== undefined) return { id: sequence.id, state: sequence.state };
  const dot = name.lastIndexOf('.');
  const table = schema.table(name.slice(0, dot));
  const column = table === undefined ? undefined : schema.column(table, name.slice(dot + 1));
  if (column?.value?.kind === 'identity') return { id: column.value.id, state: column.value.sequence };
  throw failedPrecondition(`Sequence not found: ${name}`);
}


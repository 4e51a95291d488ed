/**
 * IS_FIRST(k) OVER (…): the input's rows with one more value, whether the row is among the first k of its partition.
 * Without an order the first to come are the first, and rows go on as they come; with one all rows are kept, and of each
 * partition the first k found so far (at most twice as many and 64) with their sort keys.
 */
import { outOfRange } from '../../base/errors.ts';
import { NO_ROW, type Evaluate } from './expressions.ts';
import { lazyRows, mapBatches } from './operators.ts';
import { collect, rowBytes, type Frame, type Operator, type Plan, type Row } from './runtime.ts';
import { entryComparator, entryOf, type CompiledSortKey, type SortEntry } from './sort.ts';

export interface FirstRows {
  readonly count: Evaluate;
  readonly partition: readonly Evaluate[];
  /** Equal for rows of one partition. */
  readonly keyOf: (values: Row) => string;
  readonly keys: readonly CompiledSortKey[];
}

/** What a partition and an entry take beside their keys and values. */
const PARTITION_BYTES = 64;
const ENTRY_BYTES = 48;
/** Entries of a partition beyond the twofold of what is wanted before they are cut. */
const SLACK = 64;

function countOf(count: Evaluate, frame: Frame): number {
  const value = count(NO_ROW, frame);
  if (value === null) throw outOfRange('The argument to IS_FIRST must not be NULL');
  if (Number(value) <= 0) throw outOfRange('The argument to IS_FIRST must be positive');
  return Number(value);
}

export function firstRowsPlan(input: Plan, window: FirstRows): Plan {
  if (window.keys.length === 0) return firstToCome(input, window);
  return (frame) => {
    const count = countOf(window.count, frame);
    const source = input(frame);
    return lazyRows(() => firstInOrder(source, window, count, frame), () => source.close());
  };
}

const partitionOf = (row: Row, { partition, keyOf }: FirstRows, frame: Frame): string => keyOf(partition.map((p) => p(row, frame)));

function firstToCome(input: Plan, window: FirstRows): Plan {
  return (frame) => {
    const count = countOf(window.count, frame);
    const seen = new Map<string, number>();
    const flagged = (row: Row): Row => {
      const partition = partitionOf(row, window, frame);
      const before = seen.get(partition);
      if (before === undefined) frame.memory.take(PARTITION_BYTES + 2 * partition.length);
      if (before === undefined || before < count) seen.set(partition, (before ?? 0) + 1);
      return [...row, (before ?? 0) < count];
    };
    return mapBatches(input, (batch) => batch.map(flagged))(frame);
  };
}

/** A row's position in the input with its sort keys. */
interface Placed extends SortEntry {
  readonly position: number;
}

async function firstInOrder(source: Operator, window: FirstRows, count: number, frame: Frame): Promise<Row[]> {
  const compare = entryComparator(window.keys, frame);
  const rows = await collect(source, frame);
  const partitions = new Map<string, Placed[]>();
  const cut = (entries: Placed[]): void => {
    entries.sort((a, b) => compare(a, b) || a.position - b.position);
    for (const e of entries.splice(count)) frame.memory.give(ENTRY_BYTES + rowBytes(e.keys));
  };
  for (const [position, row] of rows.entries()) {
    if (frame.isPauseDue()) await frame.pause();
    const partition = partitionOf(row, window, frame);
    let entries = partitions.get(partition);
    if (entries === undefined) {
      frame.memory.take(PARTITION_BYTES + 2 * partition.length);
      partitions.set(partition, (entries = []));
    }
    const entry = { ...entryOf(row, window.keys, frame), position };
    frame.memory.take(ENTRY_BYTES + rowBytes(entry.keys));
    entries.push(entry);
    if (entries.length >= 2 * count + SLACK) cut(entries);
  }
  const first = new Set<number>();
  for (const entries of partitions.values()) {
    cut(entries);
    for (const { position } of entries) first.add(position);
  }
  return rows.map((row, position) => [...row, first.has(position)]);
}

/**
 * google.spanner.v1.KeySet in plain JSON form to typed keys, for reads, deletions and partitions.
 * Source: google/spanner/v1/keys.proto. Messages as Spanner words them.
 */
import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import { fromWire } from '../values/wire.ts';
import type { SqlValue } from '../values/value.ts';
import type { KeyPart } from './keyspace.ts';
import type { KeyRangeValues, KeySetValues } from './values.ts';

/** The JSON form: lists of plain values. One of `startClosed` and `startOpen`, one of `endClosed` and `endOpen`. */
export interface WireKeyRange {
  readonly startClosed?: unknown;
  readonly startOpen?: unknown;
  readonly endClosed?: unknown;
  readonly endOpen?: unknown;
}

export interface WireKeySet {
  readonly keys?: readonly unknown[];
  readonly ranges?: readonly WireKeyRange[];
  readonly all?: boolean;
}

export interface KeySetRules {
  /** The table or index, for messages. */
  readonly name: string;
  /** The parts that keys are given in. */
  readonly parts: readonly KeyPart[];
}

/** Decodes a key set. Keys are complete; ends of ranges may be prefixes. Throws FAILED_PRECONDITION or INVALID_ARGUMENT. */
export function keySetFromWire(rules: KeySetRules, wire: WireKeySet): KeySetValues {
  return {
    all: wire.all === true,
    keys: (wire.keys ?? []).map((key) => keyFromWire(rules, key, true)),
    ranges: (wire.ranges ?? []).map((range) => rangeFromWire(rules, range)),
  };
}

/** Decodes one key, or, unless it has to be `complete`, the beginning of one. */
export function keyFromWire(rules: KeySetRules, wire: unknown, complete: boolean): SqlValue[] {
  if (!Array.isArray(wire)) throw invalidArgument('A key must be a list of values.');
  const expected = rules.parts.length;
  if (wire.length > expected || (complete && wire.length < expected)) {
    throw failedPrecondition(`Wrong number of key parts for ${rules.name}. Expected ${expected} key parts, found ${wire.length} key parts. Supplied key: ${JSON.stringify(wire).slice(0, 1000)}`);
  }
  const values: SqlValue[] = [];
  for (const [i, part] of rules.parts.entries()) {
    if (i < wire.length) values.push(fromWire(wire[i], part.column.type));
  }
  return values;
}

function rangeFromWire(rules: KeySetRules, range: WireKeyRange): KeyRangeValues {
  const start = range.startClosed ?? range.startOpen;
  const end = range.endClosed ?? range.endOpen;
  if (start === undefined) throw invalidArgument('Key range must contain either start_closed or start_open.');
  if (end === undefined) throw invalidArgument('Key range must contain either end_closed or end_open.');
  return {
    start: keyFromWire(rules, start, false), startClosed: range.startClosed !== undefined,
    end: keyFromWire(rules, end, false), endClosed: range.endClosed !== undefined,
  };
}

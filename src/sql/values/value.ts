/**
 * The run-time representation of SQL values.
 *
 * | SQL       | JavaScript                                                                              |
 * |-----------|-----------------------------------------------------------------------------------------|
 * | NULL      | null                                                                                    |
 * | BOOL      | boolean                                                                                 |
 * | INT64     | number when it is a safe integer (never -0), otherwise bigint                           |
 * | FLOAT64   | number; FLOAT32 is a number rounded by Math.fround                                      |
 * | NUMERIC   | bigint, scaled by 10^9                                                                  |
 * | STRING    | string without lone surrogates                                                          |
 * | BYTES     | Uint8Array                                                                              |
 * | DATE      | number of days since 1970-01-01                                                         |
 * | TIMESTAMP | bigint nanoseconds since the epoch                                                      |
 * | JSON      | Json (json.ts)                                                                          |
 * | UUID      | lower-case string with hyphens                                                          |
 * | INTERVAL  | Interval (interval.ts)                                                                  |
 * | ARRAY     | array of the elements                                                                   |
 * | STRUCT    | array of the field values in order                                                      |
 *
 * Values are immutable: nobody writes to an array or Uint8Array after handing it over.
 */
import type { Interval } from './interval.ts';
import type { Json } from './json.ts';

export type SqlValue = null | boolean | number | bigint | string | Uint8Array | Json | Interval | readonly SqlValue[];

/** An INT64: see the table above. */
export type Int64 = number | bigint;

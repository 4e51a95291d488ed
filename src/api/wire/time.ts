/** google.protobuf.Timestamp and Duration to and from integer microseconds. Nanoseconds below a microsecond are cut. */
import { invalidArgument } from '../../base/errors.ts';
import type { ProtoReader } from './reader.ts';
import type { ProtoWriter } from './writer.ts';

export const MICROS_PER_SECOND = 1_000_000;
const NANOS_PER_MICRO = 1_000;
/** 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z in seconds, the range of a Timestamp. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;
/** The range of a Duration: about 10,000 years. */
const MAX_DURATION_SECONDS = 315_576_000_000;

function readSecondsNanos(reader: ProtoReader): { seconds: number; nanos: number } {
  let seconds = 0;
  let nanos = 0;
  while (reader.next()) {
    if (reader.field === 1) seconds = reader.int();
    else if (reader.field === 2) nanos = reader.int();
    else reader.skip();
  }
  return { seconds, nanos };
}

export function readTimestamp(reader: ProtoReader): number {
  const { seconds, nanos } = readSecondsNanos(reader);
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos > 999_999_999) throw invalidArgument('Timestamp out of range.');
  return seconds * MICROS_PER_SECOND + Math.floor(nanos / NANOS_PER_MICRO);
}

export function readDuration(reader: ProtoReader): number {
  const { seconds, nanos } = readSecondsNanos(reader);
  if (Math.abs(seconds) > MAX_DURATION_SECONDS || Math.abs(nanos) > 999_999_999) throw invalidArgument('Duration out of range.');
  // Downwards, so that the least negative one stays negative.
  return seconds * MICROS_PER_SECOND + Math.floor(nanos / NANOS_PER_MICRO);
}

export function writeTimestamp(writer: ProtoWriter, field: number, micros: number): void {
  const start = writer.begin(field);
  const seconds = Math.floor(micros / MICROS_PER_SECOND);
  writer.int(1, seconds);
  writer.int(2, (micros - seconds * MICROS_PER_SECOND) * NANOS_PER_MICRO);
  writer.end(start);
}

/** A Duration that is not negative. */
export function writeDuration(writer: ProtoWriter, field: number, micros: number): void {
  writeTimestamp(writer, field, micros);
}

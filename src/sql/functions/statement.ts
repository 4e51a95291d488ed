/**
 * Functions of the statement's surroundings (sequences, commit timestamp, identifiers) and of intervals.
 * The surroundings answer through the evaluation context. Source: GoogleSQL for Spanner, the pages of these families.
 */
import type { Json } from '../values/json.ts';
import { intervalOf, makeInterval, parseIntervalRange } from '../values/interval.ts';
import { timestampToString } from '../values/timestamp.ts';
import { timeZone } from '../values/timezone.ts';
import { randomUuid } from '../values/uuid.ts';
import type { Int64 } from '../values/value.ts';
import { INTERVAL_PARTS } from './dateparts.ts';
import { on, scalar } from './define.ts';
import { justifyDays, justifyHours, justifyInterval } from './intervalmath.ts';
import { strictString } from './jsonconvert.ts';
import { withContext, type FunctionDefinition } from './registry.ts';

/** It is bound where it is the whole value of a column and nowhere else (bind/calls.ts). */
export const PENDING_COMMIT_TIMESTAMP_MISPLACED = 'The PENDING_COMMIT_TIMESTAMP() function may only be used as a value for INSERT or UPDATE of an appropriately typed column. It cannot be used in SELECT, or as the input to any other scalar expression.';

const VOLATILE = { volatility: 'volatile' } as const;
/** Functions of Spanner and not of GoogleSQL have no SAFE. form. */
const OF_SPANNER = { volatility: 'volatile', safePrefix: false } as const;

function interval(year: Int64 = 0, month: Int64 = 0, day: Int64 = 0, hour: Int64 = 0, minute: Int64 = 0, second: Int64 = 0) {
  const seconds = BigInt(hour) * 3600n + BigInt(minute) * 60n + BigInt(second);
  return makeInterval(Number(year) * 12 + Number(month), Number(day), seconds * 1_000_000_000n);
}

export const STATEMENT: readonly FunctionDefinition[] = [
  scalar('GENERATE_UUID', 'utility', 'A random UUID as text.', [on('() -> STRING', withContext((ctx) => randomUuid(ctx.randomBytes(16))))], VOLATILE),
  scalar('NEW_UUID', 'utility', 'A random UUID.', [on('() -> UUID', withContext((ctx) => randomUuid(ctx.randomBytes(16))))], VOLATILE),
  scalar('PENDING_COMMIT_TIMESTAMP', 'timestamp', 'Stands for the commit timestamp when written to a column that allows it.', [
    on('() -> TIMESTAMP', withContext((ctx) => ctx.pendingCommitTimestamp())),
  ], OF_SPANNER),
  scalar('GET_NEXT_SEQUENCE_VALUE', 'sequence', 'The next value of a sequence.', [
    on('(SEQUENCE) -> INT64', withContext((ctx, name: string) => ctx.nextSequenceValue(name))),
    on('(STRING) -> INT64', withContext((ctx, name: string) => ctx.nextSequenceValue(name))),
  ], OF_SPANNER),
  scalar('GET_INTERNAL_SEQUENCE_STATE', 'sequence', 'The internal counter of a sequence, NULL before its first value.', [
    on('(SEQUENCE) -> INT64', withContext((ctx, name: string) => ctx.sequenceState(name))),
    on('(STRING) -> INT64', withContext((ctx, name: string) => ctx.sequenceState(name))),
  ], OF_SPANNER),
  scalar('GET_TABLE_COLUMN_IDENTITY_STATE', 'sequence', 'The internal counter of an identity column given as table.column.', [
    on('(STRING) -> INT64', withContext((ctx, name: string) => ctx.sequenceState(name))),
  ], OF_SPANNER),
  scalar('STRING', 'conversion', 'A timestamp as text in a time zone, or the text of a JSON string.', [
    on('(TIMESTAMP, [STRING]) -> STRING', withContext((ctx, t: bigint, zone?: string) => timestampToString(t, timeZone(zone ?? ctx.defaultTimeZone)))),
    on('(JSON) -> STRING', (json: Json) => strictString(json.root)),
  ]),
  scalar('MAKE_INTERVAL', 'interval', 'An interval of years, months, days, hours, minutes and seconds.', [
    on('([YEAR => INT64], [MONTH => INT64], [DAY => INT64], [HOUR => INT64], [MINUTE => INT64], [SECOND => INT64]) -> INTERVAL', interval),
  ]),
  scalar('JUSTIFY_DAYS', 'interval', 'Turns every 30 days into a month.', [on('(INTERVAL) -> INTERVAL', justifyDays)]),
  scalar('JUSTIFY_HOURS', 'interval', 'Turns every 24 hours into a day.', [on('(INTERVAL) -> INTERVAL', justifyHours)]),
  scalar('JUSTIFY_INTERVAL', 'interval', 'Turns every 24 hours into a day and every 30 days into a month.', [on('(INTERVAL) -> INTERVAL', justifyInterval)]),
  scalar('$interval', 'interval', 'INTERVAL n part, or INTERVAL text part TO part.', [
    on('(INT64, PART) -> INTERVAL', (n: Int64, part: string) => intervalOf(BigInt(n), part), INTERVAL_PARTS),
    on('(STRING, PART, PART) -> INTERVAL', parseIntervalRange),
  ]),
];

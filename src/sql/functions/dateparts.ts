/** The words for parts of dates and times, and which function knows which. Source: GoogleSQL for Spanner, date, timestamp and interval functions. */
import type { Signature } from './registry.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Every word that is a date part in some place. */
export const DATE_PARTS = words('YEAR ISOYEAR QUARTER MONTH WEEK ISOWEEK DAY DAYOFWEEK DAYOFYEAR HOUR MINUTE SECOND MILLISECOND MICROSECOND NANOSECOND DATE TIME DATETIME');

const PERIODS = 'DAY WEEK ISOWEEK MONTH QUARTER YEAR ISOYEAR';
const CLOCK = 'HOUR MINUTE SECOND MILLISECOND MICROSECOND NANOSECOND';

const parts = (of: string, allowed: string): Pick<Signature, 'parts'> => ({ parts: { of, allowed: words(allowed) } });

/** For arithmetic on dates, by `name`. */
export const dateSteps = (name: string): Pick<Signature, 'parts'> => parts(name, 'DAY WEEK MONTH QUARTER YEAR');
export const datePeriods = (name: string): Pick<Signature, 'parts'> => parts(name, PERIODS);
/** For arithmetic on timestamps: units of fixed length. */
export const timestampSteps = (name: string): Pick<Signature, 'parts'> => parts(name, `DAY ${CLOCK}`);
export const timestampPeriods = (name: string): Pick<Signature, 'parts'> => parts(name, `${PERIODS} ${CLOCK}`);
export const EXTRACT_FROM_DATE = parts('EXTRACT from DATE', `${PERIODS} DAYOFWEEK DAYOFYEAR`);
export const EXTRACT_FROM_TIMESTAMP = parts('EXTRACT from TIMESTAMP', `${PERIODS} DAYOFWEEK DAYOFYEAR ${CLOCK} DATE`);
export const EXTRACT_FROM_INTERVAL = parts('EXTRACT from INTERVAL', `YEAR MONTH DAY ${CLOCK}`);
export const INTERVAL_PARTS = parts('INTERVAL', 'YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND MICROSECOND NANOSECOND');

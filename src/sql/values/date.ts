/**
 * DATE: days since 1970-01-01 in the proleptic Gregorian calendar, years 1 to 9999.
 * The civil-day conversions are the usual ones over 400-year eras, in integer arithmetic on doubles (all values small).
 */
export interface CivilDay {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** 0001-01-01 and 9999-12-31. */
export const DATE_MIN = -719162;
export const DATE_MAX = 2932896;

export const inDateRange = (days: number): boolean => days >= DATE_MIN && days <= DATE_MAX;

/** Days since the epoch of a day that exists in the calendar. Months count from March inside, so leap days come last. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

export function civilFromDays(days: number): CivilDay {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const dayOfEra = z - era * 146097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const mp = Math.floor((5 * dayOfYear + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * mp + 2) / 5) + 1 };
}

export const isLeapYear = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export const daysInMonth = (year: number, month: number): number => (month === 2 && isLeapYear(year) ? 29 : (MONTH_LENGTHS[month - 1] ?? 0));

export const isCivilDay = (year: number, month: number, day: number): boolean =>
  year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);

/** Adds months; a day past the end of the new month becomes its last day. The result may be out of DATE's range. */
export function addMonths(days: number, months: number): number {
  const { year, month, day } = civilFromDays(days);
  const index = year * 12 + (month - 1) + months;
  const newYear = Math.floor(index / 12);
  const newMonth = index - newYear * 12 + 1;
  return daysFromCivil(newYear, newMonth, Math.min(day, daysInMonth(newYear, newMonth)));
}

/** 0 = Sunday … 6 = Saturday. */
export const dayOfWeek = (days: number): number => (((days + 4) % 7) + 7) % 7;

export function dayOfYear(days: number): number {
  return days - daysFromCivil(civilFromDays(days).year, 1, 1) + 1;
}

/** ISO 8601 week: it starts on Monday, and week 1 holds the year's first Thursday. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  const thursday = days - ((dayOfWeek(days) + 6) % 7) + 3;
  const { year } = civilFromDays(thursday);
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1 };
}

/** The Monday on which the ISO year starts. */
export function isoYearStart(year: number): number {
  const january4 = daysFromCivil(year, 1, 4);
  return january4 - ((dayOfWeek(january4) + 6) % 7);
}

/** Week of the year when weeks start on `firstDay` (0 = Sunday); days before the first such day are in week 0. */
export function weekOfYear(days: number, firstDay: number): number {
  return Math.floor((dayOfYear(days) - 1 + 7 - ((dayOfWeek(days) - firstDay + 7) % 7)) / 7);
}

const pad = (value: number, length: number): string => String(value).padStart(length, '0');

/** YYYY-MM-DD. */
export function dateToString(days: number): string {
  const { year, month, day } = civilFromDays(days);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** Parses YYYY-[M]M-[D]D; undefined when it is no date between years 1 and 9999. */
export function parseDate(text: string): number | undefined {
  const match = /^([0-9]{4,5})-([0-9]{1,2})-([0-9]{1,2})$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return isCivilDay(year, month, day) ? daysFromCivil(year, month, day) : undefined;
}

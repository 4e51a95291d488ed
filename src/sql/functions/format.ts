/**
 * FORMAT: printf for SQL values. A directive is %[flags][width][.precision]specifier.
 * Floating-point digits are those of the exact value, rounded half to even as C does; NUMERIC rounds half away from zero.
 * Source: GoogleSQL "FORMAT function".
 */
import { outOfRange, TrestleError } from '../../base/errors.ts';
import { typeName, type SqlType } from '../types/types.ts';
import { exponentSuffix, nonFinite, placePoint, roundedDigits } from '../values/float.ts';
import type { Json } from '../values/json.ts';
import { jsonToPrettyString } from '../values/json.ts';
import { divideRounded, NUMERIC_SCALE } from '../values/numeric.ts';
import { literalText, valueText } from '../values/print.ts';
import { characterCount, sliceCharacters } from '../values/text.ts';
import { UTC } from '../values/timezone.ts';
import type { SqlValue } from '../values/value.ts';
import { on, scalar } from './define.ts';
import { bound, type FunctionDefinition } from './registry.ts';

interface Directive {
  readonly flags: string;
  /** A number, an argument (`*`), or none. */
  readonly width: number | '*' | undefined;
  readonly precision: number | '*' | undefined;
  readonly specifier: string;
}

const DIRECTIVE = /%([-+ #0']*)(\*|[0-9]+)?(?:\.(\*|[0-9]*))?(.)?/gsu;
const SPECIFIERS = 'diouxXfFeEgGsptTP%';

function parse(pattern: string): readonly (string | Directive)[] {
  const parts: (string | Directive)[] = [];
  let end = 0;
  for (const match of pattern.matchAll(DIRECTIVE)) {
    parts.push(pattern.slice(end, match.index));
    end = match.index + match[0].length;
    const specifier = match[4];
    if (specifier === undefined) throw outOfRange(`Invalid FORMAT string: "${pattern}"`);
    if (specifier === '%' && match[0] !== '%%') throw outOfRange(`Invalid FORMAT string: "${pattern}"`);
    if (!SPECIFIERS.includes(specifier)) throw outOfRange(`Invalid format specifier character "${specifier}" in FORMAT string: "${pattern}"`);
    parts.push({ flags: match[1] ?? '', width: size(match[2]), precision: match[3] === '' ? 0 : size(match[3]), specifier });
  }
  parts.push(pattern.slice(end));
  return parts;
}

const size = (text: string | undefined): number | '*' | undefined => (text === undefined ? undefined : text === '*' ? '*' : Number(text));

/** Absent NULLs: thrown to leave a directive whose argument makes the whole result NULL. */
const NULL_RESULT = Symbol('FORMAT is NULL');

class Arguments {
  private at = 0;
  private readonly values: readonly SqlValue[];
  private readonly types: readonly (SqlType | undefined)[];
  private readonly pattern: string;

  constructor(pattern: string, values: readonly SqlValue[], types: readonly (SqlType | undefined)[]) {
    this.pattern = pattern;
    this.values = values;
    this.types = types;
  }
  next(): { readonly value: SqlValue; readonly type: SqlType; readonly index: number } {
    const index = this.at++;
    const type = this.types[index];
    if (type === undefined || index >= this.values.length) {
      throw outOfRange(`Too few arguments to FORMAT for pattern "${this.pattern}"; Expected ${index + 2}; Got ${this.values.length + 1}`);
    }
    return { value: this.values[index] ?? null, type, index };
  }
  finish(): void {
    if (this.at < this.values.length) {
      throw outOfRange(`Too many arguments to FORMAT for pattern "${this.pattern}"; Expected ${this.at + 1}; Got ${this.values.length + 1}`);
    }
  }
}

function wrongType(index: number, expected: string, type: SqlType): never {
  throw outOfRange(`Invalid type for argument ${index + 2} to FORMAT; Expected ${expected}; Got ${typeName(type)}`);
}

/** Whether a directive takes an argument of the type. */
function checkType(d: Directive, type: SqlType, index: number): void {
  const { specifier } = d;
  if ('tT'.includes(specifier)) return;
  if (specifier === 's') return type.kind === 'STRING' ? undefined : wrongType(index, 'STRING', type);
  if ('pP'.includes(specifier)) return type.kind === 'JSON' ? undefined : wrongType(index, 'PROTO or JSON', type);
  if (specifier === 'u') return wrongType(index, 'UINT', type);
  if ('dioxX'.includes(specifier)) return type.kind === 'INT64' ? undefined : wrongType(index, 'integer', type);
  if (type.kind !== 'FLOAT64' && type.kind !== 'FLOAT32' && type.kind !== 'NUMERIC') wrongType(index, 'FLOAT64', type);
}

/** What is wrong with a pattern that is known before any value: analysis refuses it. */
function objection([pattern]: readonly (SqlValue | undefined)[], [, ...types]: readonly (SqlType | undefined)[]): string | undefined {
  if (typeof pattern !== 'string') return undefined;
  const args = new Arguments(pattern, types.map(() => null), types);
  try {
    for (const part of parse(pattern)) {
      if (typeof part === 'string' || part.specifier === '%') continue;
      checkExtent(part.width, part.precision);
      for (const extent of [part.width, part.precision]) {
        if (extent !== '*') continue;
        const { type, index } = args.next();
        if (type.kind !== 'INT64') wrongType(index, 'integer', type);
      }
      const { type, index } = args.next();
      checkType(part, type, index);
    }
    args.finish();
    return undefined;
  } catch (error) {
    if (error instanceof TrestleError) return error.message;
    throw error;
  }
}

function sizeOf(spec: number | '*' | undefined, args: Arguments): number | undefined {
  if (spec !== '*') return spec;
  const { value, type, index } = args.next();
  if (type.kind !== 'INT64') return wrongType(index, 'integer', type);
  if (value === null) throw NULL_RESULT;
  return Number(value);
}

const FORMATTED_LENGTH_MAX = 1024 * 1024;

function checkExtent(width: number | '*' | undefined, precision: number | '*' | undefined): void {
  if (width !== '*' && (width ?? 0) > FORMATTED_LENGTH_MAX) throw outOfRange(`Width ${width} exceeds the maximum supported output width of FORMAT. Limit: ${FORMATTED_LENGTH_MAX}`);
  if (precision !== '*' && (precision ?? 0) > FORMATTED_LENGTH_MAX) throw outOfRange(`Precision ${precision} exceeds the maximum supported output width of FORMAT. Limit: ${FORMATTED_LENGTH_MAX}`);
}

function limitFormatted(length: number): void {
  if (length > FORMATTED_LENGTH_MAX) throw outOfRange(`Output string too long while evaluating FORMAT; limit ${FORMATTED_LENGTH_MAX}`);
}

function formatOne(d: Directive, args: Arguments): string {
  if (d.specifier === '%') return '%';
  const width = sizeOf(d.width, args);
  const precision = sizeOf(d.precision, args);
  const left = d.flags.includes('-') || (width !== undefined && width < 0);
  const columns = Math.abs(width ?? 0);
  limitFormatted(columns + (precision ?? 0));
  const { value, type, index } = args.next();
  checkType(d, type, index);
  if ('tT'.includes(d.specifier)) {
    // Timestamps print in UTC, whatever the default time zone.
    const text = (d.specifier === 't' ? valueText : literalText)(type, UTC)(value);
    return padText(cut(text, precision), columns, left);
  }
  if (d.specifier === 's') {
    return padText(cut(notNull(value) as string, precision), columns, left);
  }
  if ('pP'.includes(d.specifier)) {
    const json = notNull(value) as Json;
    return padText(cut(d.specifier === 'p' ? json.toString() : jsonToPrettyString(json.root), precision), columns, left);
  }
  const number = 'diouxX'.includes(d.specifier) ? integerText(d, value, precision) : floatText(d, value, type, precision);
  const zeros = d.flags.includes('0') && !left && number.finite && !('diu'.includes(d.specifier) && precision !== undefined);
  return padNumber(number, columns, left, zeros);
}

function notNull(value: SqlValue): Exclude<SqlValue, null> {
  if (value === null) throw NULL_RESULT;
  return value;
}

const cut = (text: string, precision: number | undefined): string => (precision === undefined || precision < 0 ? text : sliceCharacters(text, 0, precision));

function padText(text: string, columns: number, left: boolean): string {
  const fill = ' '.repeat(Math.max(0, columns - characterCount(text)));
  return left ? text + fill : fill + text;
}

interface NumberText {
  /** Sign and 0x: stays in front of filling zeros. */
  readonly prefix: string;
  readonly digits: string;
  readonly finite: boolean;
}

function padNumber(n: NumberText, columns: number, left: boolean, zeros: boolean): string {
  const missing = Math.max(0, columns - n.prefix.length - n.digits.length);
  if (zeros) return n.prefix + '0'.repeat(missing) + n.digits;
  return left ? n.prefix + n.digits + ' '.repeat(missing) : ' '.repeat(missing) + n.prefix + n.digits;
}

const signOf = (negative: boolean, flags: string): string => (negative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '');

const group = (digits: string, every: number, mark: string): string => digits.replace(new RegExp(`\\B(?=(?:[0-9a-fA-F]{${every}})+$)`, 'g'), mark);

function integerText(d: Directive, value: SqlValue, precision: number | undefined): NumberText {
  const n = BigInt(notNull(value) as number | bigint);
  const negative = n < 0n;
  const radix = d.specifier === 'o' ? 8 : 'xX'.includes(d.specifier) ? 16 : 10;
  let digits = (negative ? -n : n).toString(radix);
  // As in C, a precision of 0 prints zero as nothing, but only in decimal.
  const hash = d.flags.includes('#');
  if (precision !== undefined) digits = precision === 0 && n === 0n && radix === 10 && !d.flags.includes("'") ? '' : digits.padStart(precision - (hash && radix === 8 ? 1 : 0), '0');
  if (d.flags.includes("'")) digits = radix === 10 ? group(digits, 3, ',') : group(digits, 4, radix === 8 ? ',' : ':');
  let prefix = signOf(negative, d.flags);
  if (hash) prefix += radix === 16 ? '0x' : radix === 8 ? '0' : '';
  if (d.specifier === 'X') return { prefix: prefix.toUpperCase(), digits: digits.toUpperCase(), finite: true };
  return { prefix, digits, finite: true };
}

/** A non-negative number that can be asked for its digits at any decimal place. */
interface Decimal {
  readonly zero: boolean;
  /** |value| × 10^places, rounded. */
  readonly at: (places: number) => string;
  /** The power of ten of the first digit, as a starting guess. */
  readonly exponent: number;
}

function decimalOf(value: SqlValue, type: SqlType): Decimal {
  if (type.kind === 'NUMERIC') {
    const n = value as bigint;
    const magnitude = n < 0n ? -n : n;
    return {
      zero: n === 0n,
      at: (places) => (places >= 0 ? divideRounded(magnitude * 10n ** BigInt(places), NUMERIC_SCALE) : divideRounded(magnitude, NUMERIC_SCALE * 10n ** BigInt(-places))).toString(),
      exponent: magnitude.toString().length - 10,
    };
  }
  const x = Math.abs(value as number);
  return { zero: x === 0, at: (places) => roundedDigits(x, places), exponent: x === 0 ? 0 : Number(x.toExponential(20).split('e')[1]) };
}

function floatText(d: Directive, raw: SqlValue, type: SqlType, precision: number | undefined): NumberText {
  const value = notNull(raw);
  const upper = 'FEG'.includes(d.specifier);
  const negative = typeof value === 'number' ? value < 0 : (value as bigint) < 0n;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const word = nonFinite(Math.abs(value));
    return { prefix: signOf(negative, d.flags), digits: upper ? word.toUpperCase() : word, finite: false };
  }
  const decimal = decimalOf(value, type);
  const places = precision === undefined || precision < 0 ? 6 : precision;
  const keep = d.flags.includes('#');
  let digits: string;
  switch (d.specifier.toLowerCase()) {
    case 'f':
      digits = fixed(decimal, places, keep);
      break;
    case 'e':
      digits = scientific(decimal, places, keep);
      break;
    default:
      digits = general(decimal, places, keep);
  }
  if (d.flags.includes("'")) digits = digits.replace(/^[0-9]+/, (whole) => group(whole, 3, ','));
  return { prefix: signOf(negative, d.flags), digits: upper ? digits.toUpperCase() : digits, finite: true };
}

function fixed(x: Decimal, places: number, keepPoint: boolean): string {
  const digits = x.at(places).padStart(places + 1, '0');
  if (places === 0) return keepPoint ? `${digits}.` : digits;
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** The digits and exponent of the scientific form; rounding can add a digit, which moves the exponent. */
function mantissa(x: Decimal, places: number): { readonly digits: string; readonly exponent: number } {
  if (x.zero) return { digits: '0'.repeat(places + 1), exponent: 0 };
  let exponent = x.exponent;
  let digits = x.at(places - exponent);
  if (digits.length > places + 1) digits = x.at(places - ++exponent);
  return { digits: digits.padEnd(places + 1, '0'), exponent };
}

function scientific(x: Decimal, places: number, keepPoint: boolean): string {
  const { digits, exponent } = mantissa(x, places);
  const fraction = digits.slice(1);
  return `${digits.charAt(0)}${fraction !== '' || keepPoint ? `.${fraction}` : ''}e${exponentSuffix(exponent)}`;
}

function general(x: Decimal, precision: number, keepZeros: boolean): string {
  const significant = precision === 0 ? 1 : precision;
  const { digits, exponent } = mantissa(x, significant - 1);
  const positional = exponent >= -4 && exponent < significant;
  const kept = keepZeros ? digits : digits.replace(/0+$/, '') || '0';
  if (positional) {
    const text = placePoint(kept, exponent + 1);
    return keepZeros && !text.includes('.') ? `${text}.` : text;
  }
  const fraction = kept.slice(1);
  return `${kept.charAt(0)}${fraction !== '' || keepZeros ? `.${fraction}` : ''}e${exponentSuffix(exponent)}`;
}

function format(types: readonly (SqlType | undefined)[]): (pattern: string | null, ...values: SqlValue[]) => string | null {
  return (pattern, ...values) => {
    if (pattern === null) return null;
    const args = new Arguments(pattern, values, types);
    let result = '';
    try {
      for (const part of parse(pattern)) {
        result += typeof part === 'string' ? part : formatOne(part, args);
        limitFormatted(result.length);
      }
    } catch (error) {
      if (error === NULL_RESULT) return null;
      throw error;
    }
    args.finish();
    return result;
  };
}

export const FORMAT: readonly FunctionDefinition[] = [
  scalar('FORMAT', 'string', 'Formats values by a pattern as printf does.', [
    on('(STRING, ANY...) -> STRING', bound((types) => format(types.arguments.slice(1))), { checkConstants: objection }),
  ], { nullBehaviour: 'custom' }),
];

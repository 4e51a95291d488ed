/** Parsers of option values, for commander. An error says what the value must be. */
import { InvalidArgumentError } from 'commander';

function integer(text: string, low: number, high: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= low && value <= high)) throw new InvalidArgumentError(`It must be a whole number from ${String(low)} to ${String(high)}.`);
  return value;
}

/** 0 means any free port. */
export const parsePort = (text: string): number => integer(text, 0, 65_535);
export const parsePeerPort = (text: string): number => integer(text, 1, 65_535);
export const parseNodeCount = (text: string): number => integer(text, 1, 15);
export const parseNodeId = (text: string): number => integer(text.replace(/^node-?/i, ''), 1, 1_023);

const UNIT_MICROS: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000 };

/** `250us`, `4ms`, `1.5s`, `2m`, as microseconds. */
export function parseDuration(low: number, high: number, bounds: string): (text: string) => number {
  return (text) => {
    const [, number = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|m)$/.exec(text) ?? [];
    const micros = Math.round(Number(number) * (UNIT_MICROS[unit] ?? Number.NaN));
    if (number === '' || !(micros >= low && micros <= high)) throw new InvalidArgumentError(`It must be a duration ${bounds}, such as 4ms or 10s.`);
    return micros;
  };
}

function matching(text: string, pattern: RegExp, what: string): string {
  if (!pattern.test(text)) throw new InvalidArgumentError(what);
  return text;
}

/** Forms of names as Cloud Spanner has them. */
export const parseProject = (text: string): string => matching(text, /^[a-z][-a-z0-9:.]{1,61}[a-z0-9]$/, 'A project id has 3 to 63 lower-case letters, digits and hyphens, a letter first.');
export const parseInstance = (text: string): string => matching(text, /^[a-z][-a-z0-9]{0,62}[a-z0-9]$/, 'An instance id has 2 to 64 lower-case letters, digits and hyphens, a letter first.');
export const parseDatabase = (text: string): string =>
  matching(text, /^[a-z][-_a-z0-9]{0,28}[a-z0-9]$/, 'A database id has 2 to 30 lower-case letters, digits, underscores and hyphens, a letter first.');

export const FORMATS = ['table', 'json', 'csv', 'vertical'] as const;
export type Format = (typeof FORMATS)[number];

export const DEFAULT_DATA_DIR = '.trestle';
export const DEFAULT_PROJECT = 'test-project';
export const DEFAULT_INSTANCE = 'test-instance';
export const DEFAULT_DATABASE = 'test-db';

/** ` --data-dir x` to be added to a command in a message, or nothing for the default folder. */
export const dataDirOption = (dataDir: string): string => (dataDir === DEFAULT_DATA_DIR ? '' : ` --data-dir ${/^[\w./-]+$/.test(dataDir) ? dataDir : `'${dataDir}'`}`);

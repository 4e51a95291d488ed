/** Reads the shared schema conformance cases, when they are there, and judges results against them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Expectation {
  readonly text: string;
  readonly match: 'substring' | 'regex';
}

export interface SchemaCase {
  readonly id: string;
  readonly feature: string;
  readonly statements: readonly string[];
  /** undefined: the statements succeed, and nothing is said of the result. */
  readonly expected: Expectation | undefined;
}

const FOLDER = join(import.meta.dirname, '../../../../shared/conformance/schema');

export const corpusExists = existsSync(FOLDER);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export function readCases(file: string): SchemaCase[] {
  const lines = readFileSync(join(FOLDER, file), 'utf8').split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const entry: unknown = JSON.parse(line);
    if (!isRecord(entry) || !Array.isArray(entry['statements']) || !isRecord(entry['expected'])) throw new Error('malformed case');
    return { id: textOf(entry['id']), feature: textOf(entry['file']), statements: entry['statements'].map(textOf), expected: expectation(entry['expected']) };
  });
}

function expectation(expected: Readonly<Record<string, unknown>>): Expectation | undefined {
  const part = expected['ddl'] ?? expected['error'];
  if (!isRecord(part)) return undefined;
  return { text: textOf(part['text'] ?? part['message']), match: part['match'] === 'regex' ? 'regex' : 'substring' };
}

const flat = (text: string): string => text.replaceAll("\\'", "'").replaceAll('\\"', '"').replaceAll('\\n', '\n').replace(/\s+/g, ' ').trim();

/** Whether the printed schema, or `ERROR: ` and the message, is what the case expects. */
export function matches(actual: string, expected: Expectation): boolean {
  if (expected.match === 'substring') return flat(actual).includes(flat(expected.text));
  return new RegExp(`^(?:${flat(expected.text)})$`, 's').test(flat(actual));
}

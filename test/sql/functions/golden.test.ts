/**
 * Golden files: each line an expression and what it gives. The outcomes were compared with Google's emulator where it
 * has the function; differences that remain are deliberate (nanoseconds, intervals, UUID, wording of syntax errors).
 * UPDATE_GOLDEN=1 rewrites the files; the difference is to be reviewed like code.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toWire } from '../../../src/sql/values/wire.ts';
import { outcome } from './expression.ts';

const folder = new URL('./testdata/', import.meta.url);
const MARK = '  ->  ';

function show(expression: string): string {
  const result = outcome(expression);
  if (result.error !== undefined || result.sqlType === undefined || result.value === undefined) return result.error ?? '';
  return `${result.type} ${JSON.stringify(toWire(result.value, result.sqlType))}`;
}

for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
  test(file, () => {
    const path = new URL(file, folder);
    const expected = readFileSync(path, 'utf8');
    const actual = expected
      .split('\n')
      .map((line) => {
        const at = line.lastIndexOf(MARK);
        return line.startsWith('#') || at < 0 ? line : line.slice(0, at) + MARK + show(line.slice(0, at));
      })
      .join('\n');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, actual);
    else expect(actual).toBe(expected);
  });
}

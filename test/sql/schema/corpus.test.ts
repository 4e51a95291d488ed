/**
 * The shared schema cases, in process: parse, apply with the analyser of expressions, print. Cases of features that answer UNIMPLEMENTED
 * are counted apart.
 */
import { describe, expect, it } from 'vitest';
import { codeName, TrestleError } from '../../../src/base/errors.ts';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { expressionChecker } from '../../../src/sql/bind/checker.ts';
import { applyDdl } from '../../../src/sql/schema/apply.ts';
import { decodeSchema, encodeSchema } from '../../../src/sql/schema/codec.ts';
import { printDdl } from '../../../src/sql/schema/print.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';
import { corpusExists, matches, readCases, type SchemaCase } from './corpus.ts';

const BUILT_IN = new Set(['MOD', 'ABS', 'CONCAT']);

function run(statements: readonly string[]): { readonly text: string; readonly unimplemented: boolean } {
  try {
    let schema = Schema.EMPTY;
    for (const text of statements) schema = applyDdl(schema, parseDdl(text), text, { checker: expressionChecker, isBuiltInFunction: (name) => BUILT_IN.has(name) }).schema;
    schema = decodeSchema(encodeSchema(schema));
    return { text: printDdl(schema).map((statement) => `${statement};\n`).join('') || ';', unimplemented: false };
  } catch (error) {
    if (!(error instanceof TrestleError)) throw error;
    return { text: `ERROR: ${error.message}`, unimplemented: codeName(error.code) === 'UNIMPLEMENTED' };
  }
}

interface Tally {
  passed: number;
  total: number;
  unimplemented: number;
  readonly failed: string[];
}

function judge(tally: Tally, testCase: SchemaCase): void {
  const { text, unimplemented } = run(testCase.statements);
  const { expected } = testCase;
  if (expected === undefined ? !text.startsWith('ERROR') : matches(text, expected)) {
    tally.passed++;
    tally.total++;
  } else if (unimplemented) tally.unimplemented++;
  else {
    tally.total++;
    tally.failed.push(`${testCase.id}: ${text.slice(0, 300)}\n    expected ${expected?.text.slice(0, 300) ?? 'success'}`);
  }
}

describe.runIf(corpusExists)('schema conformance', () => {
  it.each(['googlesql.jsonl', 'fixtures.jsonl'])('%s', (file) => {
    const tallies = new Map<string, Tally>();
    for (const testCase of readCases(file)) {
      if (testCase.id.includes('postgresql')) continue;
      const feature = file === 'fixtures.jsonl' ? 'fixtures' : testCase.feature;
      const tally = tallies.get(feature) ?? { passed: 0, total: 0, unimplemented: 0, failed: [] };
      tallies.set(feature, tally);
      judge(tally, testCase);
    }
    const lines: string[] = [];
    for (const [feature, tally] of tallies) {
      lines.push(`${feature}: ${tally.passed}/${tally.total}, unimplemented ${tally.unimplemented}`, ...tally.failed.map((line) => `  ${line}`));
    }
    const passed = [...tallies.values()].reduce((sum, tally) => sum + tally.passed, 0);
    const total = [...tallies.values()].reduce((sum, tally) => sum + tally.total, 0);
    process.stdout.write(`${lines.join('\n')}\n${file}: ${passed}/${total}\n`);
    expect(passed / total, lines.join('\n')).toBeGreaterThanOrEqual(0.97);
  });
});

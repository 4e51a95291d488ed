/** The statements of the conformance suite, where it lies beside the repository: what must parse does, what must not does not, and printing gives it back. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseDdl, parseExpression, parseGraphPattern, parseStatement } from '../../../src/sql/parse/parse.ts';
import { printExpression, printStatement } from '../../../src/sql/print/print.ts';
import { errorOf, plain } from './support.ts';

const ROOT = new URL('../../../../shared/conformance/', import.meta.url);

interface Case {
  readonly id: string;
  readonly sql?: string;
  readonly valid?: boolean;
  readonly statements?: readonly string[];
  readonly expected?: { readonly error?: unknown };
}

function cases(file: string): readonly Case[] {
  return readFileSync(new URL(file, ROOT), 'utf8').split('\n').filter((line) => line !== '').map((line): Case => JSON.parse(line));
}

const PARSERS: Readonly<Record<string, (sql: string) => unknown>> = {
  query: parseStatement, dml: parseStatement, ddl: parseDdl, expr: parseExpression, gql: parseStatement, gql_graph_pattern: parseGraphPattern, statement: parseStatement,
};

describe.runIf(existsSync(ROOT))('conformance suite', () => {
  test.each(Object.entries(PARSERS))('parse/%s: accepted or rejected as it should be', (kind, parse) => {
    const wrong = cases(`parse/${kind}.jsonl`).filter((one) => (errorOf(() => parse(one.sql ?? '')) === undefined) !== one.valid);
    expect(wrong.map((one) => one.id)).toEqual([]);
  });
  test.each(['core', 'pipe', 'graph'])('googlesql/%s: parses, and prints to the same tree', (tier) => {
    const wrong: string[] = [];
    for (const { id, sql = '', expected } of cases(`googlesql/${tier}.jsonl`)) {
      if (expected?.error !== undefined) continue;
      const error = errorOf(() => {
        const tree = parseStatement(sql);
        if (tree.kind !== 'queryStatement' && tree.kind !== 'insert' && tree.kind !== 'update' && tree.kind !== 'delete' && tree.kind !== 'call') return;
        expect(plain(parseStatement(printStatement(tree)))).toEqual(plain(tree));
      });
      if (error !== undefined) wrong.push(`${id}: ${error.message}`);
    }
    expect(wrong).toEqual([]);
  });
  test('schema statements that succeed parse', () => {
    const wrong: string[] = [];
    for (const { id, statements = [], expected } of cases('schema/googlesql.jsonl')) {
      if (expected?.error !== undefined) continue;
      for (const sql of statements) {
        const error = errorOf(() => parseDdl(sql));
        if (error !== undefined) wrong.push(`${id}: ${error.message}`);
      }
    }
    expect(wrong).toEqual([]);
  });
  test('expressions print to the same tree', () => {
    for (const { sql = '', valid } of cases('parse/expr.jsonl')) {
      if (valid !== true) continue;
      const tree = parseExpression(sql);
      expect(plain(parseExpression(printExpression(tree)))).toEqual(plain(tree));
    }
  });
});

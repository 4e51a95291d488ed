/**
 * Schema statements and what comes of them: `testdata/*.txt`, blocks with an empty line between them.
 *
 *   @base             (optional: begins with the statements of the block `@base=`)
 *   CREATE TABLE …    one statement a line
 *   ----
 *   what GetDatabaseDdl gives, or the code and the message of the first error
 *
 * With REWRITE_SLT=1 the results are written anew. The statements are those of the documentation, its corner cases and its limits;
 * results agree with Google's emulator where it knows the feature.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codeName, TrestleError } from '../../../src/base/errors.ts';
import { findFunction } from '../../../src/sql/functions/catalogue.ts';
import { expressionChecker } from '../../../src/sql/bind/checker.ts';
import { parseDdl } from '../../../src/sql/parse/parse.ts';
import { applyDdl, markIndexReady } from '../../../src/sql/schema/apply.ts';
import { printDdl } from '../../../src/sql/schema/print.ts';
import { Schema } from '../../../src/sql/schema/schema.ts';

const FOLDER = new URL('testdata/', import.meta.url);
const SEPARATOR = '----';

function run(statements: readonly string[]): string {
  let schema = Schema.EMPTY;
  try {
    for (const text of statements) {
      const { schema: next, actions } = applyDdl(schema, parseDdl(text), text, { checker: expressionChecker, isBuiltInFunction: (name) => findFunction(name) !== undefined });
      schema = actions.reduce((s, action) => (action.kind === 'backfillIndex' ? markIndexReady(s, action.index) : s), next);
    }
  } catch (error) {
    if (!(error instanceof TrestleError)) throw error;
    return `${codeName(error.code)} ${error.message}`;
  }
  return printDdl(schema).map((statement) => `${statement};`).join('\n') || '(empty)';
}

/** A block as it is written, with its result. */
function answered(block: string, bases: ReadonlyMap<string, readonly string[]>): string {
  const [head = ''] = block.split(`\n${SEPARATOR}\n`);
  const lines = head.split('\n').filter((line) => !line.startsWith('#'));
  const base = /^@(\w+)$/.exec(lines[0] ?? '');
  const statements = base === null ? lines : [...(bases.get(base[1] ?? '') ?? []), ...lines.slice(1)];
  return `${head}\n${SEPARATOR}\n${run(statements)}`;
}

describe('schema statements', () => {
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.txt'))) {
    it(name, () => {
      const url = new URL(name, FOLDER);
      const bases = new Map<string, readonly string[]>();
      const blocks = readFileSync(url, 'utf8').trimEnd().split('\n\n').map((block) => {
        const definition = /^@(\w+)=\n/.exec(block);
        if (definition === null) return block.startsWith('#') && !block.includes(`\n`) ? [block, block] : [block, answered(block, bases)];
        bases.set(definition[1] ?? '', block.split('\n').slice(1));
        return [block, block];
      });
      if (process.env['REWRITE_SLT'] === '1') writeFileSync(url, `${blocks.map(([, result]) => result).join('\n\n')}\n`);
      else for (const [block, result] of blocks) expect(result).toBe(block);
    });
  }
});

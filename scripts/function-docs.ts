/**
 * docs/functions.md, from the table of functions (src/sql/functions/catalogue.ts): signatures, one sentence each. The
 * test test/tidy.test.ts compares the file with the table. Usage: node scripts/function-docs.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_FUNCTIONS } from '../src/sql/functions/catalogue.ts';
import type { FunctionDefinition } from '../src/sql/functions/registry.ts';
import { matcherText, signatureText } from '../src/sql/functions/resolve.ts';

export const FUNCTION_DOCS = join(import.meta.dirname, '..', 'docs', 'functions.md');

const TITLES: Readonly<Record<string, string>> = { operator: 'Operators', aggregate: 'Aggregates' };

const titleOf = (family: string): string => TITLES[family] ?? `${family.charAt(0).toUpperCase()}${family.slice(1)}`;

/** In a table cell a bar ends the cell, in code as well. */
const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;

function row(definition: FunctionDefinition): string {
  const signatures = definition.signatures.map(({ shape }) => code(`${signatureText(definition, shape)} → ${matcherText(shape.result)}`));
  const aliases = definition.aliases.length === 0 ? '' : ` Also ${definition.aliases.map(code).join(', ')}.`;
  return `| ${[...new Set(signatures)].join('<br>')} | ${definition.doc.replaceAll('|', '\\|')}${aliases} |`;
}

/** Window functions are part of the language, not of the table. */
const WINDOW_FUNCTIONS = `## Window functions

| call | |
|---|---|
| \`IS_FIRST(k) OVER ([PARTITION BY …] [ORDER BY …]) → BOOL\` | Whether the row is among the first \`k\` of its partition, in a SELECT list, its ORDER BY, or pipe EXTEND. \`k\` is a literal or a parameter and at least 1; without ORDER BY any \`k\` rows are the first. |
`;

/** The whole page. */
export function functionDocs(): string {
  const families = new Map<string, FunctionDefinition[]>();
  for (const definition of ALL_FUNCTIONS) families.set(definition.family, [...(families.get(definition.family) ?? []), definition]);
  const named = ALL_FUNCTIONS.filter((definition) => definition.kind !== 'operator').length;
  const sections = [...families].map(([family, definitions]) => `## ${titleOf(family)}\n\n| signature | |\n|---|---|\n${definitions.map(row).join('\n')}\n`);
  return [
    '# Functions and operators\n',
    '<!-- Made by scripts/function-docs.ts. Change src/sql/functions/ and run: npm run docs -->\n',
    `${String(named)} functions and ${String(ALL_FUNCTIONS.length - named)} operators. An argument in square brackets may be left out. \`ANY\` stands for any type, \`T2\` and \`T3\` for a second and a third one. A function returns NULL when an argument is NULL, unless its description says otherwise.\n`,
    ...sections,
    WINDOW_FUNCTIONS,
  ].join('\n');
}

if (import.meta.main) writeFileSync(FUNCTION_DOCS, functionDocs());

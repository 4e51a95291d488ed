/** The table as a whole: names are unique, every entry is documented and its signatures print. */
import { expect, test } from 'vitest';
import { ALL_FUNCTIONS, findFunction, requireFunction } from '../../../src/sql/functions/catalogue.ts';
import { signatureText } from '../../../src/sql/functions/resolve.ts';

test('names and aliases are unique', () => {
  const names = ALL_FUNCTIONS.flatMap((f) => [f.name, ...f.aliases]);
  expect(new Set(names).size).toBe(names.length);
});

test('every entry has a sentence of documentation and a signature', () => {
  for (const f of ALL_FUNCTIONS) {
    expect(f.doc, f.name).toMatch(/^[A-Z0-9-].*\.$/i);
    expect(f.signatures.length, f.name).toBeGreaterThan(0);
    for (const s of f.signatures) expect(signatureText(f, s.shape)).not.toBe('');
  }
});

test('functions of GoogleSQL that Spanner lacks are told from unknown ones', () => {
  expect(() => requireFunction('rand')).toThrow('Unsupported built-in function: RAND');
  expect(() => requireFunction('nosuch')).toThrow('Function not found: nosuch');
  expect(findFunction('variance')?.name).toBe('VAR_SAMP');
});

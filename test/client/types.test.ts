/**
 * What the typed client accepts, what it refuses and in which words, and what that costs the compiler. Each case is a
 * small file that the compiler is run on.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(ROOT, '.trestle-types-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const HEADER = `import { music } from '../test/client/fixture.ts';\nimport type { Database, SnapshotBound } from '../src/client/database.ts';\nimport { sql } from '../src/client/sql.ts';\nimport { defineSchema } from '../src/client/schema.ts';\nimport { typed } from '../src/client/values.ts';\ndeclare const database: Database;\n`;

const ACCEPTED = [
  'music.Singers.insert({ SingerId: 1n })',
  "music.Singers.insert({ SingerId: 1, Name: null, Score: 5, Tags: ['a', null], Fee: '1.5', Since: new Date(), Photo: new Uint8Array() })",
  "music.Singers.insert({ SingerId: typed('INT64', '1') })",
  "music.Singers.update({ SingerId: 1n, Name: 'x' })",
  'music.Singers.delete([1n], [2])',
  'music.Albums.delete([1n, 2n])',
  "database.read(music.Singers, { columns: ['Name'], limit: 3 })",
  "database.read(music.Albums, { ranges: [{ from: [1n], to: [1n, 5n], open: 'to' }] })",
  'database.run(sql`SELECT ${1n}, ${null}, ${["a"]}`)',
  'database.snapshot({ readTimestampMicros: 1 })',
  "defineSchema({ T: { key: ['A'], columns: { A: 'ARRAY<INT64> NOT NULL DEFAULT' } } })",
  "database.get(music.Singers, [1n]).then((row) => { const name: string | null | undefined = row?.Name; const id: bigint | undefined = row?.SingerId; return [name, id]; })",
  "database.runTransaction(async (transaction) => { const album = await transaction.get(music.Albums, [1n, 2n]); const title: string | undefined = album?.Title; return title; })",
];

/** With what the compiler says about it. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["music.Singers.insert({ Name: 'x' })", /Property 'SingerId' is missing/],
  ["music.Singers.insert({ SingerId: '1' })", /Type 'string' is not assignable to type 'number \| bigint \| Typed'/],
  ["music.Singers.insert({ SingerId: null })", /Type 'null' is not assignable/],
  ["music.Singers.insert({ SingerId: 1n, Initial: 'x' })", /'Initial' does not exist in type/],
  ["music.Singers.insert({ SingerId: 1n, Nme: 'x' })", /'Nme' does not exist in type|Did you mean .*'Name'/],
  ['music.Singers.insert({ SingerId: 1n, Since: null })', /Type 'null' is not assignable/],
  ['music.Singers.insert({ SingerId: 1n, Tags: [1n] })', /Type 'bigint' is not assignable/],
  ["music.Singers.update({ Name: 'x' })", /Property 'SingerId' is missing/],
  ['music.Singers.delete([])', /not assignable to parameter of type/],
  ['music.Albums.delete([1n])', /not assignable to parameter of type/],
  ["music.Albums.delete([1n, 'x'])", /Type 'string' is not assignable/],
  ['music.Nobody', /Property 'Nobody' does not exist/],
  ["database.read(music.Singers, { columns: ['Nme'] })", /"Nme"' is not assignable/],
  ['database.get(music.Albums, [1n])', /not assignable to parameter of type/],
  ["database.get(music.Singers, [1n]).then((row) => row?.Nme)", /Property 'Nme' does not exist/],
  ["database.get(music.Singers, [1n]).then((row) => { const name: string | undefined = row?.Name; return name; })", /'string \| null \| undefined' is not assignable to type 'string \| undefined'/],
  ['database.run(sql`SELECT ${undefined}`)', /'undefined' is not assignable/],
  ['database.run(sql`SELECT ${{ a: 1 }}`)', /'a' does not exist in type/],
  ['database.snapshot({ maxStalenessMicros: 1 })', /maxStalenessMicros/],
  ["defineSchema({ T: { key: ['A'], columns: { A: 'INTEGER' } } })", /Type '"INTEGER"' is not assignable/],
];

interface Checked {
  readonly errors: ReadonlyMap<string, string>;
  readonly instantiations: number;
}

/** Runs the compiler over files, each with one statement. */
function check(files: ReadonlyMap<string, string>): Checked {
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../tsconfig.json', compilerOptions: { noUnusedLocals: false, allowImportingTsExtensions: true }, include: [], files: [...files.keys()] }));
  let out: string;
  try {
    out = execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder, '--noEmit', '--extendedDiagnostics', '--pretty', 'false'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    out = (error as { readonly stdout: string }).stdout;
  }
  const errors = new Map<string, string>();
  let current = '';
  for (const line of out.split('\n')) {
    const at = /([\w-]+\.ts)\(\d+,\d+\): error/.exec(line)?.[1];
    if (at !== undefined) current = at;
    else if (!line.startsWith(' ')) current = '';
    if (current !== '') errors.set(current, `${errors.get(current) ?? ''}${line}\n`);
  }
  return { errors, instantiations: Number(/Instantiations:\s+(\d+)/.exec(out)?.[1] ?? Number.NaN) };
}

describe('the compiler', () => {
  const files = new Map<string, string>();
  ACCEPTED.forEach((code, i) => files.set(`accepted-${String(i)}.ts`, `${HEADER}export const result = ${code};\n`));
  REFUSED.forEach(([code], i) => files.set(`refused-${String(i)}.ts`, `${HEADER}export const result = ${code};\n`));
  let checked: Checked | undefined;
  const errorsOf = (name: string): string => (checked ??= check(files)).errors.get(name) ?? '';

  test.each(ACCEPTED.map((code, i) => [code, i] as const))('accepts %s', (_, i) => {
    expect(errorsOf(`accepted-${String(i)}.ts`)).toBe('');
  });

  test.each(REFUSED.map(([code, message], i) => [code, message, i] as const))('refuses %s', (_, message, i) => {
    expect(errorsOf(`refused-${String(i)}.ts`)).toMatch(message);
  });
});

test('a schema of 200 tables with 20 columns each costs the compiler little', () => {
  const types = ['INT64 NOT NULL', 'STRING', 'FLOAT64 NOT NULL DEFAULT', 'ARRAY<STRING>', 'TIMESTAMP', 'STRING GENERATED', 'JSON', 'NUMERIC NOT NULL'];
  const tables = Array.from({ length: 200 }, (_, t) => `T${String(t)}: { key: ['C0'], columns: { ${Array.from({ length: 20 }, (_, c) => `C${String(c)}: '${types[c % types.length] ?? ''}'`).join(', ')} } }`);
  const uses = Array.from({ length: 200 }, (_, t) => `export const u${String(t)} = [database.get(big.T${String(t)}, [1n]).then((row) => row?.C2), big.T${String(t)}.delete([1n])];`);
  const { errors, instantiations } = check(new Map([['big.ts', `${HEADER}const big = defineSchema({ ${tables.join(',\n')} });\n${uses.join('\n')}\n`]]));
  expect([...errors.values()]).toEqual([]);
  expect(instantiations).toBeGreaterThan(0);
  expect(instantiations).toBeLessThan(300_000);
});

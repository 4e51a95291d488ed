/**
 * Documentation that is run. Every `ts` block of a page with outputs is run, in order, against a server, and what it prints
 * is what the comments behind its console.log say; so are the examples in the comments of the client's public methods.
 */
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { formatWithOptions, inspect } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseName } from '../../src/client/admin.ts';
import { Client, type Database } from '../../src/client/database.ts';
import * as trestledb from '../../src/index.ts';
import { splitScript } from '../../src/sql/parse/split.ts';
import { music, MUSIC_DDL } from '../client/fixture.ts';
import { Cluster, trestle } from './support.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NAME = { project: 'test-project', instance: 'test-instance' };

let cluster: Cluster;
let client: Client;

beforeAll(async () => {
  cluster = await Cluster.start({ args: ['--nodes', '1', '--in-memory'] });
  client = new Client({ address: cluster.grpcAddress });
  await client.admin.ensureInstance(NAME.project, NAME.instance);
});
afterAll(async () => {
  client.close();
  await cluster[Symbol.asyncDispose]();
});

async function newDatabase(id: string, statements: readonly string[]): Promise<Database> {
  const name = { ...NAME, database: id };
  await client.admin.createDatabase(name, statements);
  return client.database(databaseName(name));
}

interface Claim {
  readonly line: string;
  readonly expected: string;
  readonly printed: string[];
}

/** Each console.log gets the number of its claim; in a loop several outputs are one claim, with bars between them. */
function instrument(code: string): { readonly code: string; readonly claims: readonly Claim[] } {
  const claims: Claim[] = [];
  const lines = code.split('\n').map((line) => {
    // `const { rows } = …; // [[42n]]`
    const [, name, value] = /^const (?:\{ )?(\w+)(?: \})? = .*; +\/\/ (\[.*\])$/.exec(line) ?? [];
    if (name !== undefined) {
      claims.push({ line: line.trim(), expected: (value ?? '').replaceAll('[', '[ ').replaceAll(']', ' ]'), printed: [] });
      return `${line}\nclaim(${String(claims.length - 1)}, ${name});`;
    }
    const [, before, call, expected] = /^(.*?)console\.log\((.*)\);(?: +\/\/ (.+))?$/.exec(line) ?? [];
    if (call === undefined) return line;
    claims.push({ line: line.trim(), expected: expected ?? '', printed: [] });
    return `${before ?? ''}claim(${String(claims.length - 1)}, ${call});`;
  });
  return { code: lines.join('\n'), claims };
}

const AsyncFunction = (async () => undefined).constructor as new (...args: string[]) => (...values: unknown[]) => Promise<void>;

async function runExample(text: string, context: Readonly<Record<string, unknown>>): Promise<readonly Claim[]> {
  // What a page imports and connects to is given by the test.
  const own = text.replaceAll(/^import .*$/gm, '').replaceAll(/^await using client = .*$/gm, '').replaceAll(/^const (?:client|database|music) = (?:new Client|client\.database)\(.*$/gm, '');
  const { code, claims } = instrument(own);
  const claim = (index: number, ...values: unknown[]): void => {
    claims[index]?.printed.push(formatWithOptions({ breakLength: Infinity }, ...(values.map((value) => (typeof value === 'string' ? value : inspect(value, { breakLength: Infinity }))) as [unknown])));
  };
  const names = Object.keys(context).filter((name) => !new RegExp(`^const ${name} = `, 'm').test(code));
  const body = stripTypeScriptTypes(`async () => {\n${code}\n}`).replace(/^async \(\) => \{/, '').replace(/\}$/, '');
  await new AsyncFunction(...names, 'claim', body)(...names.map((name) => context[name]), claim);
  return claims;
}

const blocks = (text: string, language: string): readonly string[] => [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '');

describe('pages', () => {
  const pages = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })].filter((page) => blocks(readFileSync(join(ROOT, page), 'utf8'), 'ts').some((block) => /console\.log\(.*\); +\/\/ /.test(block)));

  test('there is one', () => {
    expect(pages).toContain('docs/client.md');
  });

  test.each(pages)('%s prints what it says', async (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const database = await newDatabase('page', blocks(text, 'sql').flatMap((block) => splitScript(block).map((statement) => statement.text)));
    const claims = await runExample(blocks(text, 'ts').join('\n'), { ...trestledb, client, database });
    expect(claims.length).toBeGreaterThan(0);
    for (const { line, expected, printed } of claims) expect(printed.join(' | '), line).toBe(expected);
  });
});

describe('examples of the client', () => {
  interface Example {
    readonly method: string;
    readonly code: string;
  }

  /** Comments of public methods: indented code, or code in backquotes after a colon. */
  function examplesIn(path: string): readonly Example[] {
    const text = readFileSync(join(ROOT, path), 'utf8');
    return [...text.matchAll(/^ {2}\/\*\*([\s\S]*?)\*\/\n {2}(?:async )?\*?(?:readonly )?(\w+)[<(]/gm)].map(([, comment = '', method = '']) => {
      const indented = comment
        .split('\n')
        .flatMap((line) => /^ {3}\* {5}(.*)$/.exec(line)?.[1] ?? [])
        .join('\n');
      return { method: `${path.replace(/.*\//, '')} ${method}`, code: indented === '' ? (/`((?:await |for await |transaction\.|music\.)[\s\S]*)`/.exec(comment.replaceAll(/\n {3}\* /g, ' '))?.[1] ?? '') : indented };
    });
  }

  const examples = ['database', 'transaction', 'snapshot', 'schema'].flatMap((file) => examplesIn(`src/client/${file}.ts`));
  const withCode = examples.filter(({ code }) => code !== '');

  test('every method that reads or writes has one', () => {
    const methods = withCode.map(({ method }) => method);
    const needed = {
      database: ['run', 'stream', 'rows', 'read', 'get', 'snapshot', 'runTransaction', 'commit', 'runPartitioned', 'updateDdl'],
      transaction: ['run', 'read', 'get', 'runBatch', 'buffer'],
      snapshot: ['run', 'stream', 'rows', 'read', 'get'],
      schema: ['insert', 'update', 'insertOrUpdate', 'replace', 'delete'],
    };
    expect(Object.entries(needed).flatMap(([file, names]) => names.map((name) => `${file}.ts ${name}`)).filter((name) => !methods.includes(name))).toEqual([]);
  });

  test('all of them run', async () => {
    const database = await newDatabase('examples', MUSIC_DDL);
    for (const { method, code } of withCode) {
      await database.commit([music.Singers.insertOrUpdate({ SingerId: 2n, Name: 'Doe' })]);
      if (method !== 'database.ts commit') await database.commit([music.Singers.insertOrUpdate({ SingerId: 1n, Name: 'Roe' })]);
      else await database.commit([music.Singers.delete([1n])]);
      const snapshot = await database.snapshot();
      // Mutations are made and committed; those of a transaction need one.
      const text = method.startsWith('schema.ts') ? `database.commit([${code}]);` : code;
      if (method === 'schema.ts insert') await database.commit([music.Singers.delete([1n])]);
      const run = (transaction: unknown): Promise<readonly Claim[]> => runExample(text.startsWith('database.commit') ? `await ${text}` : text, { ...trestledb, client, database, music, snapshot, transaction });
      try {
        const claims = method.startsWith('transaction.ts') ? await database.runTransaction(run) : await run(undefined);
        for (const { line, expected, printed } of claims) if (expected !== '') expect(printed.join(' | '), line).toBe(expected);
      } catch (error) {
        throw new Error(`the example of ${method} fails: ${String(error)}\n${text}`, { cause: error });
      }
    }
  });

  test('codegen writes the schema that their tables have', async () => {
    await newDatabase('generated', [...MUSIC_DDL, 'CREATE SCHEMA other', 'CREATE TABLE other.Odd (Id INT64 NOT NULL GENERATED BY DEFAULT AS IDENTITY (BIT_REVERSED_POSITIVE), `select` ARRAY<FLOAT64>) PRIMARY KEY (Id)']);
    const { code, out, err } = await trestle('codegen', '--database', 'generated', '--endpoint', cluster.grpcAddress);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [, text = ''] = /defineSchema\((\{[\s\S]*\})\);/.exec(out) ?? [];
    let spec: unknown;
    await new AsyncFunction('done', `done(${text})`)((value: unknown) => (spec = value));
    expect(spec).toEqual({
      ...Object.fromEntries(Object.entries(music).map(([name, table]) => [name, table.spec])),
      'other.Odd': { key: ['Id'], columns: { Id: 'INT64 NOT NULL DEFAULT', select: 'ARRAY<FLOAT64>' } },
    });
  });
});

/**
 * House rules as tests: what a review would otherwise say twice. The linter has the same import directions
 * (.oxlintrc.json); they are here again because a rule file that matches nothing fails silently, and because only here
 * the folders are seen as a whole (no cycles).
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FUNCTION_DOCS, functionDocs } from '../scripts/function-docs.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const files = (...patterns: string[]): string[] =>
  globSync(patterns, { cwd: ROOT })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !path.startsWith('src/api/generated/'))
    .toSorted();

const SOURCES = files('src/**/*.ts');
const ALL = [...SOURCES, ...files('test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts')];

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;

/** Longer files, each with its own bound and the reason. */
const LONG_FILES: Readonly<Record<string, { readonly max: number; readonly why: string }>> = {
  'src/sql/bind/expressions.ts': { max: 620, why: 'one binder for all kinds of expression, which call each other' },
};

/** Longer functions: each is one exhaustive switch over the kinds of a node, with a line or two a kind. */
const LONG_FUNCTIONS: Readonly<Record<string, number>> = {
  'src/sql/bind/expressions.ts bind': 90,
  'src/sql/execute/expressions.ts compileExpr': 105,
  'src/sql/plan/nodes.ts node': 100,
  'src/sql/plan/prune.ts prune': 95,
};

/** Which folders of src a folder may import from. docs/ARCHITECTURE.md draws it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  storage: ['base', 'paxos'],
  net: ['base'],
  paxos: ['base'],
  splits: ['base', 'storage', 'net', 'paxos'],
  txn: ['base', 'storage', 'net', 'splits'],
  sql: ['base', 'storage', 'txn'],
  api: ['base', 'sql', 'txn'],
  client: ['base', 'api'],
  import: ['base', 'client', 'sql'],
  cli: ['base', 'client', 'sql', 'import'],
  node: ['base', 'storage', 'net', 'paxos', 'splits', 'txn', 'sql', 'api', 'cli'],
  sim: ['base', 'net', 'storage'],
};

/** Folders whose surroundings are handed in (docs/ARCHITECTURE.md, Determinism). */
const PURE = ['base', 'storage', 'paxos', 'splits', 'txn', 'sql'];
const AMBIENT =
  /\b(Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|AbortSignal\.timeout|process\.(?:env|hrtime|nextTick|pid|exit))(?!\w)|\bnew Date\(\)|\{[^}]*\brandom(?:UUID|Bytes)\b[^}]*\} from '/;

/** Text without comments, so that prose may name what code may not. Line numbers stay. */
const withoutComments = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, '')).replaceAll(/(^|[\s;{(])\/\/[^\n]*/g, '$1');

const folderOf = (path: string): string => path.split('/')[1] ?? '';

/** Paths (from the root) of what a file of ours imports, types included. */
function importsOf(path: string): string[] {
  const specifiers = [...withoutComments(read(path)).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
  return specifiers.map((specifier) => normalize(join(dirname(path), specifier)).replaceAll('\\', '/'));
}

interface LongFunction {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

const DECLARATION =
  /^( *)(?:(?:export|default|async|static|private|protected|public|override) )*(?:function\*? (\w+)|(?:const|let) (\w+) = (?:async )?(?:function|\(|\w+ =>)|(?:get |set |\*)?#?(\w+)(?:<.*>)?\().*\{$/;
const KEYWORDS = new Set(['if', 'for', 'while', 'switch', 'catch', 'return']);

/** Functions by indentation, which the formatting of this repository makes reliable enough. */
function functionsLongerThan(text: string, max: number): LongFunction[] {
  const open: { readonly indent: number; readonly line: number; readonly name: string }[] = [];
  const found: LongFunction[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const start = DECLARATION.exec(line);
    const name = start?.[2] ?? start?.[3] ?? start?.[4];
    // A call that is given a function looks like a method.
    const isCall = start?.[4] !== undefined && line.endsWith('=> {');
    if (start !== null && name !== undefined && !isCall && !KEYWORDS.has(name)) open.push({ indent: (start[1] ?? '').length, line: index + 1, name });
    const end = /^( *)\}[;),]*$/.exec(line);
    if (end === null) continue;
    const at = open.findLastIndex((each) => each.indent === (end[1] ?? '').length);
    const begun = open[at];
    if (begun === undefined) continue;
    open.length = at;
    const lines = index + 1 - begun.line + 1;
    if (lines > max) found.push({ name: begun.name, line: begun.line, lines });
  }
  return found;
}

/** `path:line what` for every line that matches. */
const linesMatching = (paths: readonly string[], pattern: RegExp, textOf: (path: string) => string = read): string[] =>
  paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${String(index + 1)} ${line.trim()}`] : [])),
  );

describe('files', () => {
  test('are short', () => {
    const long = ALL.filter((path) => read(path).trimEnd().split('\n').length > (LONG_FILES[path]?.max ?? FILE_LINES_MAX));
    expect(long).toEqual([]);
  });

  test('have short functions', () => {
    const long = ALL.flatMap((path) =>
      functionsLongerThan(read(path), FUNCTION_LINES_MAX)
        .filter(({ name, lines }) => lines > (LONG_FUNCTIONS[`${path} ${name}`] ?? 0))
        .map(({ name, line, lines }) => `${path}:${String(line)} ${name} has ${String(lines)} lines`),
    );
    expect(long).toEqual([]);
  });

  test('begin with what they are', () => {
    expect(SOURCES.filter((path) => !/^(#!.*\n)?\/\*\*/.test(read(path)))).toEqual([]);
  });

  test('are not collections of leftovers', () => {
    expect(ALL.filter((path) => /\/(utils?|helpers|misc|common)\.ts$/.test(path))).toEqual([]);
  });

  test('the check of functions finds long ones', () => {
    const body = '  x();\n'.repeat(FUNCTION_LINES_MAX);
    expect(functionsLongerThan(`export async function far(a: number): void {\n${body}}\n`, FUNCTION_LINES_MAX)).toEqual([{ name: 'far', line: 1, lines: 72 }]);
    expect(functionsLongerThan(`  private near(): void {\n${'  x();\n'.repeat(3)}  }\n`, FUNCTION_LINES_MAX)).toEqual([]);
  });
});

describe('leftovers', () => {
  // Joined here, so that this file does not match itself.
  const word = (...parts: string[]): string => parts.join('');

  test('no notes of work undone', () => {
    const notes = new RegExp(`\\b(${[word('TO', 'DO'), word('FIX', 'ME'), word('X', 'XX'), word('HA', 'CK')].join('|')})\\b`);
    expect(linesMatching(ALL, notes)).toEqual([]);
  });

  test('no test is left out or alone', () => {
    const chosen = new RegExp(`\\b(test|it|describe)\\.(${[word('on', 'ly'), word('sk', 'ip'), word('to', 'do'), word('fai', 'ls')].join('|')})\\b`);
    expect(linesMatching(ALL, chosen)).toEqual([]);
  });

  test('no console in sources', () => {
    // Examples in comments print what they get.
    expect(linesMatching(SOURCES, /\bconsole\.\w+\(/, (path) => withoutComments(read(path)))).toEqual([]);
  });
});

describe('surroundings', () => {
  test('time, chance, timers and the process are handed in', () => {
    const pure = SOURCES.filter((path) => PURE.includes(folderOf(path)));
    expect(pure.length).toBeGreaterThan(0);
    expect(linesMatching(pure, AMBIENT, (path) => withoutComments(read(path)))).toEqual([]);
  });

  test('the check knows what it looks for', () => {
    for (const text of ['const t = Date.now();', 'setTimeout(f, 1);', 'new Date().toISOString()', 'process.env', "import { randomUUID } from 'node:crypto';"]) expect(AMBIENT.test(text), text).toBe(true);
    for (const text of ['this.performance.nowhere', 'process.id', 'clock.now()', 'new Date(ms)', 'context.randomBytes(16)']) expect(AMBIENT.test(text), text).toBe(false);
  });
});

describe('imports', () => {
  const edges = SOURCES.flatMap((path) =>
    importsOf(path)
      .filter((target) => target.startsWith('src/') && target.split('/').length > 2)
      .map((target) => ({ path, target, from: folderOf(path), to: folderOf(target) })),
  );

  test('point downwards only', () => {
    const inFolders = edges.filter(({ path }) => path.split('/').length > 2);
    const wrong = inFolders.filter(({ from, to }) => from !== to && !(MAY_IMPORT[from] ?? []).includes(to));
    expect(wrong.map(({ path, target }) => `${path} imports ${target}`)).toEqual([]);
  });

  test('a folder is known', () => {
    const folders = new Set(SOURCES.filter((path) => path.split('/').length > 2).map(folderOf));
    expect([...folders].filter((folder) => MAY_IMPORT[folder] === undefined)).toEqual([]);
  });

  test('what is allowed has no cycle', () => {
    // The node takes the configuration and the process contract from cli/, which takes nothing from the node.
    const done = new Set<string>();
    const visit = (folder: string, path: readonly string[]): void => {
      expect(path, `cycle: ${[...path, folder].join(' → ')}`).not.toContain(folder);
      if (done.has(folder)) return;
      for (const next of MAY_IMPORT[folder] ?? []) visit(next, [...path, folder]);
      done.add(folder);
    };
    for (const folder of Object.keys(MAY_IMPORT)) visit(folder, []);
  });

  test('the linter has a rule for every folder', () => {
    const config: { readonly overrides: readonly { readonly files: readonly string[]; readonly rules: Readonly<Record<string, unknown>> }[] } = JSON.parse(read('.oxlintrc.json'));
    const ruled = config.overrides.filter(({ rules }) => 'no-restricted-imports' in rules).flatMap((override) => override.files);
    expect(Object.keys(MAY_IMPORT).filter((folder) => !ruled.includes(`src/${folder}/**/*.ts`))).toEqual([]);
  });
});

describe('documents', () => {
  const pages = ['README.md', 'CHANGELOG.md', ...files('docs/**/*.md', 'src/**/*.md', 'test/**/*.md')];

  /** Paths in backquotes that begin with a folder of the repository, and relative links. */
  function pathsIn(page: string): string[] {
    const text = read(page).replaceAll(/```[\s\S]*?```/g, '');
    const quoted = [...text.matchAll(/`((?:src|test|docs|bench|scripts|samples|\.ci)\/[\w./-]*[\w/])(?::\d+)?`/g)].map((match) => match[1] ?? '');
    const linked = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => relative(ROOT, join(ROOT, dirname(page), match[1] ?? '')));
    return [...quoted, ...linked];
  }

  test('have no marks of a merge', () => {
    expect(linesMatching([...pages, ...ALL], /^(<{7}|>{7}|\|{7}) /)).toEqual([]);
  });

  test.each(pages)('%s names only paths that exist', (page) => {
    expect(pathsIn(page).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('every folder of src is on the map', () => {
    const map = read('docs/ARCHITECTURE.md');
    expect(Object.keys(MAY_IMPORT).filter((folder) => !map.includes(`\`src/${folder}/\``))).toEqual([]);
  });

  test('decisions are numbered without gaps, and listed', () => {
    const records = files('docs/decisions/0*.md').map((path) => path.slice('docs/decisions/'.length));
    expect(records.map((name) => Number(name.slice(0, 4)))).toEqual(records.map((_, index) => index + 1));
    const index = read('docs/decisions/README.md');
    expect(records.filter((name) => !index.includes(`(${name})`))).toEqual([]);
  });

  test('the page of functions is what the table says', () => {
    expect(readFileSync(FUNCTION_DOCS, 'utf8'), 'out of date: npm run docs').toBe(functionDocs());
  });
});

describe('dependencies', () => {
  const manifest: { readonly dependencies: Readonly<Record<string, string>>; readonly devDependencies: Readonly<Record<string, string>> } = JSON.parse(read('package.json'));
  const all = { ...manifest.dependencies, ...manifest.devDependencies };

  test('have exact versions', () => {
    expect(Object.entries(all).filter(([, version]) => !/^(npm:@?[\w/-]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test('are each argued for', () => {
    const reasons = read('docs/decisions/dependencies.md');
    expect(Object.keys(all).filter((name) => !reasons.includes(`\`${name}\``))).toEqual([]);
  });
});

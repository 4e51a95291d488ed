/**
 * What can be said of an expression from its tree alone: names, functions, subqueries, depth. It bounds and checks what the
 * analyser need not, and stands in for it where there is none.
 */
import type { Expression } from '../ast/expressions.ts';
import type { Query } from '../ast/query.ts';
import { nameOf } from './names.ts';
import type { Path } from '../ast/node.ts';

const isNode = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** Calls `visit` with every node below and including `node`, parents first. Trees are at most MAX_NESTING deep (parse/limits.ts). */
function walk(node: unknown, visit: (node: Readonly<Record<string, unknown>>) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, visit);
    return;
  }
  if (!isNode(node)) return;
  if (typeof node['kind'] === 'string') visit(node);
  for (const value of Object.values(node)) if (isNode(value)) walk(value, visit);
}

const isPath = (value: unknown): value is Path => isNode(value) && Array.isArray(value['parts']);

export interface ExpressionSyntax {
  /** First parts of all paths, lower case: columns, tables, or date parts. */
  readonly names: ReadonlySet<string>;
  /** Called functions, upper case. */
  readonly functions: ReadonlySet<string>;
  readonly sequences: readonly string[];
  readonly hasSubquery: boolean;
}

const SUBQUERIES: ReadonlySet<string> = new Set(['scalarSubquery', 'arraySubquery', 'existsSubquery', 'subquery', 'queryArgument']);

export function expressionSyntax(expression: Expression): ExpressionSyntax {
  const names = new Set<string>();
  const functions = new Set<string>();
  const sequences: string[] = [];
  let hasSubquery = false;
  walk(expression, (node) => {
    const kind = String(node['kind']);
    if (kind === 'pathExpression' && isPath(node)) names.add(node.parts[0]?.name.toLowerCase() ?? '');
    if (kind === 'functionCall' && isPath(node['name'])) functions.add(nameOf(node['name']).toUpperCase());
    if (kind === 'objectArgument' && node['objectType'] === 'sequence' && isPath(node['path'])) sequences.push(nameOf(node['path']));
    if (SUBQUERIES.has(kind)) hasSubquery = true;
  });
  return { names, functions, sequences, hasSubquery };
}

export interface QuerySyntax {
  /** Names of tables, views or WITH entries that are read, as written. */
  readonly tables: readonly string[];
  /** Parts of all paths, lower case. */
  readonly names: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
  /** Paths of one part, with their offsets; without those that order a query by an output column of its own. */
  readonly unqualified: readonly { readonly name: string; readonly start: number }[];
  /** What else strict name resolution refuses: stars, and columns without a table in USING. */
  readonly loose: readonly { readonly start: number; readonly message: string }[];
  /** Names that the query itself gives: aliases, WITH entries, lambda arguments; lower case. */
  readonly ownNames: ReadonlySet<string>;
  /** FOR UPDATE somewhere. */
  readonly locks: boolean;
}

/** Output columns of the outermost SELECT that have a name of their own, lower case. */
function outputNames(body: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  for (const item of isNode(body) && Array.isArray(body['items']) ? body['items'] : []) {
    if (!isNode(item)) continue;
    const { alias, expression } = item;
    const own = isNode(alias) ? alias : isPath(expression) ? expression.parts.at(-1) : undefined;
    if (own !== undefined) names.add(String(own.name).toLowerCase());
  }
  return names;
}

/** Offsets of ORDER BY items that are names of output columns. */
function orderedByOutput(query: Readonly<Record<string, unknown>>): number[] {
  const outputs = outputNames(query['body']);
  const starts: number[] = [];
  for (const item of Array.isArray(query['orderBy']) ? query['orderBy'] : []) {
    const expression: unknown = isNode(item) ? item['expression'] : undefined;
    if (isPath(expression) && expression.parts.length === 1 && outputs.has(expression.parts[0]?.name.toLowerCase() ?? '')) starts.push(expression.start);
  }
  return starts;
}

function looseParts(node: Readonly<Record<string, unknown>>): { start: number; message: string }[] {
  const kind = String(node['kind']);
  const start = Number(node['start']);
  if (kind === 'selectStar') return [{ start, message: 'SELECT * is not allowed in strict name resolution mode' }];
  if (kind === 'selectDotStar') return [{ start, message: 'Dot-star is not allowed in strict name resolution mode' }];
  if (kind !== 'using' || !Array.isArray(node['columns'])) return [];
  return node['columns'].filter(isNode).map((column) => ({
    start: Number(column['start']),
    message: `Column name ${String(column['name'])} cannot be used without a qualifier in strict name resolution mode. Use JOIN ON with a qualified name instead`,
  }));
}

export function querySyntax(query: Query): QuerySyntax {
  const tables: string[] = [];
  const loose: { start: number; message: string }[] = [];
  const ordered = new Set<number>();
  const names = new Set<string>();
  const functions = new Set<string>();
  const unqualified: { name: string; start: number }[] = [];
  const ownNames = new Set<string>();
  let locks = false;
  walk(query, (node) => {
    const kind = String(node['kind']);
    if (kind === 'tablePath' && isPath(node['path'])) tables.push(nameOf(node['path']));
    if (kind === 'pathExpression' && isPath(node)) {
      for (const part of node.parts) names.add(part.name.toLowerCase());
      const [only] = node.parts;
      if (only !== undefined && node.parts.length === 1) unqualified.push({ name: only.name, start: node.start });
    }
    if (kind === 'functionCall' && isPath(node['name'])) functions.add(nameOf(node['name']).toUpperCase());
    // Identifiers outside paths are names that the query gives.
    for (const value of Object.values(node)) for (const given of Array.isArray(value) && !isPath(node) ? value : [value]) if (isNode(given) && given['kind'] === 'identifier') ownNames.add(String(given['name']).toLowerCase());
    if (node['forUpdate'] === true) locks = true;
    if (kind === 'query') for (const start of orderedByOutput(node)) ordered.add(start);
    loose.push(...looseParts(node));
  });
  return { tables, names, functions, unqualified: unqualified.filter(({ start }) => !ordered.has(start)), loose, ownNames, locks };
}

/** The depth of an expression: 1 for a name or literal. */
export function expressionDepth(expression: Expression): number {
  return depthOf(expression);
}

function depthOf(node: unknown): number {
  if (Array.isArray(node)) return node.reduce((depth: number, item: unknown) => Math.max(depth, depthOf(item)), 0);
  if (!isNode(node)) return 0;
  const kind = node['kind'];
  let below = 0;
  for (const value of Object.values(node)) if (isNode(value)) below = Math.max(below, depthOf(value));
  const counts = typeof kind === 'string' && kind !== 'identifier' && kind !== 'path' && kind !== 'starArgument';
  return below + (counts ? 1 : 0);
}

/** Functions whose value changes between calls with the same arguments. */
const VOLATILE: ReadonlySet<string> = new Set([
  'CURRENT_TIMESTAMP', 'CURRENT_DATE', 'CURRENT_DATETIME', 'CURRENT_TIME', 'GENERATE_UUID', 'NEW_UUID', 'RAND', 'PENDING_COMMIT_TIMESTAMP', 'GET_NEXT_SEQUENCE_VALUE',
  'GET_INTERNAL_SEQUENCE_STATE', 'SESSION_USER',
]);

export function volatileFunction(syntax: ExpressionSyntax): string | undefined {
  for (const name of syntax.functions) if (VOLATILE.has(name)) return name;
  return undefined;
}

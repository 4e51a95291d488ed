/**
 * EXPLAIN and EXPLAIN ANALYZE: draws the plan that a server sends (google.spanner.v1.QueryPlan) as a tree of operators,
 * with rows, executions and times when it was run; below it the conditions by operator, full scans, and indexes that
 * would help.
 */
import { plainTable } from '../commands/status.ts';
import type { Fields, WireValue } from '../../client/wire.ts';
import { printable } from '../values-text.ts';

export interface Explained {
  readonly sql: string;
  readonly analyze: boolean;
}

/** undefined: the statement is not to be explained. */
export function explainOf(statement: string): Explained | undefined {
  const match = /^\s*EXPLAIN(\s+ANALYZE)?\s+(?=\S)/i.exec(statement);
  return match === null ? undefined : { sql: statement.slice(match[0].length), analyze: match[1] !== undefined };
}

interface Link {
  readonly childIndex: number;
  readonly type: string;
  readonly variable: string;
}

interface Node {
  readonly kind: string;
  readonly displayName: string;
  readonly childLinks: readonly Link[];
  readonly shortRepresentation: { readonly description: string } | null;
  readonly metadata: { readonly fields: Readonly<Record<string, WireValue>> } | null;
  readonly executionStats: { readonly fields: Readonly<Record<string, WireValue>> } | null;
}

interface Plan {
  readonly planNodes: readonly Node[];
  readonly queryAdvice: { readonly indexAdvice: readonly { readonly ddl: readonly string[]; readonly improvementFactor: number }[] } | null;
}

/** Deeper trees, which no server of ours sends, are cut. */
const MAX_DEPTH = 200;

const textOf = (fields: Readonly<Record<string, WireValue>> | undefined, name: string): string | undefined => {
  const value = fields?.[name];
  return value !== undefined && 'stringValue' in value ? value.stringValue : undefined;
};

function statistic(node: Node, group: string, name = 'total'): string {
  const value = node.executionStats?.fields[group];
  return value !== undefined && 'structValue' in value ? (textOf(value.structValue.fields, name) ?? '') : '';
}

function title(node: Node): string {
  const fields = node.metadata?.fields;
  const words = [textOf(fields, 'call_type'), textOf(fields, 'iterator_type'), textOf(fields, 'scan_type')?.replace(/Scan$/, ''), node.displayName];
  const target = textOf(fields, 'scan_target');
  const rows = textOf(node.metadata?.fields, 'rows_fetched_from');
  const full = textOf(node.metadata?.fields, 'Full scan') === 'true' ? ', full scan' : '';
  return `${words.filter((word) => word !== undefined && word !== '').join(' ')}${target === undefined ? '' : ` on ${target}`}${rows === undefined ? '' : `, rows of ${rows}`}${full}`;
}

export function planText(queryPlan: Fields, analyze: boolean): string {
  const plan = queryPlan as unknown as Plan;
  const lines: string[][] = [];
  const notes: string[] = [];
  const visit = (index: number, indent: string, label: string, depth: number): void => {
    const node = plan.planNodes[index];
    if (node === undefined || depth > MAX_DEPTH) return;
    const id = String(index);
    const isRelational = node.kind === 'RELATIONAL';
    if (isRelational) {
      const counts = analyze ? [statistic(node, 'rows'), statistic(node, 'scanned_rows'), statistic(node, 'execution_summary', 'num_executions'), statistic(node, 'latency')] : [];
      lines.push([id, printable(`${indent}${label}${title(node)}`), ...counts]);
    }
    for (const link of node.childLinks) {
      const child = plan.planNodes[link.childIndex];
      if (child === undefined) continue;
      if (child.kind === 'RELATIONAL' || hasRelational(plan, link.childIndex, 0)) visit(link.childIndex, isRelational ? `${indent}  ` : indent, link.type === '' || !isRelational ? '' : `[${link.type}] `, depth + 1);
      else if (link.type !== '') notes.push(printable(` ${id.padStart(3)} ${link.type}: ${link.variable === '' ? '' : `${link.variable} := `}${child.shortRepresentation?.description ?? ''}`));
    }
  };
  visit(0, '', '', 0);
  const table = plainTable(['ID', 'OPERATOR', ...(analyze ? ['ROWS', 'SCANNED', 'RUNS', 'MILLISECONDS'] : [])], lines);
  const advice = (plan.queryAdvice?.indexAdvice ?? []).flatMap(({ ddl, improvementFactor }) =>
    ddl.map((text) => `An index would let this statement read ${improvementFactor >= 2 ? `about ${String(Math.round(improvementFactor))} times ` : ''}fewer rows:\n  ${printable(text)};`),
  );
  return [table, ...(notes.length === 0 ? [] : ['', ...notes]), ...(advice.length === 0 ? [] : ['', ...advice])].join('\n');
}

/** A scalar node that stands for a subquery has operators below it. */
function hasRelational(plan: Plan, index: number, depth: number): boolean {
  const node = plan.planNodes[index];
  if (node === undefined || depth > MAX_DEPTH) return false;
  return node.kind === 'RELATIONAL' || node.childLinks.some((link) => hasRelational(plan, link.childIndex, depth + 1));
}

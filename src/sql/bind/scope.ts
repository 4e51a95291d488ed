/**
 * Names that an expression can see: range variables (tables by alias) and columns, innermost query first.
 *
 * Within one query a range variable hides a column of the same name; a column name that two tables share is ambiguous
 * when it is used without its table. Names ignore case.
 */
import type { Column, Expr } from './tree.ts';
import { columnExpr } from './walk.ts';

/** A column as `*` shows it. */
export interface NamedColumn {
  readonly name: string;
  readonly expr: Expr;
  /** Only found by name, not part of `*`. */
  readonly hidden?: boolean;
}

/** A table in FROM. `value` is set when a row is one value (UNNEST, SELECT AS VALUE): the alias then means that value. */
export interface Range {
  readonly alias: string;
  readonly columns: readonly NamedColumn[];
  readonly value: Expr | undefined;
}

export type Entry = { readonly kind: 'column'; readonly expr: Expr } | { readonly kind: 'range'; readonly range: Range } | { readonly kind: 'ambiguous' };

const AMBIGUOUS: Entry = { kind: 'ambiguous' };
export const fold = (name: string): string => name.toLowerCase();

/** The names of one FROM clause, or of a pipe's current table. */
export class NameList {
  readonly columns: NamedColumn[] = [];
  readonly ranges = new Map<string, Range>();
  /** Set when the whole is one value table. */
  value: Expr | undefined;
  private readonly names = new Map<string, Entry>();

  addColumn(column: NamedColumn): void {
    this.columns.push(column);
    if (column.name !== '') this.addName(column.name, column.expr);
  }

  /** Makes a name visible without adding to `*`. */
  addName(name: string, expr: Expr): void {
    const key = fold(name);
    this.names.set(key, this.names.has(key) ? AMBIGUOUS : { kind: 'column', expr });
  }

  /** Replaces whatever the name meant. */
  override(name: string, expr: Expr): void {
    this.names.set(fold(name), { kind: 'column', expr });
  }

  /** False when the alias is taken. */
  addRange(range: Range): boolean {
    const key = fold(range.alias);
    if (key === '') return true;
    if (this.ranges.has(key)) return false;
    this.ranges.set(key, range);
    return true;
  }

  find(name: string): Entry | undefined {
    const key = fold(name);
    const range = this.ranges.get(key);
    return range === undefined ? this.names.get(key) : { kind: 'range', range };
  }

  /** Both lists side by side, as in a join. Answers the first alias that both have. */
  append(other: NameList): string | undefined {
    for (const [key, range] of other.ranges) {
      if (this.ranges.has(key)) return range.alias;
      this.ranges.set(key, range);
    }
    for (const column of other.columns) this.columns.push(column);
    for (const [key, entry] of other.names) this.names.set(key, this.names.has(key) ? AMBIGUOUS : entry);
    return undefined;
  }

  /** What a message about an unknown name adds: the name that was probably meant, or nothing. */
  suggestion(name: string): string {
    const shown = new Set(this.columns.map((c) => c.name).filter((n) => n !== ''));
    const hidden = [...this.names.keys()].filter((key) => ![...shown].some((n) => fold(n) === key));
    return suggestion(name, [...[...this.ranges.values()].map((r) => r.alias), ...shown, ...hidden]);
  }
}

/**
 * What a message adds about a name that is none of the candidates: the one with the fewest edits (characters put in, taken out or replaced;
 * case counts), the first of the alphabet among equals, and nothing when it is too far: names of three characters may differ in one,
 * longer ones in more.
 */
export function suggestion(name: string, candidates: readonly string[]): string {
  let limit = Math.min(name.length - 2, Math.floor(name.length / 5) + 2);
  let best: string | undefined;
  for (const candidate of [...candidates].sort()) {
    const edits = editDistance(name, candidate);
    if (edits > limit) continue;
    best = candidate;
    limit = edits - 1;
  }
  return best === undefined ? '' : `; Did you mean ${best}?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + (a[i] === b[j] ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export class Scope {
  readonly names: NameList;
  readonly parent: Scope | undefined;

  constructor(names: NameList, parent: Scope | undefined) {
    this.names = names;
    this.parent = parent;
  }

  find(name: string): Entry | undefined {
    return this.names.find(name) ?? this.parent?.find(name);
  }
}

/** Lambda parameters and WITH expression variables. */
export function variableScope(columns: readonly Column[], parent: Scope | undefined): Scope {
  const names = new NameList();
  for (const c of columns) names.override(c.name, columnExpr(c));
  return new Scope(names, parent);
}

export function findInRange(range: Range, name: string): Expr | 'ambiguous' | undefined {
  const key = fold(name);
  let found: Expr | undefined;
  for (const c of range.columns) {
    if (fold(c.name) !== key) continue;
    if (found !== undefined) return 'ambiguous';
    found = c.expr;
  }
  return found;
}

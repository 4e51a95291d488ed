/**
 * Window functions leave a SELECT: each becomes a column of a relation below the list, over what WHERE, GROUP BY and HAVING
 * have left. What it partitions and sorts by is computed as columns first, so that later passes meet columns only.
 */
import type { SqlType } from '../types/types.ts';
import type { Assignment, Column, Expr, IsFirstExpr, Rel } from './tree.ts';
import { columnExpr, mapChildren, visitExpr } from './walk.ts';

export function containsWindow(e: Expr): boolean {
  let found = false;
  visitExpr(e, (x) => {
    if (x.kind === 'isFirst') found = true;
    return !found && x.kind !== 'subquery';
  });
  return found;
}

export class Windows {
  private rel: Rel;
  private readonly newColumn: (name: string, type: SqlType) => Column;

  constructor(input: Rel, newColumn: (name: string, type: SqlType) => Column) {
    this.rel = input;
    this.newColumn = newColumn;
  }

  /** The expression with columns in place of its window functions. Those of subqueries belong to the subqueries. */
  take(e: Expr): Expr {
    return e.kind === 'isFirst' ? this.firstRows(e) : mapChildren(e, (x) => this.take(x), (r) => r);
  }

  /** The input with the columns of all window functions taken. */
  relation(): Rel {
    return this.rel;
  }

  private firstRows(e: IsFirstExpr): Expr {
    const added: Assignment[] = [];
    const asColumn = (expr: Expr): Expr => {
      if (expr.kind === 'column') return expr;
      const column = this.newColumn('', expr.type);
      added.push({ column, expr });
      return columnExpr(column);
    };
    const partition = e.partition.map((p) => asColumn(this.take(p)));
    const keys = e.keys.map((k) => ({ ...k, expr: asColumn(this.take(k.expr)) }));
    const { columns } = this.rel;
    const kept = columns.map((column): Assignment => ({ column, expr: columnExpr(column) }));
    const input: Rel = added.length === 0 ? this.rel : { kind: 'project', columns: [...columns, ...added.map((a) => a.column)], input: this.rel, items: [...kept, ...added] };
    const column = this.newColumn('', e.type);
    this.rel = { kind: 'firstRows', columns: [...input.columns, column], input, column, count: e.count, partition, keys };
    return columnExpr(column);
  }
}

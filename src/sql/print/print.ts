/**
 * Syntax trees to text: `parse(print(tree))` gives `tree` again, but for offsets.
 *
 * One class in layers, as the parser is: types, expressions, queries, graph queries, and DML here. Schema statements are not printed: what the
 * database keeps of them is made from the schema, with expressions and view bodies as text slices of the statement.
 */
import { unreachable } from '../../base/assert.ts';
import type { DefaultValue, DmlStatement, Insert, ThenReturn, UpdateItem } from '../ast/dml.ts';
import type { Expression } from '../ast/expressions.ts';
import type { GraphPattern } from '../ast/graph.ts';
import type { Call, Query, QueryStatement } from '../ast/query.ts';
import type { TypeName } from '../ast/types.ts';
import { GraphPrinter } from './graphs.ts';

class Printer extends GraphPrinter {
  statement(node: QueryStatement | DmlStatement | Call): string {
    switch (node.kind) {
      case 'queryStatement': return `${this.hint(node.hint)}${this.query(node.query)}`.trimStart();
      case 'call': return `CALL ${this.path(node.procedure)}(${this.args(node.args)})`;
      default: return this.dml(node).trimStart();
    }
  }

  private dml(node: DmlStatement): string {
    const hint = this.hint(node.hint);
    const target = `${this.path(node.target)}${this.hint(node.tableHint)}`;
    const tail = `${node.assertRowsModified === undefined ? '' : ` ASSERT_ROWS_MODIFIED ${this.primary(node.assertRowsModified)}`}${this.thenReturn(node.thenReturn)}`;
    switch (node.kind) {
      case 'insert': return `${hint}INSERT ${this.insertMode(node)}INTO ${target}${this.insertRest(node)}${tail}`;
      case 'update': {
        const from = node.from === undefined ? '' : ` FROM ${this.table(node.from)}`;
        return `${hint}UPDATE ${target}${this.alias(node.alias)} SET ${this.updateItems(node.items)}${from}${this.where(node.where)}${tail}`;
      }
      case 'delete': return `${hint}DELETE FROM ${target}${this.alias(node.alias)}${this.where(node.where)}${tail}`;
      default: return unreachable(node);
    }
  }

  private insertMode(node: Insert): string {
    switch (node.mode) {
      case 'insert': return '';
      case 'orIgnore': return 'OR IGNORE ';
      case 'orUpdate': return 'OR UPDATE ';
      case 'orReplace': return 'OR REPLACE ';
      default: return unreachable(node.mode);
    }
  }

  private insertRest(node: Insert): string {
    const columns = node.columns.length === 0 ? '' : ` (${this.names(node.columns)})`;
    const source = node.source.kind === 'insertQuery'
      ? this.query(node.source.query)
      : `VALUES ${node.source.rows.map((row) => `(${row.values.map((value) => this.value(value)).join(', ')})`).join(', ')}`;
    return `${columns} ${source}${this.onConflict(node)}`;
  }

  private onConflict(node: Insert): string {
    const conflict = node.onConflict;
    if (conflict === undefined) return '';
    const columns = conflict.columns.length === 0 ? '' : ` (${this.names(conflict.columns)})`;
    const constraint = conflict.constraint === undefined ? '' : ` ON UNIQUE CONSTRAINT ${this.name(conflict.constraint)}`;
    const action = conflict.action === 'nothing' ? 'NOTHING' : `UPDATE SET ${this.updateItems(conflict.items)}${this.where(conflict.where)}`;
    return ` ON CONFLICT${columns}${constraint} DO ${action}`;
  }

  private value(value: Expression | DefaultValue): string {
    return value.kind === 'defaultValue' ? 'DEFAULT' : this.expression(value);
  }

  private updateItems(items: readonly UpdateItem[]): string {
    return items.map((item) => (item.kind === 'nestedDml' ? `(${this.dml(item.statement)})` : `${this.expression(item.target)} = ${this.value(item.value)}`)).join(', ');
  }

  private where(where: Expression | undefined): string {
    return where === undefined ? '' : ` WHERE ${this.expression(where)}`;
  }

  private thenReturn(node: ThenReturn | undefined): string {
    if (node === undefined) return '';
    return ` THEN RETURN ${node.withAction ? `WITH ACTION${this.alias(node.actionAlias)} ` : ''}${this.items(node.items)}`;
  }
}

const printer = new Printer();

export const printExpression = (node: Expression): string => printer.expression(node);
export const printType = (node: TypeName): string => printer.type(node);
export const printQuery = (node: Query): string => printer.query(node);
export const printGraphPattern = (node: GraphPattern): string => printer.pattern(node);
export const printStatement = (node: QueryStatement | DmlStatement | Call): string => printer.statement(node);

/** INSERT, UPDATE, DELETE. See ast/dml.ts. */
import type { DefaultValue, Delete, DmlStatement, Insert, InsertQuery, InsertRow, InsertValues, OnConflict, SetItem, ThenReturn, Update, UpdateItem } from '../ast/dml.ts';
import type { Expression } from '../ast/expressions.ts';
import type { Identifier, Path } from '../ast/node.ts';
import type { Hint } from '../ast/query.ts';
import { GraphQueryParser } from './graph-queries.ts';

export abstract class DmlParser extends GraphQueryParser {
  protected startsDml(): boolean {
    return this.word === 'INSERT' || this.word === 'UPDATE' || this.word === 'DELETE';
  }

  protected parseDml(hint: Hint | undefined, start: number): DmlStatement {
    switch (this.word) {
      case 'INSERT': return this.parseInsert(hint, start, false);
      case 'UPDATE': return this.parseUpdate(hint, start);
      case 'DELETE': return this.parseDelete(hint, start);
      default: throw this.unexpected();
    }
  }

  private parseInsert(hint: Hint | undefined, start: number, nested: boolean): Insert {
    this.advance();
    const mode = this.parseInsertMode();
    this.accept('INTO');
    const target = this.parsePath();
    const tableHint = this.parseHintIfPresent();
    const columns = this.word === '(' && !this.startsQuery() ? this.parseIdentifierList() : [];
    const source = this.parseInsertSource();
    const onConflict = this.word === 'ON' && !nested ? this.parseOnConflict() : undefined;
    const tail = this.parseDmlTail(nested);
    return { kind: 'insert', start, end: this.previousEnd, hint, mode, target, tableHint, columns, source, onConflict, ...tail };
  }

  private parseInsertMode(): Insert['mode'] {
    const or = this.accept('OR');
    if (or || this.word === 'IGNORE' || this.word === 'UPDATE' || this.word === 'REPLACE') {
      // Without OR these words are a mode too, unless they are the table's name.
      const next = this.wordAt(1);
      if (!or && (next === '(' || next === '.' || next === 'VALUES' || next === 'SELECT')) return 'insert';
      if (this.accept('IGNORE')) return 'orIgnore';
      if (this.accept('UPDATE')) return 'orUpdate';
      if (this.accept('REPLACE')) return 'orReplace';
      throw this.expected('IGNORE', 'REPLACE', 'UPDATE');
    }
    return 'insert';
  }

  private parseInsertSource(): InsertValues | InsertQuery {
    const start = this.start;
    if (this.accept('VALUES')) {
      const rows = [this.parseInsertRow()];
      while (this.accept(',')) rows.push(this.parseInsertRow());
      return { kind: 'insertValues', start, end: this.previousEnd, rows };
    }
    if (!this.startsQuery()) throw this.unexpected();
    const query = this.parseQuery();
    return { kind: 'insertQuery', start, end: this.previousEnd, query };
  }

  private parseInsertRow(): InsertRow {
    const start = this.start;
    this.expect('(');
    const values = [this.parseValue()];
    while (this.accept(',')) values.push(this.parseValue());
    this.expectCloseOfList();
    return { kind: 'insertRow', start, end: this.previousEnd, values };
  }

  private parseValue(): Expression | DefaultValue {
    const start = this.start;
    if (this.word !== 'DEFAULT') return this.parseExpression();
    this.advance();
    return { kind: 'defaultValue', start, end: this.previousEnd };
  }

  private parseOnConflict(): OnConflict {
    const start = this.start;
    this.advance();
    this.expect('CONFLICT');
    const columns = this.word === '(' ? this.parseIdentifierList() : [];
    let constraint: Identifier | undefined;
    if (columns.length === 0 && this.accept('ON')) {
      this.expect('UNIQUE');
      this.expect('CONSTRAINT');
      constraint = this.parseIdentifier();
    }
    this.expect('DO');
    if (this.accept('NOTHING')) return { kind: 'onConflict', start, end: this.previousEnd, columns, constraint, action: 'nothing', items: [], where: undefined };
    if (!this.accept('UPDATE')) throw this.expected('NOTHING', 'UPDATE');
    this.expect('SET');
    const items = this.parseUpdateItems();
    const where = this.accept('WHERE') ? this.parseExpression() : undefined;
    return { kind: 'onConflict', start, end: this.previousEnd, columns, constraint, action: 'update', items, where };
  }

  private parseUpdate(hint: Hint | undefined, start: number, nested = false): Update {
    this.advance();
    const target = this.parsePath();
    const { tableHint, alias } = this.parseTargetTail('SET');
    this.expect('SET');
    const items = this.parseUpdateItems();
    const from = this.accept('FROM') ? this.parseFrom() : undefined;
    const where = this.accept('WHERE') ? this.parseExpression() : undefined;
    const tail = this.parseDmlTail(nested);
    return { kind: 'update', start, end: this.previousEnd, hint, target, tableHint, alias, items, from, where, ...tail };
  }

  private parseUpdateItems(): UpdateItem[] {
    const items = [this.parseUpdateItem()];
    while (this.accept(',')) items.push(this.parseUpdateItem());
    return items;
  }

  private parseUpdateItem(): UpdateItem {
    const start = this.start;
    const next = this.wordAt(1);
    if (this.word === '(' && (next === 'INSERT' || next === 'UPDATE' || next === 'DELETE')) {
      this.enter();
      this.advance();
      const statement = this.parseNestedStatement();
      this.expect(')');
      this.leave();
      return { kind: 'nestedDml', start, end: this.previousEnd, statement };
    }
    if (!this.isIdentifier() && this.word !== '(') throw this.expected('(');
    const target = this.parsePostfix();
    if (!this.accept('=')) throw this.expected('.', '=', '[');
    const value = this.parseValue();
    return { kind: 'setItem', start, end: this.previousEnd, target, value } satisfies SetItem;
  }

  private parseNestedStatement(): DmlStatement {
    const start = this.start;
    switch (this.word) {
      case 'INSERT': return this.parseInsert(undefined, start, true);
      case 'UPDATE': return this.parseUpdate(undefined, start, true);
      default: return this.parseDelete(undefined, start, true);
    }
  }

  private parseDelete(hint: Hint | undefined, start: number, nested = false): Delete {
    this.advance();
    this.accept('FROM');
    const target: Path = this.parsePath();
    const { tableHint, alias } = this.parseTargetTail('WHERE');
    const where = this.accept('WHERE') ? this.parseExpression() : undefined;
    const tail = this.parseDmlTail(nested);
    return { kind: 'delete', start, end: this.previousEnd, hint, target, tableHint, alias, where, ...tail };
  }

  private parseTargetTail(next: 'SET' | 'WHERE'): { readonly tableHint: Hint | undefined; readonly alias: Identifier | undefined } {
    const tableHint = this.parseHintIfPresent();
    const alias = this.word === next ? undefined : this.parseAliasIfPresent();
    return { tableHint, alias };
  }

  private parseDmlTail(nested: boolean): Pick<Insert, 'assertRowsModified' | 'thenReturn'> {
    const assertRowsModified = this.accept('ASSERT_ROWS_MODIFIED') ? this.parsePostfix() : undefined;
    const thenReturn = this.word === 'THEN' && !nested ? this.parseThenReturn() : undefined;
    return { assertRowsModified, thenReturn };
  }

  private parseThenReturn(): ThenReturn {
    const start = this.start;
    this.advance();
    this.expect('RETURN');
    const withAction = this.word === 'WITH' && this.wordAt(1) === 'ACTION' && this.accept2('WITH', 'ACTION');
    const actionAlias = withAction && this.accept('AS') ? this.parseIdentifier() : undefined;
    const items = this.parseSelectItems();
    return { kind: 'thenReturn', start, end: this.previousEnd, withAction, actionAlias, items };
  }
}

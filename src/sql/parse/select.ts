/** SELECT and its clauses, ORDER BY, LIMIT. See ast/query.ts. */
import type { Expression } from '../ast/expressions.ts';
import type { Identifier } from '../ast/node.ts';
import type {
  GroupBy, GroupByItem, GroupingSet, LimitClause, NamedWindow, OrderItem, PipeItemOrder, Select, SelectAs, SelectDotStar, SelectItem, SelectStar,
  StarReplacement,
} from '../ast/query.ts';
import { TokenKind } from '../lex/lexer.ts';
import { PivotParser } from './pivot.ts';

export abstract class SelectParser extends PivotParser {
  protected parseSelect(): Select {
    const start = this.start;
    const head = this.parseSelectHead();
    const from = this.accept('FROM') ? this.parseFrom() : undefined;
    const where = this.accept('WHERE') ? this.parseExpression() : undefined;
    const groupBy = this.word === 'GROUP' ? this.parseGroupBy(false) : undefined;
    const having = this.accept('HAVING') ? this.parseExpression() : undefined;
    const qualify = this.accept('QUALIFY') ? this.parseExpression() : undefined;
    const windows = this.word === 'WINDOW' ? this.parseWindows() : [];
    return { kind: 'select', start, end: this.previousEnd, ...head, from, where, groupBy, having, qualify, windows };
  }

  /** `|> SELECT` has the list, and a WINDOW clause perhaps. */
  protected parsePipeSelect(): Select {
    const start = this.start;
    const head = this.parseSelectHead();
    const windows = this.word === 'WINDOW' ? this.parseWindows() : [];
    return {
      kind: 'select', start, end: this.previousEnd, ...head,
      from: undefined, where: undefined, groupBy: undefined, having: undefined, qualify: undefined, windows,
    };
  }

  private parseSelectHead(): Pick<Select, 'hint' | 'distinct' | 'as' | 'items'> {
    this.expect('SELECT');
    const hint = this.parseHintIfPresent();
    const distinct = this.accept('DISTINCT');
    if (!distinct) this.accept('ALL');
    const as = this.word === 'AS' ? this.parseSelectAs() : undefined;
    if (this.word === 'FROM') throw this.error('SELECT list must not be empty');
    return { hint, distinct, as, items: this.parseSelectItems() };
  }

  private parseSelectAs(): SelectAs {
    const start = this.start;
    this.advance();
    if (this.accept('STRUCT')) return { kind: 'struct', start, end: this.previousEnd };
    // VALUE is a keyword here unless it is the first part of a type's name.
    if (this.word === 'VALUE' && this.wordAt(1) !== '.') {
      this.advance();
      return { kind: 'value', start, end: this.previousEnd };
    }
    const name = this.parsePath();
    return { kind: 'type', start, end: this.previousEnd, name };
  }

  /** At least one item; a comma may end the list. */
  protected parseSelectItems(): SelectItem[] {
    const items = [this.parseSelectItem()];
    while (this.accept(',')) {
      if (this.endsSelectList()) break;
      items.push(this.parseSelectItem());
    }
    return items;
  }

  private endsSelectList(): boolean {
    if (this.kind === TokenKind.end) return true;
    switch (this.word) {
      case 'FROM': case ')': case 'WHERE': case 'GROUP': case 'HAVING': case 'WINDOW': case 'ORDER': case 'LIMIT': case 'UNION': case 'INTERSECT':
      case 'EXCEPT': case '|>': case ';': return true;
      default: return false;
    }
  }

  private parseSelectItem(): SelectItem {
    const start = this.start;
    if (this.accept('*')) {
      return { kind: 'selectStar', start, ...this.parseStarModifiers() } satisfies SelectStar;
    }
    const expression = this.parseExpression();
    if (this.word === '.' && this.wordAt(1) === '*') {
      this.accept2('.', '*');
      return { kind: 'selectDotStar', start, expression, ...this.parseStarModifiers() } satisfies SelectDotStar;
    }
    const alias = this.parseSelectAlias();
    return { kind: 'selectExpression', start, end: this.previousEnd, expression, alias };
  }

  private parseSelectAlias(): Identifier | undefined {
    if (this.accept('AS')) return this.parseIdentifier();
    return this.isIdentifier() ? this.takeIdentifier() : undefined;
  }

  private parseStarModifiers(): Pick<SelectStar, 'end' | 'except' | 'replace'> {
    let except: Identifier[] = [];
    const replace: StarReplacement[] = [];
    if (this.word === 'EXCEPT' && this.wordAt(1) !== 'ALL' && this.wordAt(1) !== 'DISTINCT' && this.wordAt(1) !== '@') {
      if (this.wordAt(1) !== '(') throw this.errorAt(this.start, 'EXCEPT must be followed by ALL, DISTINCT, or "("');
      this.advance();
      except = this.parseIdentifierList();
    }
    if (this.word === 'REPLACE' && this.wordAt(1) === '(') {
      this.accept2('REPLACE', '(');
      do {
        const start = this.start;
        const expression = this.parseExpression();
        this.expect('AS');
        const name = this.parseIdentifier();
        replace.push({ kind: 'starReplacement', start, end: this.previousEnd, expression, name });
      } while (this.accept(','));
      this.expectCloseOfList();
    }
    return { end: this.previousEnd, except, replace };
  }

  // ---- GROUP BY

  /** At GROUP. `inPipe`: items may have an alias and an order. */
  protected parseGroupBy(inPipe: boolean): GroupBy {
    const start = this.start;
    this.expect('GROUP');
    const hint = this.parseHintIfPresent();
    this.expect('BY');
    return this.parseGroupByItems(start, hint, inPipe);
  }

  protected parseGroupByItems(start: number, hint: GroupBy['hint'], inPipe: boolean): GroupBy {
    if (this.accept('ALL')) return { kind: 'groupBy', start, end: this.previousEnd, hint, all: true, items: [] };
    const items = [this.parseGroupByItem(inPipe)];
    while (this.accept(',')) items.push(this.parseGroupByItem(inPipe));
    return { kind: 'groupBy', start, end: this.previousEnd, hint, all: false, items };
  }

  private parseGroupByItem(inPipe: boolean): GroupByItem {
    const start = this.start;
    switch (this.word) {
      case 'ROLLUP': return this.parseGroupingSet('rollup');
      case 'CUBE': return this.parseGroupingSet('cube');
      case 'GROUPING':
        if (this.wordAt(1) === 'SETS') {
          this.advance();
          return this.parseGroupingSet('groupingSets');
        }
        break;
      case '(':
        if (this.wordAt(1) === ')') {
          this.accept2('(', ')');
          return { kind: 'groupingSet', start, end: this.previousEnd, form: 'expressions', items: [] };
        }
        break;
      default:
    }
    const expression = this.parseExpression();
    const alias = inPipe ? this.parseSelectAlias() : undefined;
    const order = inPipe ? this.parsePipeItemOrder() : undefined;
    return { kind: 'groupByExpression', start, end: this.previousEnd, expression, alias, order };
  }

  private parseGroupingSet(form: GroupingSet['form']): GroupingSet {
    this.enter();
    const start = this.start;
    this.advance();
    this.expect('(');
    const items = [this.parseGroupByItem(false)];
    while (this.accept(',')) items.push(this.parseGroupByItem(false));
    this.expectCloseOfList();
    this.leave();
    return { kind: 'groupingSet', start, end: this.previousEnd, form, items };
  }

  protected parsePipeItemOrder(): PipeItemOrder | undefined {
    const start = this.start;
    const direction = this.parseDirection();
    const nulls = this.parseNullOrder();
    if (direction === undefined && nulls === undefined) return undefined;
    return { kind: 'pipeItemOrder', start, end: this.previousEnd, direction, nulls };
  }

  // ---- WINDOW, ORDER BY, LIMIT

  protected parseWindows(): NamedWindow[] {
    this.expect('WINDOW');
    const windows: NamedWindow[] = [];
    do {
      const name = this.parseIdentifier();
      this.expect('AS');
      const window = this.parseWindowSpecification();
      windows.push({ kind: 'namedWindow', start: name.start, end: this.previousEnd, name, window });
    } while (this.accept(','));
    return windows;
  }

  protected parseOrderItems(): OrderItem[] {
    const items = [this.parseOrderItem()];
    while (this.accept(',')) items.push(this.parseOrderItem());
    return items;
  }

  private parseOrderItem(): OrderItem {
    const start = this.start;
    const expression = this.parseExpression();
    const collation = this.accept('COLLATE') ? this.parseCollation() : undefined;
    const direction = this.parseDirection();
    const nulls = this.parseNullOrder();
    return { kind: 'orderItem', start, end: this.previousEnd, expression, collation, direction, nulls };
  }

  private parseCollation(): Expression {
    if (this.kind !== TokenKind.string && this.word !== '@' && this.word !== '@@' && this.word !== '?') throw this.unexpected();
    return this.parsePostfix();
  }

  protected parseDirection(): 'asc' | 'desc' | undefined {
    if (this.accept('ASC')) return 'asc';
    return this.accept('DESC') ? 'desc' : undefined;
  }

  protected parseNullOrder(): 'first' | 'last' | undefined {
    if (!this.accept('NULLS')) return undefined;
    if (this.accept('FIRST')) return 'first';
    if (this.accept('LAST')) return 'last';
    throw this.expected('FIRST', 'LAST');
  }

  protected parseLimit(): LimitClause {
    const start = this.start;
    this.expect('LIMIT');
    const all = this.accept('ALL');
    const count = all ? undefined : this.parseExpression();
    const offset = this.accept('OFFSET') ? this.parseExpression() : undefined;
    return { kind: 'limitClause', start, end: this.previousEnd, all, count, offset };
  }
}

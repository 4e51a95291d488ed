/** Graph queries: `GRAPH g MATCH … RETURN …`, GRAPH_TABLE, subqueries in braces. See ast/graph.ts. */
import type { Expression } from '../ast/expressions.ts';
import type {
  GraphCall, GraphCompositeStatement, GraphFor, GraphInlineCall, GraphLimit, GraphLinearStatement, GraphQuery, GraphReturn, GraphStatement,
  GraphTableExpression,
} from '../ast/graph.ts';
import type { Identifier, Path } from '../ast/node.ts';
import type { Query, SelectItem, SetOperator } from '../ast/query.ts';
import { TokenKind } from '../lex/lexer.ts';
import { GraphPatternParser } from './graph-patterns.ts';

export abstract class GraphQueryParser extends GraphPatternParser {
  /** Whether `COLUMNS (…)` may stand for RETURN. */
  private inGraphTable = false;

  protected parseGraphQuery(): GraphQuery {
    const start = this.start;
    this.expect('GRAPH');
    const graph = this.parsePath();
    return this.parseGraphStatements(graph, start);
  }

  private parseGraphStatements(graph: Path | undefined, start: number): GraphQuery {
    this.enter();
    const statements = [this.parseComposite()];
    while (this.accept('NEXT')) statements.push(this.parseComposite());
    this.leave();
    return { kind: 'graphQuery', start, end: this.previousEnd, graph, statements };
  }

  protected parseGraphTable(): GraphTableExpression {
    const start = this.start;
    this.accept2('GRAPH_TABLE', '(');
    const queryStart = this.start;
    const graph = this.parsePath();
    const outer = this.inGraphTable;
    this.inGraphTable = true;
    const query = this.parseGraphStatements(graph, queryStart);
    this.inGraphTable = outer;
    this.expect(')');
    const alias = this.parseAliasIfPresent();
    const sample = this.parseSampleIfPresent();
    return { kind: 'graphTable', start, end: this.previousEnd, query, alias, sample };
  }

  protected parseGraphSubquery(form: 'exists' | 'array' | 'value'): Expression {
    const start = this.start;
    this.advance();
    const hint = this.parseHintIfPresent();
    const query = this.parseGraphBraces();
    return { kind: 'graphSubquery', start, end: this.previousEnd, form, operand: undefined, negated: false, hint, query };
  }

  /** `{ [GRAPH g] statements }`, `{ pattern }` for EXISTS, or `{ SELECT … }`. */
  protected parseGraphBraces(): Query {
    this.expect('{');
    const query = this.startsQuery() ? this.parseQuery() : this.bareGraphQuery();
    this.expect('}');
    return query;
  }

  private bareGraphQuery(): Query {
    this.enter();
    const start = this.start;
    const body = this.word === '(' || this.word === '-' || this.word === '<' ? this.patternAsQuery() : this.parseGraphStatements(undefined, start);
    this.leave();
    return { kind: 'query', start, end: this.previousEnd, with: undefined, body, orderByHint: undefined, orderBy: [], limit: undefined, forUpdate: false, pipes: [] };
  }

  private patternAsQuery(): GraphQuery {
    const start = this.start;
    const pattern = this.parseGraphPattern();
    const range = { start, end: this.previousEnd };
    const match: GraphStatement = { kind: 'graphMatch', ...range, optional: false, hint: undefined, pattern };
    return { kind: 'graphQuery', ...range, graph: undefined, statements: [{ kind: 'graphLinearStatement', ...range, statements: [match] }] };
  }

  private parseComposite(): GraphCompositeStatement {
    const start = this.start;
    const operands = [this.parseLinear()];
    let operator: SetOperator | undefined;
    let quantifier: 'all' | 'distinct' = 'all';
    for (;;) {
      const head = this.parseSetOperator();
      if (head === undefined) break;
      if (operator !== undefined && (operator !== head.operator || quantifier !== head.quantifier)) {
        throw this.errorAt(head.start, 'Syntax error: Different set operations cannot be used in the same query without using parentheses for grouping');
      }
      ({ operator, quantifier } = head);
      operands.push(this.parseLinear());
    }
    const [only] = operands;
    if (only !== undefined && operator === undefined) return only;
    return { kind: 'graphSetOperation', start, end: this.previousEnd, operator: operator ?? 'union', quantifier, operands };
  }

  private parseLinear(): GraphLinearStatement {
    const start = this.start;
    const statements: GraphStatement[] = [];
    for (;;) {
      const statement = this.parseGraphStatement();
      if (statement === undefined) break;
      statements.push(statement);
      if (statement.kind === 'graphReturn') break;
    }
    // Only a pattern in EXISTS may end without RETURN, and the end of its braces shows that.
    const last = statements[statements.length - 1];
    if (last?.kind !== 'graphReturn' && !(last?.kind === 'graphMatch' && this.word === '}')) throw this.unexpected();
    return { kind: 'graphLinearStatement', start, end: this.previousEnd, statements };
  }

  private parseGraphStatement(): GraphStatement | undefined {
    const start = this.start;
    switch (this.word) {
      case 'MATCH': return this.parseMatch(start, false);
      case 'OPTIONAL':
        this.advance();
        return this.is('CALL') ? this.parseGraphCall(start, true) : this.parseMatch(start, true);
      case 'LET': return this.parseLet(start);
      case 'FILTER': {
        this.advance();
        this.accept('WHERE');
        const condition = this.parseExpression();
        return { kind: 'graphFilter', start, end: this.previousEnd, condition };
      }
      case 'FOR': return this.parseGraphFor(start);
      case 'RETURN': return this.parseReturn(start);
      case 'COLUMNS': return this.inGraphTable ? this.parseColumnsClause(start) : undefined;
      case 'WITH': {
        this.advance();
        const head = this.parseReturnHead();
        return { kind: 'graphWith', start, end: this.previousEnd, ...head };
      }
      case 'ORDER': {
        this.advance();
        const items = this.parseOrderItemsAfterOrder();
        return { kind: 'graphOrderBy', start, end: this.previousEnd, items };
      }
      case 'LIMIT': case 'OFFSET': case 'SKIP': return this.parseGraphLimit(start);
      case 'TABLESAMPLE': {
        const sample = this.parseSample();
        return { kind: 'graphTableSample', start, end: this.previousEnd, sample };
      }
      case 'CALL': return this.parseGraphCall(start, false);
      default: return undefined;
    }
  }

  private parseMatch(start: number, optional: boolean): GraphStatement {
    this.expect('MATCH');
    const hint = this.parseHintIfPresent();
    const pattern = this.parseGraphPattern();
    return { kind: 'graphMatch', start, end: this.previousEnd, optional, hint, pattern };
  }

  private parseLet(start: number): GraphStatement {
    this.advance();
    const bindings = [];
    do {
      const name = this.parseIdentifier();
      this.expect('=');
      const value = this.parseExpression();
      bindings.push({ kind: 'graphLetBinding' as const, start: name.start, end: this.previousEnd, name, value });
    } while (this.accept(','));
    return { kind: 'graphLet', start, end: this.previousEnd, bindings };
  }

  private parseGraphFor(start: number): GraphFor {
    this.advance();
    const element = this.parseIdentifier();
    this.expect('IN');
    const array = this.parseExpression();
    const withOffset = this.word === 'WITH' && this.wordAt(1) === 'OFFSET' && this.accept2('WITH', 'OFFSET');
    const offsetAlias = withOffset && this.accept('AS') ? this.parseIdentifier() : undefined;
    return { kind: 'graphFor', start, end: this.previousEnd, element, array, withOffset, offsetAlias };
  }

  private parseReturnHead(): Pick<GraphReturn, 'hint' | 'distinct' | 'items' | 'groupBy'> {
    const hint = this.parseHintIfPresent();
    const distinct = this.accept('DISTINCT');
    if (!distinct) this.accept('ALL');
    const items = this.parseGraphItems();
    const groupBy = this.word === 'GROUP' ? this.parseGroupBy(false) : undefined;
    return { hint, distinct, items, groupBy };
  }

  /** Items have an alias with AS only, since the words of the next statement are not reserved. */
  private parseGraphItems(): SelectItem[] {
    const items: SelectItem[] = [];
    do {
      const start = this.start;
      if (this.accept('*')) {
        items.push({ kind: 'selectStar', start, end: this.previousEnd, except: [], replace: [] });
        continue;
      }
      const expression = this.parseExpression();
      if (this.accept2('.', '*')) {
        items.push({ kind: 'selectDotStar', start, end: this.previousEnd, expression, except: [], replace: [] });
        continue;
      }
      const alias = this.accept('AS') ? this.parseIdentifier() : undefined;
      items.push({ kind: 'selectExpression', start, end: this.previousEnd, expression, alias });
    } while (this.accept(','));
    return items;
  }

  private parseReturn(start: number): GraphReturn {
    this.advance();
    const head = this.parseReturnHead();
    const orderBy = this.accept('ORDER') ? this.parseOrderItemsAfterOrder() : [];
    const offsetFirst = this.parseOffset();
    const limit = this.word === 'LIMIT' ? this.parseReturnLimit(offsetFirst) : undefined;
    const offset = limit === undefined ? offsetFirst : undefined;
    return { kind: 'graphReturn', start, end: this.previousEnd, ...head, orderBy, limit, offset };
  }

  private parseColumnsClause(start: number): GraphReturn {
    this.advance();
    this.expect('(');
    const items = this.parseGraphItems();
    this.expect(')');
    const range = { start, end: this.previousEnd };
    return { kind: 'graphReturn', ...range, hint: undefined, distinct: false, items, groupBy: undefined, orderBy: [], limit: undefined, offset: undefined };
  }

  private parseOffset(): Expression | undefined {
    return this.accept('OFFSET') || this.accept('SKIP') ? this.parseExpression() : undefined;
  }

  private parseReturnLimit(offsetFirst: Expression | undefined): GraphReturn['limit'] {
    const start = this.start;
    this.expect('LIMIT');
    const count = this.parseExpression();
    const offset = offsetFirst ?? this.parseOffset();
    return { kind: 'limitClause', start, end: this.previousEnd, all: false, count, offset };
  }

  private parseGraphLimit(start: number): GraphLimit {
    let offset = this.parseOffset();
    const limit = this.accept('LIMIT') ? this.parseExpression() : undefined;
    offset ??= this.parseOffset();
    return { kind: 'graphLimit', start, end: this.previousEnd, limit, offset };
  }

  private parseGraphCall(start: number, optional: boolean): GraphCall | GraphInlineCall {
    this.expect('CALL');
    if (this.word === '(') {
      const columns = this.parseNamesInParentheses();
      const query = this.parseGraphBraces().body;
      if (query.kind !== 'graphQuery') throw this.unexpected();
      return { kind: 'graphInlineCall', start, end: this.previousEnd, optional, columns, query };
    }
    const per = this.accept('PER') ? this.parseNamesInParentheses() : undefined;
    const name = this.parsePath();
    this.expect('(');
    const args = this.parseArguments(true);
    this.expect(')');
    const yields = this.accept('YIELD') ? this.parseGraphItems() : [];
    return { kind: 'graphCall', start, end: this.previousEnd, optional, per, name, args, yields };
  }

  /** `()` or `(a, b)`. */
  private parseNamesInParentheses(): Identifier[] {
    if (this.word === '(' && this.wordAt(1) === ')') {
      this.accept2('(', ')');
      return [];
    }
    return this.parseIdentifierList();
  }

  protected override parseDirection(): 'asc' | 'desc' | undefined {
    // ASCENDING and DESCENDING exist in graph queries; nothing else can follow an ordered expression there.
    if (this.kind === TokenKind.identifier && this.accept('ASCENDING')) return 'asc';
    if (this.kind === TokenKind.identifier && this.accept('DESCENDING')) return 'desc';
    return super.parseDirection();
  }
}

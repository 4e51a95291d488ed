/** Function calls: arguments, aggregate modifiers, windows. See `FunctionCall` in ast/expressions.ts for the order of the parts. */
import type {
  AliasedArgument, Argument, Expression, FunctionCall, HavingModifier, Lambda, NamedArgument, ObjectArgument, QueryArgument, TableArgument,
  WindowFrame, WindowFrameBound, WindowSpecification,
} from '../ast/expressions.ts';
import type { Identifier, Path } from '../ast/node.ts';
import type { OrderItem, Query } from '../ast/query.ts';
import { HintParser } from './hints.ts';

export abstract class CallParser extends HintParser {
  protected abstract parseQuery(): Query;
  protected abstract startsQuery(): boolean;
  /** The items after ORDER BY. */
  protected abstract parseOrderItems(): OrderItem[];

  /** A call whose name has been read: the current token is the opening parenthesis. */
  protected parseCall(parts: readonly Identifier[], start: number): FunctionCall {
    const safe = parts.length > 1 && parts[0]?.quoted === false && parts[0].name.toUpperCase() === 'SAFE';
    const named = safe ? parts.slice(1) : parts;
    const name: Path = { kind: 'path', start: named[0]?.start ?? start, end: this.previousEnd, parts: named };
    this.advance();
    const distinct = this.accept('DISTINCT');
    const args = this.parseArguments(false);
    const nullHandling = this.parseNullHandling();
    const having = this.word === 'HAVING' ? this.parseHavingModifier() : undefined;
    const orderBy = this.accept('ORDER') ? this.parseOrderItemsAfterOrder() : [];
    const limit = this.accept('LIMIT') ? this.parseExpression() : undefined;
    this.expect(')');
    const hint = this.parseHintIfPresent();
    const over = this.accept('OVER') ? this.parseWindowSpecification() : undefined;
    return { kind: 'functionCall', start, end: this.previousEnd, name, safe, distinct, args, nullHandling, having, orderBy, limit, hint, over };
  }

  protected parseOrderItemsAfterOrder(): OrderItem[] {
    this.expect('BY');
    return this.parseOrderItems();
  }

  private parseNullHandling(): 'ignore' | 'respect' | undefined {
    if (this.accept('IGNORE')) {
      this.expect('NULLS');
      return 'ignore';
    }
    if (this.accept('RESPECT')) {
      this.expect('NULLS');
      return 'respect';
    }
    return undefined;
  }

  private parseHavingModifier(): HavingModifier {
    const start = this.start;
    this.advance();
    const max = this.accept('MAX');
    if (!max && !this.accept('MIN')) throw this.expected('MAX', 'MIN');
    const value = this.parseExpression();
    return { kind: 'havingModifier', start, end: this.previousEnd, extremum: max ? 'max' : 'min', value };
  }

  /** The arguments up to, not including, the closing parenthesis or a modifier. `ofTable`: a table-valued function or procedure. */
  protected parseArguments(ofTable: boolean): Argument[] {
    const args: Argument[] = [];
    switch (this.word) {
      case ')': case 'IGNORE': case 'RESPECT': case 'HAVING': case 'ORDER': case 'LIMIT': return args;
      case ',': throw this.expected(')');
      default:
    }
    do args.push(this.parseArgument(ofTable));
    while (this.accept(','));
    return args;
  }

  private parseArgument(ofTable: boolean): Argument {
    const start = this.start;
    switch (this.word) {
      case '*':
        this.advance();
        return { kind: 'starArgument', start, end: this.previousEnd };
      case '(':
        if (ofTable && this.startsQuery()) return this.parseQueryArgument();
        break;
      case 'SELECT':
        // GoogleSQL says where the parentheses are missing; so does this.
        throw this.errorAt(this.start, 'Each function argument is an expression, not a query; to use a query as an expression, the query must be wrapped with additional parentheses to make it a scalar subquery expression');
      default:
    }
    const special = this.parseObjectArgument() ?? this.parseLambdaIfPresent();
    if (special !== undefined) return special;
    if (this.wordAt(1) === '=>' && this.isIdentifier()) return this.parseNamedArgument();
    const value = this.parseExpression();
    if (!this.accept('AS')) return value;
    const alias = this.parsePath();
    return { kind: 'aliasedArgument', start, end: this.previousEnd, value, alias } satisfies AliasedArgument;
  }

  private parseQueryArgument(): QueryArgument {
    const start = this.start;
    this.expect('(');
    const query = this.parseQuery();
    this.expect(')');
    return { kind: 'queryArgument', start, end: this.previousEnd, query };
  }

  private parseNamedArgument(): NamedArgument {
    const name = this.takeIdentifier();
    this.expect('=>');
    const value = this.parseObjectArgument() ?? this.parseLambdaIfPresent() ?? this.parseExpression();
    return { kind: 'namedArgument', start: name.start, end: this.previousEnd, name, value };
  }

  private parseObjectArgument(): TableArgument | ObjectArgument | undefined {
    const start = this.start;
    if (!this.isIdentifier(1)) return undefined;
    switch (this.word) {
      case 'TABLE': {
        this.advance();
        const table = this.parsePath();
        return { kind: 'tableArgument', start, end: this.previousEnd, table };
      }
      case 'MODEL': case 'SEQUENCE': case 'CONNECTION': {
        const objectType = this.word === 'MODEL' ? 'model' : this.word === 'SEQUENCE' ? 'sequence' : 'connection';
        this.advance();
        const path = this.parsePath();
        return { kind: 'objectArgument', start, end: this.previousEnd, objectType, path };
      }
      default: return undefined;
    }
  }

  private parseLambdaIfPresent(): Lambda | undefined {
    const start = this.start;
    const parameters: Identifier[] = [];
    if (this.isIdentifier() && this.wordAt(1) === '->') {
      parameters.push(this.takeIdentifier());
    } else if (this.word === '(' && this.lambdaParametersFollow()) {
      this.advance();
      while (!this.accept(')')) {
        parameters.push(this.takeIdentifier());
        this.accept(',');
      }
    } else {
      return undefined;
    }
    this.expect('->');
    const body = this.parseExpression();
    return { kind: 'lambda', start, end: this.previousEnd, parameters, body };
  }

  /** `( name, name ) ->`, at the parenthesis. */
  private lambdaParametersFollow(): boolean {
    let i = 1;
    if (this.wordAt(i) !== ')') {
      while (this.isIdentifier(i) && this.wordAt(i + 1) === ',') i += 2;
      if (!this.isIdentifier(i)) return false;
      i++;
    }
    return this.wordAt(i) === ')' && this.wordAt(i + 1) === '->';
  }

  // ---- Windows

  /** After OVER, or after AS in a WINDOW clause. */
  protected parseWindowSpecification(): WindowSpecification {
    const start = this.start;
    if (this.word !== '(') {
      const base = this.parseIdentifier();
      return { kind: 'windowSpecification', start, end: this.previousEnd, base, partitionBy: [], orderBy: [], frame: undefined };
    }
    this.advance();
    const base = this.isIdentifier() ? this.takeIdentifier() : undefined;
    const partitionBy: Expression[] = [];
    if (this.accept('PARTITION')) {
      this.expect('BY');
      do partitionBy.push(this.parseExpression());
      while (this.accept(','));
    }
    const orderBy = this.accept('ORDER') ? this.parseOrderItemsAfterOrder() : [];
    const frame = this.is('ROWS') || this.is('RANGE') ? this.parseWindowFrame() : undefined;
    this.expect(')');
    return { kind: 'windowSpecification', start, end: this.previousEnd, base, partitionBy, orderBy, frame };
  }

  private parseWindowFrame(): WindowFrame {
    const start = this.start;
    const unit = this.word === 'ROWS' ? 'rows' : 'range';
    this.advance();
    const between = this.accept('BETWEEN');
    const from = this.parseWindowFrameBound();
    if (between) this.expect('AND');
    const to = between ? this.parseWindowFrameBound() : undefined;
    return { kind: 'windowFrame', start, end: this.previousEnd, unit, from, to };
  }

  private parseWindowFrameBound(): WindowFrameBound {
    const start = this.start;
    if (this.accept('CURRENT')) {
      this.expect('ROW');
      return { kind: 'windowFrameBound', start, end: this.previousEnd, bound: 'currentRow', offset: undefined };
    }
    const offset = this.accept('UNBOUNDED') ? undefined : this.parseExpression();
    const preceding = this.accept('PRECEDING');
    if (!preceding && !this.accept('FOLLOWING')) throw this.expected('PRECEDING', 'FOLLOWING');
    const side = preceding ? 'Preceding' : 'Following';
    const bound = offset === undefined ? (`unbounded${side}` as const) : preceding ? 'preceding' : 'following';
    return { kind: 'windowFrameBound', start, end: this.previousEnd, bound, offset };
  }
}

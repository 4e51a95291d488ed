/** Pipe operators: `|> WHERE …` and so on. See ast/pipe.ts. */
import type { PipeAggregate, PipeAggregateItem, PipeAssert, PipeCall, PipeJoin, PipeOperator, PipeRename, PipeSet, PipeSetOperation } from '../ast/pipe.ts';
import type { GroupBy, Query, SelectItem } from '../ast/query.ts';
import { TokenKind } from '../lex/lexer.ts';
import { QueryParser } from './queries.ts';

export abstract class PipeParser extends QueryParser {
  protected parsePipeOperators(): PipeOperator[] {
    const operators: PipeOperator[] = [];
    while (this.word === '|>') {
      const start = this.start;
      this.advance();
      operators.push(this.parsePipeOperator(start));
    }
    return operators;
  }

  private parsePipeOperator(start: number): PipeOperator {
    switch (this.word) {
      case 'SELECT': {
        const select = this.parsePipeSelect();
        return { kind: 'pipeSelect', start, end: this.previousEnd, select };
      }
      case 'EXTEND': {
        this.advance();
        const items = this.parseSelectItems();
        const windows = this.is('WINDOW') ? this.parseWindows() : [];
        return { kind: 'pipeExtend', start, end: this.previousEnd, items, windows };
      }
      case 'SET': return this.parsePipeSet(start);
      case 'DROP': {
        this.advance();
        const columns = this.parseListWithTrailingComma(() => this.parseIdentifier());
        return { kind: 'pipeDrop', start, end: this.previousEnd, columns };
      }
      case 'RENAME': return this.parsePipeRename(start);
      case 'AS': {
        this.advance();
        const alias = this.parseIdentifier();
        return { kind: 'pipeAs', start, end: this.previousEnd, alias };
      }
      case 'WHERE': {
        this.advance();
        const condition = this.parseExpression();
        return { kind: 'pipeWhere', start, end: this.previousEnd, condition };
      }
      case 'AGGREGATE': return this.parsePipeAggregate(start);
      case 'DISTINCT':
        this.advance();
        return { kind: 'pipeDistinct', start, end: this.previousEnd };
      case 'ORDER': {
        this.advance();
        const hint = this.parseHintIfPresent();
        this.expect('BY');
        const items = this.parseOrderItems();
        return { kind: 'pipeOrderBy', start, end: this.previousEnd, hint, items };
      }
      case 'LIMIT': {
        const limit = this.parseLimit();
        return { kind: 'pipeLimit', start, end: this.previousEnd, limit };
      }
      default: return this.parseOtherPipeOperator(start);
    }
  }

  private parseOtherPipeOperator(start: number): PipeOperator {
    switch (this.word) {
      case 'CALL': return this.parsePipeCall(start);
      case 'TABLESAMPLE': {
        const sample = this.parseSample();
        return { kind: 'pipeTableSample', start, end: this.previousEnd, sample };
      }
      case 'PIVOT': {
        const pivot = this.parsePivot();
        return { kind: 'pipePivot', start, end: this.previousEnd, pivot };
      }
      case 'UNPIVOT': {
        const unpivot = this.parseUnpivot();
        return { kind: 'pipeUnpivot', start, end: this.previousEnd, unpivot };
      }
      case 'WINDOW': {
        this.advance();
        const items: SelectItem[] = this.parseSelectItems();
        return { kind: 'pipeWindow', start, end: this.previousEnd, items };
      }
      case 'ASSERT': return this.parsePipeAssert(start);
      case 'WITH': {
        const clause = this.parseWithClause();
        return { kind: 'pipeWith', start, end: this.previousEnd, clause };
      }
      case 'STATIC_DESCRIBE':
        this.advance();
        return { kind: 'pipeStaticDescribe', start, end: this.previousEnd };
      default: return this.parsePipeSetOperation(start) ?? this.parsePipeJoin(start);
    }
  }

  private parseListWithTrailingComma<T>(parse: () => T): T[] {
    const items = [parse()];
    while (this.accept(',')) {
      if (this.word === '|>' || this.word === ')' || this.kind === TokenKind.end) break;
      items.push(parse());
    }
    return items;
  }

  private parsePipeSet(start: number): PipeSet {
    this.advance();
    const items = this.parseListWithTrailingComma(() => {
      const column = this.parseIdentifier();
      this.expect('=');
      const value = this.parseExpression();
      return { kind: 'pipeSetItem' as const, start: column.start, end: this.previousEnd, column, value };
    });
    return { kind: 'pipeSet', start, end: this.previousEnd, items };
  }

  private parsePipeRename(start: number): PipeRename {
    this.advance();
    const items = this.parseListWithTrailingComma(() => {
      const from = this.parseIdentifier();
      this.accept('AS');
      const to = this.parseIdentifier();
      return { kind: 'pipeRenameItem' as const, start: from.start, end: this.previousEnd, from, to };
    });
    return { kind: 'pipeRename', start, end: this.previousEnd, items };
  }

  private parsePipeAggregate(start: number): PipeAggregate {
    this.advance();
    const hint = this.parseHintIfPresent();
    const items: PipeAggregateItem[] = [];
    while (this.word !== 'GROUP' && this.word !== '|>' && this.word !== ')' && this.word !== ';' && this.kind !== TokenKind.end) {
      items.push(this.parsePipeAggregateItem());
      if (!this.accept(',')) break;
    }
    const groupAndOrder = this.word === 'GROUP' && this.wordAt(1) === 'AND';
    const groupBy = this.word === 'GROUP' ? this.parsePipeGroupBy() : undefined;
    return { kind: 'pipeAggregate', start, end: this.previousEnd, hint, items, groupBy, groupAndOrder };
  }

  private parsePipeGroupBy(): GroupBy {
    if (this.wordAt(1) !== 'AND') return this.parseGroupBy(true);
    const start = this.start;
    this.advance();
    const hint = this.parseHintIfPresent();
    this.expect('AND');
    this.expect('ORDER');
    this.expect('BY');
    return this.parseGroupByItems(start, hint, true);
  }

  private parsePipeAggregateItem(): PipeAggregateItem {
    const start = this.start;
    const expression = this.parseExpression();
    const alias = this.accept('AS') ? this.parseIdentifier() : this.isIdentifier() ? this.takeIdentifier() : undefined;
    const order = this.parsePipeItemOrder();
    return { kind: 'pipeAggregateItem', start, end: this.previousEnd, expression, alias, order };
  }

  private parsePipeJoin(start: number): PipeJoin {
    const head = this.parseJoinHead(false);
    if (head === undefined) throw this.unexpected();
    const right = this.parseTable();
    const condition = this.parseJoinConditionIfPresent();
    const { type, method, hint } = head;
    return { kind: 'pipeJoin', start, end: this.previousEnd, type, method, hint, right, condition };
  }

  private parsePipeSetOperation(start: number): PipeSetOperation | undefined {
    const head = this.parseSetOperator();
    if (head === undefined) return undefined;
    const operands: Query[] = [];
    do {
      this.expect('(');
      operands.push(this.parseQuery());
      this.expect(')');
    } while (this.word === ',' && this.wordAt(1) === '(' && this.accept(','));
    const { operator, quantifier, hint, matching } = head;
    return { kind: 'pipeSetOperation', start, end: this.previousEnd, operator, quantifier, hint, matching, operands };
  }

  private parsePipeCall(start: number): PipeCall {
    this.advance();
    const name = this.parsePath();
    this.expect('(');
    const args = this.parseArguments(true);
    this.expect(')');
    const hint = this.parseHintIfPresent();
    const alias = this.parseAliasIfPresent();
    return { kind: 'pipeCall', start, end: this.previousEnd, name, args, hint, alias };
  }

  private parsePipeAssert(start: number): PipeAssert {
    this.advance();
    const condition = this.parseExpression();
    const payload: PipeAssert['payload'][number][] = [];
    while (this.accept(',')) payload.push(this.parseExpression());
    return { kind: 'pipeAssert', start, end: this.previousEnd, condition, payload };
  }
}

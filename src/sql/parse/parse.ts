/**
 * Entry points of the parser: a text to a syntax tree, or a TrestleError INVALID_ARGUMENT. Nothing else is ever thrown.
 *
 * A statement may end with one semicolon, except a schema statement, where Spanner does not allow it; split.ts separates several.
 */
import { invalidArgument } from '../../base/errors.ts';
import type { DdlStatement } from '../ast/ddl.ts';
import type { Expression } from '../ast/expressions.ts';
import type { GraphPattern } from '../ast/graph.ts';
import type { Call, Query } from '../ast/query.ts';
import type { Statement } from '../ast/statement.ts';
import type { TypeName } from '../ast/types.ts';
import { tokenize } from '../lex/lexer.ts';
import { DdlParser } from './ddl.ts';
import { MAX_DDL_LENGTH, MAX_STATEMENT_LENGTH } from './limits.ts';

/** Statements of GoogleSQL that Spanner does not have, by their first words. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['EXPLAIN', 'ExplainStatement'], ['BEGIN', 'BeginStatement'], ['COMMIT', 'CommitStatement'], ['ROLLBACK', 'RollbackStatement'], ['SHOW', 'ShowStatement'],
  ['DESCRIBE', 'DescribeStatement'], ['DESC', 'DescribeStatement'], ['ASSERT', 'AssertStatement'], ['EXPORT', 'ExportDataStatement'], ['DEFINE', 'DefineTableStatement'],
  ['IMPORT', 'ImportStatement'], ['MODULE', 'ModuleStatement'], ['EXECUTE', 'ExecuteImmediateStatement'], ['LOAD', 'AuxLoadDataStmt'], ['MERGE', 'MergeStatement'],
  ['TRUNCATE', 'TruncateStatement'], ['SET', 'SingleAssignment'], ['START TRANSACTION', 'BeginStatement'], ['START BATCH', 'StartBatchStatement'], ['RUN BATCH', 'RunBatchStatement'], ['ABORT BATCH', 'AbortBatchStatement'],
]);

class Parser extends DdlParser {
  statement(): Statement {
    const start = this.start;
    const hint = this.parseHintIfPresent();
    const statement = this.parseAnyStatement(hint, start);
    this.accept(';');
    this.expectEnd();
    return statement;
  }

  private parseAnyStatement(hint: ReturnType<Parser['parseHintIfPresent']>, start: number): Statement {
    if (this.startsQuery() || this.word === '(') {
      const query = this.parseQuery();
      return { kind: 'queryStatement', start, end: this.previousEnd, hint, query };
    }
    if (this.startsDml()) return this.parseDml(hint, start);
    if (hint === undefined && this.word === 'CALL') return this.parseCallStatement(start);
    if (hint === undefined && this.startsDdl()) return this.parseDdlStatement();
    const other = hint === undefined ? this.unsupportedStatement() : undefined;
    throw other === undefined ? this.unexpected() : this.errorAt(start, `Statement not supported: ${other}`);
  }

  /** GoogleSQL's name for a statement that Spanner does not have, told by how it begins. */
  private unsupportedStatement(): string | undefined {
    const [first = '', second = ''] = this.text.slice(this.start).toUpperCase().split(/\s+/, 2);
    return first === 'SET' && second.startsWith('@@') ? 'SystemVariableAssignment' : (UNSUPPORTED.get(`${first} ${second}`) ?? UNSUPPORTED.get(first));
  }

  private parseCallStatement(start: number): Call {
    this.advance();
    const procedure = this.parsePath();
    this.expect('(');
    const args = this.parseArguments(true);
    this.expect(')');
    return { kind: 'call', start, end: this.previousEnd, procedure, args };
  }

  query(): Query {
    const query = this.parseQuery();
    this.accept(';');
    this.expectEnd();
    return query;
  }

  expression(): Expression {
    const expression = this.parseExpression();
    this.expectEnd();
    return expression;
  }

  type(): TypeName {
    const type = this.parseType();
    this.expectEnd();
    return type;
  }

  graphPattern(): GraphPattern {
    const pattern = this.parseGraphPattern();
    this.expectEnd();
    return pattern;
  }

  ddl(): DdlStatement {
    const statement = this.parseDdlStatement();
    this.expectEnd();
    return statement;
  }
}

function checkLength(text: string, limit: number, what: string): void {
  if (text.length > limit) throw invalidArgument(`${what} is too long: ${text.length} characters, the limit is ${limit}`);
}

/** A query, DML, CALL or schema statement. */
export function parseStatement(text: string): Statement {
  checkLength(text, MAX_STATEMENT_LENGTH, 'Statement');
  return new Parser(tokenize(text), 'statement', false).statement();
}

/** A query alone, without a statement hint. */
export function parseQuery(text: string): Query {
  checkLength(text, MAX_STATEMENT_LENGTH, 'Query');
  return new Parser(tokenize(text), 'statement', false).query();
}

/** One expression. */
export function parseExpression(text: string): Expression {
  checkLength(text, MAX_STATEMENT_LENGTH, 'Expression');
  return new Parser(tokenize(text), 'expression', false).expression();
}

/** A type's name, as in CAST. */
export function parseType(text: string): TypeName {
  checkLength(text, MAX_STATEMENT_LENGTH, 'Type');
  return new Parser(tokenize(text), 'expression', false).type();
}

/** A graph pattern, as in MATCH. */
export function parseGraphPattern(text: string): GraphPattern {
  checkLength(text, MAX_STATEMENT_LENGTH, 'Pattern');
  return new Parser(tokenize(text), 'statement', false).graphPattern();
}

/** A schema statement. Errors have the style of Spanner's schema parser. */
export function parseDdl(text: string): DdlStatement {
  checkLength(text, MAX_DDL_LENGTH, 'DDL statement');
  const tokens = tokenize(text);
  if (tokens.kinds.length === 1) throw invalidArgument('DDL statement is empty.');
  return new Parser(tokens, 'statement', true).ddl();
}

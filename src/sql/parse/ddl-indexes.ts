/** CREATE and ALTER of indexes, search indexes and vector indexes. See ast/ddl-table.ts. */
import type { AlterIndex, AlterIndexAction, CreateIndex, CreateSearchIndex, CreateVectorIndex, KeyPart, ParenthesisedExpression } from '../ast/ddl-table.ts';
import type { Expression } from '../ast/expressions.ts';
import type { Path } from '../ast/node.ts';
import { DdlTableParser } from './ddl-tables.ts';

export abstract class DdlIndexParser extends DdlTableParser {
  /** After CREATE, at UNIQUE, NULL_FILTERED or INDEX. */
  protected parseCreateIndex(start: number): CreateIndex {
    const unique = this.accept('UNIQUE');
    const nullFiltered = this.accept('NULL_FILTERED');
    this.expect('INDEX');
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    this.expect('ON');
    const table = this.parsePath();
    const keys = this.parseKey();
    const storing = this.accept('STORING') ? this.parseColumnNames() : [];
    const where = this.parseIndexWhere();
    const interleaveIn = this.parseInterleaveIn();
    const options = this.parseIndexOptions();
    return { kind: 'createIndex', start, end: this.previousEnd, unique, nullFiltered, ifNotExists, name, table, keys, storing, where, interleaveIn, options };
  }

  /** After CREATE SEARCH INDEX. */
  protected parseCreateSearchIndex(start: number): CreateSearchIndex {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    this.expect('ON');
    const table = this.parsePath();
    const tokens = this.parseKey();
    const storing = this.accept('STORING') ? this.parseColumnNames() : [];
    const partitionBy = this.parseByList('PARTITION');
    const orderBy = this.parseByList('ORDER');
    const where = this.parseIndexWhere();
    const interleaveIn = this.parseInterleaveIn();
    const options = this.parseIndexOptions();
    return { kind: 'createSearchIndex', start, end: this.previousEnd, ifNotExists, name, table, tokens, storing, partitionBy, orderBy, where, interleaveIn, options };
  }

  /** After CREATE VECTOR INDEX. */
  protected parseCreateVectorIndex(start: number): CreateVectorIndex {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    this.expect('ON');
    const table = this.parsePath();
    const columns = this.parseKey();
    const storing = this.accept('STORING') ? this.parseColumnNames() : [];
    const partitionBy = this.parseByList('PARTITION');
    const where = this.parseIndexWhere();
    const options = this.parseIndexOptions();
    return { kind: 'createVectorIndex', start, end: this.previousEnd, ifNotExists, name, table, columns, storing, partitionBy, where, options };
  }

  private parseByList(word: 'PARTITION' | 'ORDER'): KeyPart[] {
    if (!this.accept(word)) return [];
    this.expect('BY');
    const parts = [this.parseKeyPart()];
    // A comma may belong to the INTERLEAVE clause instead.
    while (this.word === ',' && !(this.wordAt(1) === 'INTERLEAVE' && this.wordAt(2) === 'IN')) {
      this.advance();
      parts.push(this.parseKeyPart());
    }
    return parts;
  }

  /** `WHERE a IS NOT NULL AND b IS NOT NULL`: nothing else is possible. */
  private parseIndexWhere(): ParenthesisedExpression | undefined {
    if (!this.accept('WHERE')) return undefined;
    const start = this.start;
    const operands = [this.parseNotNull()];
    while (this.accept('AND')) operands.push(this.parseNotNull());
    const end = this.previousEnd;
    const [only] = operands;
    const expression: Expression = only !== undefined && operands.length === 1 ? only : { kind: 'and', start, end, operands };
    return { kind: 'parenthesisedExpression', start, end, expression, text: this.text.slice(start, end) };
  }

  private parseNotNull(): Expression {
    const path = this.parsePath();
    this.expect('IS');
    this.expect('NOT');
    this.expect('NULL');
    const operand: Expression = { ...path, kind: 'pathExpression' };
    return { kind: 'is', start: path.start, end: this.previousEnd, negated: true, operand, test: 'null' };
  }

  private parseInterleaveIn(): Path | undefined {
    if (!(this.word === ',' && this.wordAt(1) === 'INTERLEAVE')) return undefined;
    this.accept2(',', 'INTERLEAVE');
    this.expect('IN');
    return this.parsePath();
  }

  private parseIndexOptions(): CreateIndex['options'] {
    if (this.word === ',' && this.wordAt(1) === 'OPTIONS') this.advance();
    return this.parseOptionsIfPresent();
  }

  /** After ALTER INDEX, ALTER SEARCH INDEX or ALTER VECTOR INDEX. */
  protected parseAlterIndex(indexType: AlterIndex['indexType'], start: number): AlterIndex {
    const ifExists = this.parseIfExists();
    const name = this.parsePath();
    const action = this.parseAlterIndexAction();
    return { kind: 'alterIndex', start, end: this.previousEnd, indexType, ifExists, name, action };
  }

  private parseAlterIndexAction(): AlterIndexAction {
    const start = this.start;
    switch (this.word) {
      case 'ADD': case 'DROP': {
        const kind = this.word === 'ADD' ? 'addStoredColumn' : 'dropStoredColumn';
        this.advance();
        this.expect('STORED');
        this.expect('COLUMN');
        const column = this.parseIdentifier();
        return { kind, start, end: this.previousEnd, column };
      }
      case 'SET': {
        this.advance();
        const options = this.parseOptions();
        return { kind: 'setOptions', start, end: this.previousEnd, options };
      }
      default: throw this.unexpected('alter_index_statement');
    }
  }
}

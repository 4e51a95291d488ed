/** PIVOT and UNPIVOT, which Spanner does not have: read so that the analyser can name them. */
import type { Pivot, PivotClause, SelectExpression, Unpivot, UnpivotInput } from '../ast/query.ts';
import type { Identifier, Path } from '../ast/node.ts';
import { FromParser } from './from.ts';

export abstract class PivotParser extends FromParser {
  protected parsePivotIfPresent(): PivotClause | undefined {
    switch (this.word) {
      case 'PIVOT': return this.wordAt(1) === '(' ? this.parsePivot() : undefined;
      case 'UNPIVOT': {
        const next = this.wordAt(1);
        return next === '(' || next === 'INCLUDE' || next === 'EXCLUDE' ? this.parseUnpivot() : undefined;
      }
      default: return undefined;
    }
  }

  protected parsePivot(): Pivot {
    const start = this.start;
    this.advance();
    this.expect('(');
    const aggregates = this.parseAliasedList();
    this.expect('FOR');
    const input = this.parsePostfix();
    this.expect('IN');
    this.expect('(');
    const values = this.parseAliasedList();
    this.expect(')');
    this.expect(')');
    const alias = this.parseAliasIfPresent();
    return { kind: 'pivot', start, end: this.previousEnd, aggregates, input, values, alias };
  }

  private parseAliasedList(): SelectExpression[] {
    const items: SelectExpression[] = [];
    do {
      const start = this.start;
      const expression = this.parseExpression();
      const alias = this.parseAliasIfPresent();
      items.push({ kind: 'selectExpression', start, end: this.previousEnd, expression, alias });
    } while (this.accept(','));
    return items;
  }

  protected parseUnpivot(): Unpivot {
    const start = this.start;
    this.advance();
    let includeNulls: boolean | undefined;
    if (this.word === 'INCLUDE' || this.word === 'EXCLUDE') {
      includeNulls = this.word === 'INCLUDE';
      this.advance();
      this.expect('NULLS');
    }
    this.expect('(');
    const valueColumns: Identifier[] = this.is('(') ? this.parseIdentifierList() : [this.parseIdentifier()];
    this.expect('FOR');
    const nameColumn = this.parseIdentifier();
    this.expect('IN');
    this.expect('(');
    const inputs = [this.parseUnpivotInput()];
    while (this.accept(',')) inputs.push(this.parseUnpivotInput());
    this.expect(')');
    this.expect(')');
    const alias = this.parseAliasIfPresent();
    return { kind: 'unpivot', start, end: this.previousEnd, includeNulls, valueColumns, nameColumn, inputs, alias };
  }

  private parseUnpivotInput(): UnpivotInput {
    const start = this.start;
    let columns: Path[];
    if (this.accept('(')) {
      columns = this.parsePathsSeparatedByCommas();
      this.expect(')');
    } else {
      columns = [this.parsePath()];
    }
    const label = this.accept('AS') ? this.parsePostfix() : undefined;
    return { kind: 'unpivotInput', start, end: this.previousEnd, columns, label };
  }
}

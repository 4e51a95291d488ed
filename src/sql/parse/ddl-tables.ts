/** CREATE TABLE, ALTER TABLE, RENAME TABLE. See ast/ddl-table.ts. */
import type {
  AlterColumnChange, AlterTable, AlterTableAction, CheckConstraint, ColumnDefinition, CreateTable, ForeignKey, Interleave, KeyPart, RenameTable,
  RowDeletionPolicy, TableConstraint, TableRename,
} from '../ast/ddl-table.ts';
import type { OptionEntry } from '../ast/ddl.ts';
import type { Identifier, Path } from '../ast/node.ts';
import { TokenKind } from '../lex/lexer.ts';
import { DdlPartParser } from './ddl-parts.ts';

const nameOf = (path: Path): string => path.parts.map((part) => part.name).join('.');

export abstract class DdlTableParser extends DdlPartParser {
  /** After CREATE TABLE. */
  protected parseCreateTable(start: number): CreateTable {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    const columns: ColumnDefinition[] = [];
    const constraints: TableConstraint[] = [];
    const synonyms: Path[] = [];
    let primaryKey: KeyPart[] | undefined;
    this.expect('(');
    while (this.word !== ')') {
      if (this.word === 'SYNONYM' && this.wordAt(1) === '(') synonyms.push(this.parseSynonym());
      else if (this.word === 'PRIMARY' && this.wordAt(1) === 'KEY' && primaryKey === undefined) primaryKey = this.parsePrimaryKey();
      else if (this.startsConstraint()) constraints.push(this.parseConstraint(nameOf(name)));
      else if (this.isIdentifier()) columns.push(this.parseColumn(nameOf(name)));
      else break;
      if (!this.accept(',')) break;
    }
    this.expect(')');
    if (this.word === 'PRIMARY') {
      if (primaryKey !== undefined) throw this.ddlFailure('Can only specify PRIMARY KEY once.');
      primaryKey = this.parsePrimaryKey();
    }
    const tail = this.parseTableTail();
    if (primaryKey === undefined && !columns.some((column) => column.primaryKey)) {
      throw this.ddlFailure('Must specify either table or column PRIMARY KEY');
    }
    return { kind: 'createTable', start, end: this.previousEnd, ifNotExists, name, columns, constraints, synonyms, primaryKey, ...tail };
  }

  private parsePrimaryKey(): KeyPart[] {
    this.expect('PRIMARY');
    this.expect('KEY');
    return this.parseKey();
  }

  private parseTableTail(): Pick<CreateTable, 'interleave' | 'rowDeletionPolicy' | 'options'> {
    let interleave: Interleave | undefined;
    let rowDeletionPolicy: RowDeletionPolicy | undefined;
    let options: OptionEntry[] = [];
    for (;;) {
      const comma = this.word === ',' ? 1 : 0;
      const next = this.wordAt(comma);
      const fits = (next === 'INTERLEAVE' && interleave === undefined) || (next === 'ROW' && rowDeletionPolicy === undefined) || (next === 'OPTIONS' && options.length === 0);
      if (!fits) break;
      if (comma === 1) this.advance();
      if (next === 'INTERLEAVE') interleave = this.parseInterleave();
      else if (next === 'ROW') rowDeletionPolicy = this.parseRowDeletionPolicy();
      else options = this.parseOptions();
    }
    return { interleave, rowDeletionPolicy, options };
  }

  private parseInterleave(): Interleave {
    const start = this.start;
    this.expect('INTERLEAVE');
    this.expect('IN');
    const inParent = this.word === 'PARENT' && this.isIdentifier(1) && this.accept('PARENT');
    const parent = this.parsePath();
    const onDelete = this.parseOnDelete();
    return { kind: 'interleave', start, end: this.previousEnd, inParent, parent, onDelete };
  }

  private parseOnDelete(): 'cascade' | 'noAction' | undefined {
    if (this.word !== 'ON' || this.wordAt(1) !== 'DELETE') return undefined;
    this.accept2('ON', 'DELETE');
    if (this.accept('CASCADE')) return 'cascade';
    if (!this.accept('NO')) throw this.unexpected('on_delete_clause');
    this.expect('ACTION');
    return 'noAction';
  }

  private parseRowDeletionPolicy(): RowDeletionPolicy {
    const start = this.start;
    this.expect('ROW');
    this.expect('DELETION');
    this.expect('POLICY');
    this.expect('(');
    const name = this.parseIdentifier();
    this.expect('(');
    const column = this.parseIdentifier();
    this.expect(',');
    this.expect('INTERVAL');
    const days = this.parseSignedInteger();
    this.expect('DAY');
    this.expect(')');
    this.expect(')');
    return { kind: 'rowDeletionPolicy', start, end: this.previousEnd, function: name, column, days };
  }

  private parseSynonym(): Path {
    this.accept2('SYNONYM', '(');
    const synonym = this.parsePath();
    this.expect(')');
    return synonym;
  }

  // ---- Constraints

  private startsConstraint(): boolean {
    switch (this.word) {
      case 'FOREIGN': return this.wordAt(1) === 'KEY';
      case 'CHECK': return this.wordAt(1) === '(';
      case 'CONSTRAINT': return this.isIdentifier(1) && (this.wordAt(2) === 'FOREIGN' || this.wordAt(2) === 'CHECK');
      default: return false;
    }
  }

  private parseConstraint(table: string): TableConstraint {
    const start = this.start;
    const name = this.accept('CONSTRAINT') ? this.parseIdentifier() : undefined;
    if (this.word === 'FOREIGN') return this.parseForeignKey(name, start);
    this.expect('CHECK');
    const shown = name?.name ?? '<unnamed>';
    const text = this.text.slice(this.end, this.endBefore(this.closeAfterParenthesis())).trim();
    const condition = this.parseKeptExpression(`Error parsing expression '${text}' from check constraint '${shown}' in table '${table}': `);
    return { kind: 'checkConstraint', start, end: this.previousEnd, name, condition } satisfies CheckConstraint;
  }

  /** The index of the parenthesis that closes the current one. */
  private closeAfterParenthesis(): number {
    if (this.word !== '(') return this.at + 1;
    this.at++;
    const close = this.closingParenthesis();
    this.at--;
    return close;
  }

  private parseForeignKey(name: Identifier | undefined, start: number): ForeignKey {
    this.expect('FOREIGN');
    this.expect('KEY');
    const columns = this.parseIdentifierList();
    this.expect('REFERENCES');
    const referencedTable = this.parsePath();
    const referencedColumns = this.parseIdentifierList();
    const onDelete = this.parseOnDelete();
    const enforced = this.parseEnforcement();
    return { kind: 'foreignKey', start, end: this.previousEnd, name, columns, referencedTable, referencedColumns, onDelete, enforced };
  }

  private parseEnforcement(): boolean | undefined {
    if (this.accept('ENFORCED')) return true;
    return this.accept2('NOT', 'ENFORCED') ? false : undefined;
  }

  // ---- ALTER TABLE

  /** After ALTER TABLE. */
  protected parseAlterTable(start: number): AlterTable {
    const ifExists = this.parseIfExists();
    const name = this.parsePath();
    const action = this.parseAlterTableAction(nameOf(name));
    return { kind: 'alterTable', start, end: this.previousEnd, ifExists, name, action };
  }

  private parseAlterTableAction(table: string): AlterTableAction {
    const start = this.start;
    switch (this.word) {
      case 'ADD':
        this.advance();
        return this.parseAdd(table, start);
      case 'DROP':
        this.advance();
        return this.parseDropFromTable(start);
      case 'ALTER':
        this.advance();
        return this.parseAlterInTable(table, start);
      case 'SET':
        this.advance();
        return this.parseSetOnTable(start);
      case 'REPLACE': {
        this.advance();
        const ifExists = this.parseIfExists();
        const policy = this.parseRowDeletionPolicy();
        return { kind: 'replaceRowDeletionPolicy', start, end: this.previousEnd, ifExists, policy };
      }
      case 'RENAME': return this.parseRenameTo(start);
      default: throw this.unexpected('alter_table_statement');
    }
  }

  private parseAdd(table: string, start: number): AlterTableAction {
    const next = this.wordAt(1);
    if (this.word === 'ROW' && next === 'DELETION') {
      const policy = this.parseRowDeletionPolicy();
      return { kind: 'addRowDeletionPolicy', start, end: this.previousEnd, ifNotExists: false, policy };
    }
    if (this.word === 'SYNONYM' && this.isIdentifier(1) && this.kindAt(2) === TokenKind.end) {
      this.advance();
      const synonym = this.parsePath();
      return { kind: 'addSynonym', start, end: this.previousEnd, synonym };
    }
    if (this.startsConstraint()) {
      const constraint = this.parseConstraint(table);
      return { kind: 'addConstraint', start, end: this.previousEnd, ifNotExists: false, constraint };
    }
    if (this.word === 'COLUMN' && (this.isIdentifier(1) || next === 'IF' || this.kindAt(1) === TokenKind.end)) this.advance();
    const ifNotExists = this.parseIfNotExists();
    const column = this.parseColumn(table);
    return { kind: 'addColumn', start, end: this.previousEnd, ifNotExists, column };
  }

  private parseDropFromTable(start: number): AlterTableAction {
    if (this.word === 'CONSTRAINT' && (this.isIdentifier(1) || this.wordAt(1) === 'IF')) {
      this.advance();
      const ifExists = this.parseIfExists();
      const constraint = this.parseIdentifier();
      return { kind: 'dropConstraint', start, end: this.previousEnd, ifExists, constraint };
    }
    if (this.word === 'ROW' && this.wordAt(1) === 'DELETION') {
      this.accept2('ROW', 'DELETION');
      this.expect('POLICY');
      return { kind: 'dropRowDeletionPolicy', start, end: this.previousEnd, ifExists: false };
    }
    if (this.word === 'SYNONYM' && this.isIdentifier(1)) {
      this.advance();
      const synonym = this.parsePath();
      return { kind: 'dropSynonym', start, end: this.previousEnd, synonym };
    }
    if (this.word === 'COLUMN' && (this.isIdentifier(1) || this.wordAt(1) === 'IF')) this.advance();
    const ifExists = this.parseIfExists();
    const column = this.parseIdentifier();
    return { kind: 'dropColumn', start, end: this.previousEnd, ifExists, column };
  }

  private parseAlterInTable(table: string, start: number): AlterTableAction {
    if (this.word === 'CONSTRAINT' && this.isIdentifier(1) && (this.wordAt(2) === 'ENFORCED' || this.wordAt(2) === 'NOT')) {
      this.advance();
      const constraint = this.parseIdentifier();
      const enforced = this.parseEnforcement();
      if (enforced === undefined) throw this.unexpected('alter_table_statement');
      return { kind: 'alterConstraint', start, end: this.previousEnd, constraint, enforced };
    }
    if (this.word === 'COLUMN' && this.isIdentifier(1)) this.advance();
    const column = this.parseIdentifier();
    const change = this.parseColumnChange(`column \`${table}\`.\`${column.name}\`: `);
    return { kind: 'alterColumn', start, end: this.previousEnd, column, change };
  }

  private parseColumnChange(place: string): AlterColumnChange {
    const start = this.start;
    switch (this.word) {
      case 'SET':
        this.advance();
        return this.parseColumnSet(place, start);
      case 'DROP':
        this.advance();
        if (this.accept('DEFAULT')) return { kind: 'dropDefault', start, end: this.previousEnd };
        if (this.accept2('ON', 'UPDATE')) return { kind: 'dropOnUpdate', start, end: this.previousEnd };
        if (this.accept2('NOT', 'NULL')) return { kind: 'dropNotNull', start, end: this.previousEnd };
        throw this.unexpected('column_def_alter');
      case 'ALTER':
        if (this.wordAt(1) === 'IDENTITY') {
          this.accept2('ALTER', 'IDENTITY');
          return this.parseIdentityChange(start);
        }
        break;
      default:
    }
    const type = this.parseColumnType();
    const notNull = this.accept2('NOT', 'NULL');
    let value = this.parseColumnValue(place);
    const onUpdate = this.parseOnUpdate(place);
    value ??= this.parseColumnValue(place);
    return { kind: 'redefine', start, end: this.previousEnd, type, notNull, value, onUpdate };
  }

  private parseColumnSet(place: string, start: number): AlterColumnChange {
    switch (this.word) {
      case 'OPTIONS': {
        const options = this.parseOptions();
        return { kind: 'setOptions', start, end: this.previousEnd, options };
      }
      case 'DEFAULT': {
        this.advance();
        const expression = this.parseKeptExpression(`Error parsing the default value of ${place}`);
        return { kind: 'setDefault', start, end: this.previousEnd, expression };
      }
      case 'NOT':
        this.advance();
        this.expect('NULL');
        return { kind: 'setNotNull', start, end: this.previousEnd };
      default: {
        const expression = this.parseOnUpdate(place);
        if (expression === undefined) throw this.unexpected('column_def_alter');
        return { kind: 'setOnUpdate', start, end: this.previousEnd, expression };
      }
    }
  }

  private parseIdentityChange(start: number): AlterColumnChange {
    if (this.accept('RESTART')) {
      this.expect('COUNTER');
      this.expect('WITH');
      const value = this.parseSignedInteger();
      return { kind: 'restartCounter', start, end: this.previousEnd, value };
    }
    this.expect('SET');
    if (this.accept('NO')) {
      this.expect('SKIP');
      this.expect('RANGE');
      return { kind: 'setNoSkipRange', start, end: this.previousEnd };
    }
    const { min, max } = this.parseSkipRange();
    return { kind: 'setSkipRange', start, end: this.previousEnd, min, max };
  }

  private parseSetOnTable(start: number): AlterTableAction {
    switch (this.word) {
      case 'ON': {
        const onDelete = this.parseOnDelete();
        if (onDelete === undefined) throw this.unexpected('on_delete_clause');
        return { kind: 'setOnDelete', start, end: this.previousEnd, onDelete };
      }
      case 'INTERLEAVE': {
        const interleave = this.parseInterleave();
        return { kind: 'setInterleave', start, end: this.previousEnd, interleave };
      }
      case 'OPTIONS': {
        const options = this.parseOptions();
        return { kind: 'setOptions', start, end: this.previousEnd, options };
      }
      default: throw this.unexpected('alter_table_statement');
    }
  }

  private parseRenameTo(start: number): AlterTableAction {
    this.advance();
    this.expect('TO');
    const name = this.parsePath();
    let addSynonym: Path | undefined;
    if (this.accept(',')) {
      this.expect('ADD');
      this.expect('SYNONYM');
      addSynonym = this.parsePath();
    }
    return { kind: 'renameTo', start, end: this.previousEnd, name, addSynonym };
  }

  /** After RENAME TABLE. */
  protected parseRenameTable(start: number): RenameTable {
    const renames: TableRename[] = [];
    do {
      const from = this.parsePath();
      this.expect('TO');
      const to = this.parsePath();
      renames.push({ kind: 'tableRename', start: from.start, end: this.previousEnd, from, to });
    } while (this.accept(','));
    return { kind: 'renameTable', start, end: this.previousEnd, renames };
  }
}

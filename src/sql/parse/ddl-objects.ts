/** Views, schemas, sequences, change streams, functions, models, proto bundles, placements, locality groups. See ast/ddl.ts. */
import type {
  AlterChangeStream, AlterChangeStreamAction, AlterProtoBundle, AlterSequence, AlterSequenceAction, ChangeStreamWatch, CreateChangeStream,
  CreateFunction, CreateModel, CreateSequence, CreateView, FunctionParameter, WatchedTable,
} from '../ast/ddl.ts';
import type { ColumnDefinition } from '../ast/ddl-table.ts';
import type { Identifier, Path } from '../ast/node.ts';
import { TokenKind } from '../lex/lexer.ts';
import { DdlGraphParser } from './ddl-graphs.ts';

const quoted = (path: Path): string => path.parts.map((part) => `\`${part.name}\``).join('.');

export abstract class DdlObjectParser extends DdlGraphParser {
  // ---- Views

  /** After CREATE [OR REPLACE] VIEW. */
  protected parseCreateView(start: number, orReplace: boolean): CreateView {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    const security = this.parseSecurityIfPresent();
    this.expect('AS');
    // Positions in messages are those of the statement in its normal form, which is what the emulator shows.
    const clause = security === undefined ? '' : ` SQL SECURITY ${security.toUpperCase()}`;
    const head = `CREATE ${orReplace ? 'OR REPLACE ' : ''}VIEW ${quoted(name)}${clause} AS `;
    const text = head + this.text.slice(this.start).trimEnd();
    const place = { prefix: `Error parsing the definition of view \`${name.parts.map((part) => part.name).join('.')}\`: `, text, offset: this.start - head.length, textKind: 'statement' as const };
    const query = this.within(this.lastIndex, place, () => this.parseQuery());
    return { kind: 'createView', start, end: this.previousEnd, orReplace, ifNotExists, name, security, query };
  }

  private parseSecurityIfPresent(): 'invoker' | 'definer' | undefined {
    if (!this.accept('SQL')) return undefined;
    this.expect('SECURITY');
    if (this.kind === TokenKind.identifier && this.accept('INVOKER')) return 'invoker';
    if (this.kind === TokenKind.identifier && this.accept('DEFINER')) return 'definer';
    throw this.expected('INVOKER');
  }

  // ---- Sequences

  /** After CREATE SEQUENCE. */
  protected parseCreateSequence(start: number): CreateSequence {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    const parameters = [];
    for (let parameter = this.parseSequenceParameter(); parameter !== undefined; parameter = this.parseSequenceParameter()) parameters.push(parameter);
    const options = this.parseOptionsIfPresent();
    return { kind: 'createSequence', start, end: this.previousEnd, ifNotExists, name, parameters, options };
  }

  /** After ALTER SEQUENCE. */
  protected parseAlterSequence(start: number): AlterSequence {
    const ifExists = this.parseIfExists();
    const name = this.parsePath();
    const action = this.parseAlterSequenceAction();
    return { kind: 'alterSequence', start, end: this.previousEnd, ifExists, name, action };
  }

  private parseAlterSequenceAction(): AlterSequenceAction {
    const start = this.start;
    switch (this.word) {
      case 'SET': {
        this.advance();
        const options = this.parseOptions();
        return { kind: 'setOptions', start, end: this.previousEnd, options };
      }
      case 'SKIP': {
        const { min, max } = this.parseSkipRange();
        return { kind: 'skipRange', start, end: this.previousEnd, min, max };
      }
      case 'NO':
        this.advance();
        this.expect('SKIP');
        this.expect('RANGE');
        return { kind: 'noSkipRange', start, end: this.previousEnd };
      case 'RESTART': {
        this.advance();
        this.expect('COUNTER');
        this.expect('WITH');
        const value = this.parseSignedInteger();
        return { kind: 'restartCounter', start, end: this.previousEnd, value };
      }
      default: throw this.unexpected('alter_sequence_statement');
    }
  }

  // ---- Change streams

  /** After CREATE CHANGE STREAM. */
  protected parseCreateChangeStream(start: number): CreateChangeStream {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    const watch = this.accept('FOR') ? this.parseWatch() : undefined;
    const options = this.parseOptionsIfPresent();
    return { kind: 'createChangeStream', start, end: this.previousEnd, ifNotExists, name, watch, options };
  }

  private parseWatch(): ChangeStreamWatch {
    const start = this.start;
    if (this.accept('ALL')) return { kind: 'all', start, end: this.previousEnd };
    const tables: WatchedTable[] = [];
    do {
      const table = this.parsePath();
      const columns = this.word === '(' ? this.parseWatchedColumns() : undefined;
      tables.push({ kind: 'watchedTable', start: table.start, end: this.previousEnd, table, columns });
    } while (this.accept(','));
    return { kind: 'tables', start, end: this.previousEnd, tables };
  }

  private parseWatchedColumns(): Identifier[] {
    if (this.wordAt(1) === ')') {
      this.accept2('(', ')');
      return [];
    }
    return this.parseIdentifierList();
  }

  /** After ALTER CHANGE STREAM. */
  protected parseAlterChangeStream(start: number): AlterChangeStream {
    const ifExists = this.parseIfExists();
    const name = this.parsePath();
    const action = this.parseAlterChangeStreamAction();
    return { kind: 'alterChangeStream', start, end: this.previousEnd, ifExists, name, action };
  }

  private parseAlterChangeStreamAction(): AlterChangeStreamAction {
    const start = this.start;
    if (this.accept('SET')) {
      if (this.accept('FOR')) {
        const watch = this.parseWatch();
        return { kind: 'setFor', start, end: this.previousEnd, watch };
      }
      const options = this.parseOptions();
      return { kind: 'setOptions', start, end: this.previousEnd, options };
    }
    if (!this.accept('DROP')) throw this.unexpected('alter_change_stream_statement');
    this.expect('FOR');
    this.expect('ALL');
    return { kind: 'dropForAll', start, end: this.previousEnd };
  }

  // ---- Functions

  /** After CREATE [OR REPLACE] FUNCTION. */
  protected parseCreateFunction(start: number, orReplace: boolean): CreateFunction {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    const parameters = this.parseFunctionParameters();
    const returns = this.accept('RETURNS') ? this.parseType() : undefined;
    let determinism = this.parseDeterminism();
    let language: Identifier | undefined;
    let security: 'invoker' | 'definer' | undefined;
    let remote = false;
    for (;;) {
      const before = this.at;
      determinism ??= this.parseDeterminism();
      if (language === undefined && this.accept('LANGUAGE')) language = this.parseIdentifier();
      security ??= this.parseSecurityIfPresent();
      remote ||= this.accept('REMOTE');
      if (this.at === before) break;
    }
    let options = this.parseOptionsIfPresent();
    const body = this.accept('AS') ? this.parseFunctionBody(name) : undefined;
    if (options.length === 0) options = this.parseOptionsIfPresent();
    if (body === undefined && !remote && language === undefined) throw this.expected('AS');
    return {
      kind: 'createFunction', start, end: this.previousEnd, orReplace, ifNotExists, name, parameters, returns, determinism, language, security, remote, body, options,
    };
  }

  private parseFunctionBody(name: Path): CreateFunction['body'] {
    return this.parseKeptExpression(`Error parsing the definition of function \`${name.parts.map((part) => part.name).join('.')}\`: `).expression;
  }

  private parseFunctionParameters(): FunctionParameter[] {
    this.expect('(');
    const parameters: FunctionParameter[] = [];
    if (this.word !== ')') {
      do {
        const name = this.parseIdentifier();
        const type = this.parseType();
        const defaultValue = this.accept('DEFAULT') ? this.parseExpression() : undefined;
        parameters.push({ kind: 'functionParameter', start: name.start, end: this.previousEnd, name, type, defaultValue });
      } while (this.accept(','));
    }
    this.expect(')');
    return parameters;
  }

  private parseDeterminism(): CreateFunction['determinism'] {
    if (this.accept('DETERMINISTIC')) return 'deterministic';
    if (this.accept2('NOT', 'DETERMINISTIC')) return 'notDeterministic';
    if (this.accept('IMMUTABLE')) return 'immutable';
    if (this.accept('STABLE')) return 'stable';
    return this.accept('VOLATILE') ? 'volatile' : undefined;
  }

  // ---- Models

  /** After CREATE [OR REPLACE] MODEL. */
  protected parseCreateModel(start: number, orReplace: boolean): CreateModel {
    const ifNotExists = this.parseIfNotExists();
    const name = this.parsePath();
    const model = name.parts.map((part) => part.name).join('.');
    const hasColumns = this.accept('INPUT');
    const input = hasColumns ? this.parseModelColumns(model) : [];
    if (hasColumns) this.expect('OUTPUT');
    const output = hasColumns ? this.parseModelColumns(model) : [];
    const remote = this.accept('REMOTE');
    const options = this.parseOptionsIfPresent();
    return { kind: 'createModel', start, end: this.previousEnd, orReplace, ifNotExists, name, input, output, remote, options };
  }

  private parseModelColumns(model: string): ColumnDefinition[] {
    this.expect('(');
    const columns: ColumnDefinition[] = [];
    do {
      if (this.word === ')' && columns.length > 0) break;
      columns.push(this.parseColumn(model));
    } while (this.accept(','));
    this.expect(')');
    return columns;
  }

  // ---- Proto bundles

  /** `(a.b.C, d.E)`; possibly empty, a comma may end it. */
  protected parseProtoTypes(): Path[] {
    this.expect('(');
    const types: Path[] = [];
    while (this.word !== ')') {
      types.push(this.parsePath());
      if (!this.accept(',')) break;
    }
    this.expect(')');
    return types;
  }

  /** After ALTER PROTO BUNDLE. */
  protected parseAlterProtoBundle(start: number): AlterProtoBundle {
    const insert = this.accept('INSERT') ? this.parseProtoTypes() : [];
    const update = this.accept('UPDATE') ? this.parseProtoTypes() : [];
    const deleted = this.accept('DELETE') ? this.parseProtoTypes() : [];
    return { kind: 'alterProtoBundle', start, end: this.previousEnd, insert, update, delete: deleted };
  }
}

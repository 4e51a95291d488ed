/** Type names. See ast/types.ts. */
import type { Identifier } from '../ast/node.ts';
import type { ArrayType, StructType, StructTypeField, TypeName, TypeParameter } from '../ast/types.ts';
import { TokenKind } from '../lex/lexer.ts';
import { NameParser } from './names.ts';

export abstract class TypeParser extends NameParser {
  /** Whether STRING and BYTES must have a length, as the types of columns must. */
  private lengthRequired = false;

  /** The type of a column. */
  protected parseColumnType(): TypeName {
    this.lengthRequired = this.ddlErrors;
    const type = this.parseType();
    this.lengthRequired = false;
    return type;
  }

  protected parseType(): TypeName {
    this.enter();
    const type = this.parseTypeHere();
    this.leave();
    return type;
  }

  private parseTypeHere(): TypeName {
    const start = this.start;
    switch (this.word) {
      case 'ARRAY': return this.parseArrayType();
      case 'STRUCT': return this.parseStructType();
      case 'RANGE': {
        this.advance();
        this.expect('<');
        const element = this.parseType();
        this.expect('>');
        return { kind: 'rangeType', start, end: this.previousEnd, element };
      }
      case 'MAP':
        if (this.wordAt(1) === '<') return this.parseMapType();
        return this.parseSimpleType();
      case 'FUNCTION':
        if (this.wordAt(1) === '<') return this.parseFunctionType();
        return this.parseSimpleType();
      case 'ANY':
        if (this.wordAt(1) !== 'TYPE') throw this.unexpected('column_type');
        this.accept2('ANY', 'TYPE');
        return { kind: 'templatedType', start, end: this.previousEnd };
      case 'INTERVAL': {
        // A reserved word, and the name of a type.
        const name: Identifier = { kind: 'identifier', start, end: this.end, name: 'INTERVAL', quoted: false };
        this.advance();
        return { kind: 'simpleType', start, end: name.end, name: { kind: 'path', start, end: name.end, parts: [name] }, parameters: [] };
      }
      default: return this.parseSimpleType();
    }
  }

  private parseSimpleType(): TypeName {
    const start = this.start;
    if (!this.isIdentifier()) throw this.unexpected('column_type');
    const name = this.parsePath();
    const parameters: TypeParameter[] = [];
    const first = name.parts[0];
    if (this.lengthRequired && name.parts.length === 1 && first !== undefined && /^(string|bytes)$/i.test(first.name) && this.word !== '(') throw this.expected('(');
    if (this.accept('(')) {
      do parameters.push(this.parseTypeParameter());
      while (this.accept(','));
      this.expect(')');
    }
    return { kind: 'simpleType', start, end: this.previousEnd, name, parameters };
  }

  private parseTypeParameter(): TypeParameter {
    if (this.accept('MAX')) return { kind: 'max' };
    if (this.kind !== TokenKind.integer) throw this.unexpected('column_length');
    return { kind: 'length', value: Number(this.takeInteger()) };
  }

  protected parseArrayType(): ArrayType {
    const start = this.start;
    this.expect('ARRAY');
    this.expect('<');
    const element = this.parseType();
    this.expect('>');
    let vectorLength: number | undefined;
    if (this.word === '(' && this.wordAt(1) === 'VECTOR_LENGTH') {
      this.accept2('(', 'VECTOR_LENGTH');
      this.expect('=>');
      if (this.kind !== TokenKind.integer) throw this.unexpected('int_value');
      vectorLength = Number(this.takeInteger());
      this.expect(')');
    }
    return { kind: 'arrayType', start, end: this.previousEnd, element, vectorLength };
  }

  protected parseStructType(): StructType {
    const start = this.start;
    this.expect('STRUCT');
    const fields: StructTypeField[] = [];
    if (!this.accept('<>')) {
      this.expect('<');
      if (this.word !== '>') {
        do fields.push(this.parseStructTypeField());
        while (this.accept(','));
      }
      if (!this.accept('>')) throw this.expected('>', ',');
    }
    return { kind: 'structType', start, end: this.previousEnd, fields };
  }

  private parseStructTypeField(): StructTypeField {
    const start = this.start;
    // A field has a name when a type follows its first word.
    const next = this.wordAt(1);
    const named = this.isIdentifier() && (this.isIdentifier(1) || next === 'ARRAY' || next === 'STRUCT' || next === 'RANGE' || next === 'INTERVAL');
    const name = named ? this.takeIdentifier() : undefined;
    const type = this.parseType();
    return { kind: 'structTypeField', start, end: this.previousEnd, name, type };
  }

  private parseMapType(): TypeName {
    const start = this.start;
    this.accept2('MAP', '<');
    const key = this.parseType();
    this.expect(',');
    const value = this.parseType();
    this.expect('>');
    return { kind: 'mapType', start, end: this.previousEnd, key, value };
  }

  private parseFunctionType(): TypeName {
    const start = this.start;
    this.accept2('FUNCTION', '<');
    const parameters: TypeName[] = [];
    if (this.accept('(')) {
      if (this.word !== ')') {
        do parameters.push(this.parseType());
        while (this.accept(','));
      }
      this.expect(')');
    } else {
      parameters.push(this.parseType());
    }
    this.expect('->');
    const result = this.parseType();
    this.expect('>');
    return { kind: 'functionType', start, end: this.previousEnd, parameters, result };
  }
}

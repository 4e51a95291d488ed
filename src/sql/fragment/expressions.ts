/**
 * Bound expressions as bytes. Columns are positions in the fragment's row; what varies between runs, parameters and values
 * of enclosing queries, are slots that are filled in for each run. Functions go by name and by the number of the signature;
 * the reader checks all that it is told before an evaluator is made of it.
 */
import { CorruptBytes, type ByteReader, type ByteWriter } from '../../base/bytes.ts';
import type { CallArgumentExpr, Column, Expr, LetExpr } from '../bind/tree.ts';
import { resolveCast } from '../functions/cast.ts';
import { findFunction } from '../functions/catalogue.ts';
import type { ResolvedCall } from '../functions/resolve.ts';
import type { SqlType } from '../types/types.ts';
import { MAX_EXPRESSION_DEPTH } from './pushable.ts';
import { readOptionalType, readType, writeOptionalType, writeType } from './types.ts';
import { readValue, writeValue } from './values.ts';

const Tag = {
  const: 0, slot: 1, column: 2, variable: 3, call: 4, cast: 5, and: 6, or: 7, case: 8, coalesce: 9, inList: 10, field: 11, struct: 12, array: 13, let: 14, likeArray: 15,
  omitted: 16, keyword: 17, lambda: 18,
} as const;

/** What is filled in at each run: a parameter of the statement, or a column of an enclosing query. */
export type SlotExpr = Expr & { readonly kind: 'parameter' | 'column' };

export class ExpressionWriter {
  readonly slots: SlotExpr[] = [];
  private readonly out: ByteWriter;
  /** Positions in the row, by column id. */
  private readonly positions: ReadonlyMap<number, number>;
  private readonly slotNumbers = new Map<string, number>();
  private readonly variables = new Map<number, number>();

  constructor(out: ByteWriter, positions: ReadonlyMap<number, number>) {
    this.out = out;
    this.positions = positions;
  }

  list(items: readonly Expr[]): void {
    this.out.varint(items.length);
    for (const item of items) this.write(item);
  }

  /** The expression is one that `isPushable` admits. */
  write(e: Expr): void {
    const { out } = this;
    switch (e.kind) {
      case 'const':
        writeType(out.u8(Tag.const), e.type);
        return writeValue(out, e.value);
      case 'parameter':
        return this.slot(`p${e.info.index}`, e);
      case 'column':
        return this.column(e);
      case 'call':
        this.call(out.u8(Tag.call).bool(e.safe), e.call);
        out.varint(e.args.length);
        for (const arg of e.args) this.argument(arg);
        return undefined;
      case 'cast':
        writeType(out.u8(Tag.cast).bool(e.safe), e.type);
        return this.write(e.operand);
      case 'and':
      case 'or':
        out.u8(Tag[e.kind]);
        return this.list(e.args);
      case 'coalesce':
        writeType(out.u8(Tag.coalesce), e.type);
        return this.list(e.args);
      case 'case':
        writeType(out.u8(Tag.case), e.type);
        out.varint(e.branches.length);
        for (const { when, then } of e.branches) {
          this.write(when);
          this.write(then);
        }
        return this.write(e.otherwise);
      case 'inList':
        out.u8(Tag.inList);
        this.write(e.operand);
        return this.list(e.items);
      case 'field':
        writeType(out.u8(Tag.field).varint(e.index), e.type);
        return this.write(e.operand);
      case 'struct':
        writeType(out.u8(Tag.struct), e.type);
        return this.list(e.fields);
      case 'array':
        writeType(out.u8(Tag.array), e.type);
        return this.list(e.elements);
      case 'let':
        return this.let(e);
      case 'likeArray':
        this.call(out.u8(Tag.likeArray).bool(e.quantifier === 'any').bool(e.negated), e.like);
        this.write(e.operand);
        return this.write(e.array);
      case 'deferred':
      case 'subquery':
      case 'default':
      case 'aggregate':
      case 'isFirst':
        throw new TypeError(`${e.kind} is not for fragments`);
    }
  }

  private slot(key: string, e: SlotExpr): void {
    let number = this.slotNumbers.get(key);
    if (number === undefined) {
      number = this.slots.push(e) - 1;
      this.slotNumbers.set(key, number);
    }
    writeType(this.out.u8(Tag.slot).varint(number), e.type);
  }

  private column(e: Expr & { kind: 'column' }): void {
    const variable = this.variables.get(e.id);
    const position = this.positions.get(e.id);
    if (variable !== undefined) writeType(this.out.u8(Tag.variable).varint(variable), e.type);
    else if (position !== undefined) writeType(this.out.u8(Tag.column).varint(position), e.type);
    else this.slot(`c${e.id}`, e);
  }

  private variable(column: Column): void {
    const number = this.variables.size;
    this.variables.set(column.id, number);
    writeType(this.out.varint(number), column.type);
  }

  /** Also of aggregates. */
  call(out: ByteWriter, { definition, signature, argumentTypes, resultType }: ResolvedCall): void {
    out.string(definition.name).varint(definition.signatures.indexOf(signature)).varint(argumentTypes.length);
    for (const type of argumentTypes) writeOptionalType(out, type);
    writeType(out, resultType);
  }

  private argument(arg: CallArgumentExpr): void {
    const { out } = this;
    if (arg === undefined) out.u8(Tag.omitted);
    else if (arg.kind === 'keyword') out.u8(Tag.keyword).string(arg.word);
    else if (arg.kind === 'lambda') {
      out.u8(Tag.lambda).varint(arg.parameters.length);
      for (const parameter of arg.parameters) this.variable(parameter);
      this.write(arg.body);
    } else this.write(arg);
  }

  private let(e: LetExpr): void {
    writeType(this.out.u8(Tag.let), e.type);
    this.out.varint(e.bindings.length);
    for (const { column, value } of e.bindings) {
      this.write(value);
      this.variable(column);
    }
    this.write(e.body);
  }
}

const BOOL_TYPE = { kind: 'BOOL' } as const;

/** Columns are known by their positions, variables by numbers behind those. */
export class ExpressionReader {
  private readonly input: ByteReader;
  private readonly width: number;
  private readonly variables = new Set<number>();
  /** How many slots the expressions refer to. */
  slots = 0;

  constructor(input: ByteReader, width: number) {
    this.input = input;
    this.width = width;
  }

  list(depth = 0): Expr[] {
    const items: Expr[] = [];
    for (let n = this.input.count(); n > 0; n--) items.push(this.read(depth));
    return items;
  }

  read(depth = 0): Expr {
    return this.readTagged(this.input.u8(), depth);
  }

  private readTagged(tag: number, depth: number): Expr {
    if (depth > MAX_EXPRESSION_DEPTH) throw new CorruptBytes('expression is nested too deeply');
    const { input } = this;
    const below = depth + 1;
    switch (tag) {
      case Tag.const:
        return { kind: 'const', type: readType(input), value: readValue(input), source: 'expression' };
      case Tag.slot:
        return this.readSlot();
      case Tag.column:
        return this.readColumn();
      case Tag.variable: {
        const id = this.width + input.varint();
        if (!this.variables.has(id)) throw new CorruptBytes('unknown variable');
        return { kind: 'column', id, type: readType(input), name: '', at: -1 };
      }
      case Tag.call:
        return this.readCall(below);
      case Tag.cast: {
        const safe = input.bool();
        const type = readType(input);
        const operand = this.read(below);
        return { kind: 'cast', type, operand, evaluator: resolveCast(operand.type, type, safe), safe, implicit: false };
      }
      case Tag.and:
        return { kind: 'and', type: BOOL_TYPE, args: this.list(below) };
      case Tag.or:
        return { kind: 'or', type: BOOL_TYPE, args: this.list(below) };
      case Tag.coalesce:
        return { kind: 'coalesce', type: readType(input), args: this.list(below) };
      case Tag.case: {
        const type = readType(input);
        const branches: { when: Expr; then: Expr }[] = [];
        for (let n = input.count(); n > 0; n--) branches.push({ when: this.read(below), then: this.read(below) });
        return { kind: 'case', type, branches, otherwise: this.read(below) };
      }
      case Tag.inList:
        return { kind: 'inList', type: BOOL_TYPE, operand: this.read(below), items: this.list(below) };
      case Tag.field: {
        const index = input.varint();
        return { kind: 'field', index, type: readType(input), operand: this.read(below) };
      }
      case Tag.struct:
        return { kind: 'struct', type: readType(input), fields: this.list(below) };
      case Tag.array:
        return { kind: 'array', type: readType(input), elements: this.list(below) };
      case Tag.let:
        return this.readLet(below);
      case Tag.likeArray: {
        const quantifier = input.bool() ? 'any' : 'all';
        const negated = input.bool();
        const like = this.call();
        return { kind: 'likeArray', type: BOOL_TYPE, quantifier, negated, like, operand: this.read(below), array: this.read(below) };
      }
      default:
        throw new CorruptBytes('unknown kind of expression');
    }
  }

  private readSlot(): Expr {
    const index = this.input.varint();
    if (index > this.slots) throw new CorruptBytes('slots are not in order');
    this.slots = Math.max(this.slots, index + 1);
    const type = readType(this.input);
    return { kind: 'parameter', type, info: { name: '', index, declared: true, type }, untyped: false };
  }

  private readColumn(): Expr {
    const id = this.input.varint();
    if (id >= this.width) throw new CorruptBytes('unknown column');
    return { kind: 'column', id, type: readType(this.input), name: '', at: -1 };
  }

  private variable(): Column {
    const id = this.width + this.input.varint();
    this.variables.add(id);
    return { id, name: '', type: readType(this.input) };
  }

  /** A function of the table, with the types that it was resolved for. */
  call(): ResolvedCall {
    const { input } = this;
    const definition = findFunction(input.string());
    const signature = definition?.signatures[input.varint()];
    if (definition === undefined || signature === undefined) throw new CorruptBytes('unknown function');
    const argumentTypes: (SqlType | undefined)[] = [];
    for (let n = input.count(); n > 0; n--) argumentTypes.push(readOptionalType(input));
    return { definition, signature, slots: argumentTypes.map((_, i) => i), argumentTypes, resultType: readType(input) };
  }

  private readCall(depth: number): Expr {
    const safe = this.input.bool();
    const call = this.call();
    if (call.definition.kind === 'aggregate' || call.definition.volatility === 'volatile') throw new CorruptBytes('the function is not for fragments');
    const args: CallArgumentExpr[] = [];
    for (let n = this.input.count(); n > 0; n--) args.push(this.readArgument(depth));
    if (args.length !== call.argumentTypes.length) throw new CorruptBytes('wrong number of arguments');
    return { kind: 'call', type: call.resultType, call, args, safe };
  }

  private readArgument(depth: number): CallArgumentExpr {
    const { input } = this;
    const tag = input.u8();
    if (tag === Tag.omitted) return undefined;
    if (tag === Tag.keyword) return { kind: 'keyword', word: input.string() };
    if (tag !== Tag.lambda) return this.readTagged(tag, depth);
    const parameters: Column[] = [];
    for (let n = input.count(); n > 0; n--) parameters.push(this.variable());
    return { kind: 'lambda', parameters, body: this.read(depth) };
  }

  private readLet(depth: number): Expr {
    const type = readType(this.input);
    const bindings: { column: Column; value: Expr }[] = [];
    for (let n = this.input.count(); n > 0; n--) {
      const value = this.read(depth);
      bindings.push({ value, column: this.variable() });
    }
    return { kind: 'let', type, bindings, body: this.read(depth) };
  }
}


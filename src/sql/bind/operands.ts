/** Single operands: literals, fields, casts, and calls whose arguments are bound. */
import { outOfRange, TrestleError } from '../../base/errors.ts';
import type { Expression, IntLiteral, Literal, TypedLiteral } from '../ast/expressions.ts';
import type { Identifier, SourceRange } from '../ast/node.ts';
import { castValue, resolveCast } from '../functions/cast.ts';
import { BOOL, BYTES, DATE, FLOAT64, INT64, JSON_TYPE, NUMERIC, STRING, TIMESTAMP, typeName, typesEqual, type SqlType } from '../types/types.ts';
import { canonicalInt, inInt64Range } from '../values/int64.ts';
import { parseJson } from '../values/json.ts';
import { parseNumeric } from '../values/numeric.ts';
import { stringLiteral } from '../values/print.ts';
import { BinderBase, constantContext } from './base.ts';
import { suggestion } from './scope.ts';
import type { CallArgumentExpr, CallExpr, Expr } from './tree.ts';

export abstract class OperandBinder extends BinderBase {
  // ---- Literals

  protected bindLiteral(e: Literal): Expr {
    switch (e.kind) {
      case 'nullLiteral':
        return { kind: 'const', type: INT64, value: null, source: 'untyped' };
      case 'boolLiteral':
        return this.literal(e.value, BOOL);
      case 'intLiteral':
        return this.bindInt(e, false);
      case 'floatLiteral':
        return this.literal(e.value, FLOAT64);
      case 'stringLiteral':
        return this.literal(e.value, STRING);
      case 'bytesLiteral':
        return this.literal(e.value, BYTES);
      case 'typedLiteral':
        return this.bindTyped(e);
      case 'rangeLiteral':
        throw this.error(e, 'RANGE type is not supported');
    }
  }

  protected bindInt(e: IntLiteral, negative: boolean, at: SourceRange = e): Expr {
    const value = negative ? -BigInt(e.value) : BigInt(e.value);
    if (!inInt64Range(value)) {
      const text = this.text.slice(e.start, e.end);
      throw this.error(at, `Invalid ${/^0x/i.test(text) ? 'hex ' : ''}integer literal: ${negative ? '-' : ''}${text}`);
    }
    return this.literal(canonicalInt(value), INT64);
  }

  private bindTyped(e: TypedLiteral): Expr {
    if (e.type === 'BIGNUMERIC' || e.type === 'DATETIME' || e.type === 'TIME') throw this.error(e, `${e.type} literals are not supported`);
    const type = { DATE, TIMESTAMP, NUMERIC, JSON: JSON_TYPE }[e.type];
    try {
      if (e.type === 'JSON') return this.literal(parseJson(e.value, 'exact'), type);
      if (e.type === 'NUMERIC') {
        const value = parseNumeric(e.value, true);
        if (value === undefined) throw this.error(e, `Invalid NUMERIC literal: ${stringLiteral(e.value)}`);
        return this.literal(value, type);
      }
      return this.literal(castValue(e.value, STRING, type, constantContext(this.catalog.defaultTimeZone)), type);
    } catch (error) {
      if (error instanceof TrestleError) throw error.message.includes('[at ') ? error : this.error(e, `Invalid ${e.type} literal`);
      throw this.error(e, `Invalid ${e.type} literal: ${error instanceof Error ? error.message : 'malformed'}`);
    }
  }

  // ---- Fields, calls, casts

  bindField(operand: Expr, field: Identifier): Expr {
    const { type } = operand;
    if (type.kind === 'JSON') return this.callOf('$subscript', [operand, this.literal(field.name, STRING)], field);
    if (operand.kind === 'parameter' && operand.untyped) throw this.error(field, `Cannot access field ${field.name} on parameter ${operand.info.name} whose type is unknown`);
    if (type.kind !== 'STRUCT') throw this.error(field, `Cannot access field ${field.name} on a value with type ${typeName(type)}`);
    const key = field.name.toLowerCase();
    const matches = type.fields.flatMap((f, i) => (f.name.toLowerCase() === key ? [i] : []));
    const index = matches[0];
    if (index === undefined) throw this.error(field, `Field name ${field.name} does not exist in ${typeName(type)}${suggestion(field.name, type.fields.map((f) => f.name))}`);
    if (matches.length > 1) throw this.error(field, `Struct field name ${field.name} is ambiguous`);
    return this.fieldOf(operand, index);
  }

  fieldOf(operand: Expr, index: number): Expr {
    if (operand.kind === 'struct') return operand.fields[index] ?? operand;
    const type = operand.type.kind === 'STRUCT' ? operand.type.fields[index]?.type : undefined;
    return { kind: 'field', type: type ?? INT64, operand, index };
  }

  /** A call of a function of the table with bound arguments. */
  callOf(name: string, args: readonly Expr[], node: SourceRange, nodes: readonly SourceRange[] = []): Expr {
    const call = this.resolve(node, name, args.map((a) => this.argumentOf(a)), false, nodes);
    return this.finishCall(call, args, node, false, nodes);
  }

  /** `nodes` are where the given arguments stand. */
  protected finishCall(call: CallExpr['call'], given: readonly CallArgumentExpr[], node: SourceRange, safe: boolean, nodes: readonly SourceRange[] = []): CallExpr {
    const args = call.slots.map((slot, i): CallArgumentExpr => {
      const arg = slot === undefined ? undefined : given[slot];
      const type = call.argumentTypes[i];
      if (arg === undefined || arg.kind === 'lambda' || arg.kind === 'keyword' || type === undefined) return arg;
      return this.coerce(arg, type, node, (from, to) => `Could not cast argument of type ${from} to type ${to}`);
    });
    const { constants } = call.signature;
    for (const i of constants?.at ?? []) this.requireConstant(args[i], constants?.notNull === true, `Argument ${i + 1} to ${call.definition.name}`, nodes[call.slots[i] ?? -1] ?? node);
    const objection = call.signature.checkConstants?.(args.map((a) => (a?.kind === 'const' ? a.value : undefined)), call.argumentTypes);
    if (objection !== undefined) throw this.error(node, objection);
    return { kind: 'call', type: call.resultType, call, args, safe };
  }

  private requireConstant(arg: CallArgumentExpr, notNull: boolean, what: string, node: SourceRange): void {
    if (arg === undefined || arg.kind === 'lambda' || arg.kind === 'keyword') return;
    const value = arg.kind === 'cast' ? arg.operand : arg;
    if (value.kind !== 'const' && value.kind !== 'parameter') throw this.error(node, `${what} must be a literal or query parameter`);
    if (notNull && value.kind === 'const' && value.value === null) throw this.error(node, `${what} must be non-NULL`);
  }

  /** A floating literal beside a NUMERIC is read as the exact decimal that was written. */
  protected exactNumerics(args: readonly Expr[], nodes: readonly Expression[]): readonly Expr[] {
    if (!args.some((a) => a.type.kind === 'NUMERIC' && this.sourceOf(a) !== 'untyped')) return args;
    return args.map((a, i) => {
      const node = nodes[i];
      if (node?.kind !== 'floatLiteral') return a;
      const value = parseNumeric(node.text);
      if (value === undefined) throw outOfRange(`Invalid NUMERIC value: ${node.text}`);
      return this.literal(value, NUMERIC);
    });
  }

  not(operand: Expr, node: SourceRange): Expr {
    return this.callOf('$not', [operand], node);
  }

  protected castTo(operand: Expr, type: SqlType, safe: boolean, node: SourceRange): Expr {
    if (typesEqual(operand.type, type)) return operand;
    const evaluator = this.located(node, () => resolveCast(operand.type, type, safe));
    return { kind: 'cast', type, operand, evaluator, safe, implicit: false };
  }
}

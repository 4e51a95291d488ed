/**
 * Choosing the signature of a call, and the coercions of its arguments.
 *
 * Candidates are ranked as GoogleSQL ranks them: fewest non-literal arguments coerced, then fewest literals coerced,
 * then the sum of the distances; the first in table order wins a tie. Errors are in Spanner's form of words.
 */
import { unreachable } from '../../base/assert.ts';
import { invalidArgument, type TrestleError } from '../../base/errors.ts';
import { canCoerce, coercionCost, commonSupertype, type CoercionSource, type SupertypeInput } from '../types/coercion.ts';
import { isNumeric, supportsEquality, supportsGrouping, supportsOrdering } from '../types/traits.ts';
import { arrayOf, INT64, typeName, typesEqual, type SqlType } from '../types/types.ts';
import { ArgumentError, argumentText, type CallArgument } from './argument.ts';
import { DATE_PARTS } from './dateparts.ts';
import type { AggregateBody, Aggregator, Evaluator, FunctionDefinition, Signature } from './registry.ts';
import type { Matcher, Parameter, SignatureShape, Trait } from './signature.ts';

export interface ResolvedCall {
  readonly definition: FunctionDefinition;
  readonly signature: Signature;
  /** One entry per slot of the evaluator: which given argument fills it (undefined: omitted). */
  readonly slots: readonly (number | undefined)[];
  /** Per slot, the type to which the argument is to be coerced; undefined for lambdas, keywords and omitted ones. */
  readonly argumentTypes: readonly (SqlType | undefined)[];
  readonly resultType: SqlType;
}

interface Candidate extends ResolvedCall {
  readonly rank: readonly number[];
}

interface Assignment {
  readonly parameter: Parameter;
  readonly argument: number | undefined;
}

/** Resolves a call to an entry of the table. Throws INVALID_ARGUMENT in Spanner's words when nothing matches. */
export function resolveCall(definition: FunctionDefinition, args: readonly CallArgument[]): ResolvedCall {
  const literalNull = REFUSE_NULL.has(definition.name) ? args.findIndex(isLiteralNull) : -1;
  const refuseNull = (): never => {
    throw new ArgumentError(literalNull, `Operands of ${OPERATOR_SIGNS[definition.name] ?? definition.name} cannot be literal NULL`);
  };
  // Of a comparison the type beside the NULL is looked at first.
  const compares = definition.signatures.some((s) => s.check !== undefined);
  if (literalNull >= 0 && !compares) refuseNull();
  const objection = definition.accepts?.(args);
  if (objection !== undefined) throw invalidArgument(objection);
  checkKeywordPlaces(definition, args);
  let best: Candidate | undefined;
  let reason: string | undefined;
  let refused: ArgumentError | undefined;
  for (const signature of definition.signatures) {
    const candidate = tryMatch(definition, signature, args);
    if (candidate === undefined) continue;
    const wrongTypes = signature.check?.(candidate.argumentTypes);
    if (wrongTypes !== undefined) reason = wrongTypes;
    else if (best === undefined || refused !== undefined || lower(candidate.rank, best.rank)) {
      const wrongKeyword = keywordObjection(candidate, args);
      if (best !== undefined && wrongKeyword !== undefined) continue;
      best = candidate;
      refused = wrongKeyword;
    }
  }
  if (refused !== undefined) throw refused;
  if (best !== undefined) return literalNull >= 0 ? refuseNull() : best;
  if (reason !== undefined) throw invalidArgument(reason);
  throw noMatch(definition, args);
}

/** Where every signature has a keyword nothing else may stand, and an INTERVAL must be given as one. */
function checkKeywordPlaces(definition: FunctionDefinition, args: readonly CallArgument[]): void {
  const [first] = definition.signatures;
  if (first === undefined || definition.kind === 'operator') return;
  for (const [i, { matcher }] of first.shape.parameters.entries()) {
    const given = args[i];
    if (given === undefined || given.kind === 'keyword') continue;
    if (matcher.kind === 'keyword' && matcher.role !== 'SEQUENCE' && !isInterval(first.shape, i - 1)) {
      throw new ArgumentError(i, matcher.role === 'PART' ? 'A valid date part name is required' : `Argument is not a valid ${first.keywords?.of ?? 'keyword'}`);
    }
    if (isInterval(first.shape, i) && args[i + 1]?.kind !== 'keyword') throw new ArgumentError(i, 'Expected INTERVAL expression');
  }
}

/** A keyword that the function does not know is refused before any value is seen, even where an argument is NULL. */
function keywordObjection({ signature, slots }: Candidate, args: readonly CallArgument[]): ArgumentError | undefined {
  const { parts, keywords } = signature;
  for (const slot of slots) {
    const given = slot === undefined ? undefined : args[slot];
    if (slot === undefined || given?.kind !== 'keyword') continue;
    if (given.role === 'KEYWORD' && keywords?.allowed.has(given.word) === false) return new ArgumentError(slot, `Argument is not a valid ${keywords.of}: ${given.written ?? given.word}`);
    if (given.role !== 'PART' || parts === undefined || parts.allowed.has(given.word)) continue;
    if (given.word.includes('(')) return new ArgumentError(slot, 'Date part arguments are not supported');
    if (!DATE_PARTS.has(given.word)) return new ArgumentError(slot, `A valid date part name is required but found ${given.written ?? given.word}`);
    return new ArgumentError(-1, `${parts.of} does not support the ${given.word} date part`);
  }
  return undefined;
}

const lower = (a: readonly number[], b: readonly number[]): boolean => {
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    if (x !== y) return x < y;
  }
  return false;
};

function tryMatch(definition: FunctionDefinition, signature: Signature, args: readonly CallArgument[]): Candidate | undefined {
  const assignments = assign(signature.shape, args);
  if (assignments === undefined) return undefined;
  const templates = new Templates();
  for (const { parameter, argument } of assignments) {
    const given = argument === undefined ? undefined : args[argument];
    if (given !== undefined && !templates.collect(parameter.matcher, given)) return undefined;
  }
  if (!templates.settle()) return undefined;
  for (const { parameter, argument } of assignments) {
    const given = argument === undefined ? undefined : args[argument];
    if (given?.kind === 'lambda' && !templates.bindLambda(parameter.matcher, given)) return undefined;
  }
  const rank = [0, 0, 0, 0];
  const exact = args.some((a) => a.kind === 'value' && a.type.kind === 'NUMERIC');
  const argumentTypes: (SqlType | undefined)[] = [];
  for (const { parameter, argument } of assignments) {
    const given = argument === undefined ? undefined : args[argument];
    if (given === undefined || given.kind === 'lambda' || given.kind === 'keyword') {
      argumentTypes.push(undefined);
      continue;
    }
    const target = parameter.matcher.kind === 'any' ? ownType(given) : templates.typeOf(parameter.matcher);
    if (target === undefined || !charge(rank, given, target)) return undefined;
    // A literal like 1.5 is a NUMERIC only beside one.
    if (!exact && target.kind === 'NUMERIC' && given.kind === 'value' && given.type.kind === 'FLOAT64') return undefined;
    argumentTypes.push(target);
  }
  const resultType = signature.resultOf?.(argumentTypes) ?? templates.typeOf(signature.shape.result);
  if (resultType === undefined) return undefined;
  return { definition, signature, slots: assignments.map((a) => a.argument), argumentTypes, resultType, rank };
}

/** The type of an argument that nothing constrains. */
function ownType(given: CallArgument & { kind: 'value' | 'untyped' }): SqlType {
  if (given.kind === 'value') return given.type;
  return given.emptyArray === true ? arrayOf(INT64) : INT64;
}

function charge(rank: number[], given: CallArgument & { kind: 'value' | 'untyped' }, target: SqlType): boolean {
  if (given.kind === 'untyped') {
    rank[1] = (rank[1] ?? 0) + 1;
    // The literal [] fits everything, and fails as what is no array; arrays come first.
    rank[3] = (rank[3] ?? 0) + (given.emptyArray === true && target.kind !== 'ARRAY' ? 100 : 1);
    return true;
  }
  const cost = coercionCost(given.type, target, given.source);
  if (cost === undefined) return false;
  if (cost > 0) {
    const literal = given.source === 'literal' ? 1 : 0;
    rank[literal] = (rank[literal] ?? 0) + 1;
    rank[2 + literal] = (rank[2 + literal] ?? 0) + cost;
  }
  return true;
}

/** Lays the given arguments over the parameters. Undefined when they do not fit by number or by name. */
function assign(shape: SignatureShape, args: readonly CallArgument[]): Assignment[] | undefined {
  const firstNamed = args.findIndex((a) => a.name !== undefined);
  const count = firstNamed < 0 ? args.length : firstNamed;
  const named = namedArguments(args, count);
  if (named === undefined) return undefined;
  const trailing = shape.trailing.filter((p) => !p.namedOnly);
  const group = shape.repeated.length;
  const extra = Math.max(0, count - shape.parameters.length);
  const tail = group === 0 ? 0 : Math.min(trailing.length, extra % group);
  const repeats = group === 0 ? 0 : (extra - tail) / group;
  if (!Number.isInteger(repeats)) return undefined;
  const list = [...shape.parameters, ...Array.from({ length: repeats }, () => shape.repeated).flat(), ...shape.trailing];
  const result: Assignment[] = [];
  let next = 0;
  for (const parameter of list) {
    const byName = parameter.name === undefined ? undefined : named.get(parameter.name);
    if (next < count && !parameter.namedOnly) result.push({ parameter, argument: next++ });
    else if (byName !== undefined) {
      named.delete(parameter.name ?? '');
      result.push({ parameter, argument: byName });
    } else if (parameter.optional) result.push({ parameter, argument: undefined });
    else return undefined;
  }
  return named.size === 0 && next === count ? result : undefined;
}

function namedArguments(args: readonly CallArgument[], from: number): Map<string, number> | undefined {
  const named = new Map<string, number>();
  for (let i = from; i < args.length; i++) {
    const name = args[i]?.name?.toLowerCase();
    if (name === undefined || named.has(name)) return undefined;
    named.set(name, i);
  }
  return named;
}

/** The types that ANY1 … ANY4 stand for in one call. */
class Templates {
  private readonly inputs = new Map<number, SupertypeInput[]>();
  private readonly traits = new Map<number, Trait>();
  /** Templates that a literal [] stands for. */
  private readonly emptyArrays = new Set<number>();
  private readonly settled = new Map<number, SqlType>();

  /** Notes what an argument says about templates; false when its outer shape is already wrong. */
  collect(matcher: Matcher, given: CallArgument): boolean {
    if (matcher.kind === 'keyword') return given.kind === 'keyword' && given.role === matcher.role;
    if (matcher.kind === 'lambda') {
      if (given.kind !== 'lambda' || given.parameterCount !== matcher.parameters.length) return false;
      return true;
    }
    if (given.kind === 'lambda' || given.kind === 'keyword') return false;
    if (given.kind === 'untyped') return this.collectUntyped(matcher, given.emptyArray === true);
    return this.collectType(matcher, given.type, given.source);
  }

  private collectUntyped(matcher: Matcher, emptyArray: boolean): boolean {
    if (matcher.kind === 'array') return this.collectUntyped(matcher.element, false);
    if (matcher.kind === 'template') {
      this.note(matcher, { type: undefined, source: 'untyped' });
      if (emptyArray) this.emptyArrays.add(matcher.index);
    }
    return true;
  }

  private collectType(matcher: Matcher, type: SqlType, source: CoercionSource): boolean {
    if (matcher.kind === 'template') this.note(matcher, { type, source });
    else if (matcher.kind === 'array') return type.kind === 'ARRAY' && this.collectType(matcher.element, type.element, source);
    return true;
  }

  private note(matcher: Matcher & { kind: 'template' }, input: SupertypeInput): void {
    const list = this.inputs.get(matcher.index);
    if (list === undefined) this.inputs.set(matcher.index, [input]);
    else list.push(input);
    if (matcher.trait !== undefined) this.traits.set(matcher.index, matcher.trait);
  }

  settle(): boolean {
    for (const [index, inputs] of this.inputs) {
      const typed = inputs.some((i) => i.type !== undefined);
      const type = typed ? commonSupertype(inputs) : this.emptyArrays.has(index) ? arrayOf(INT64) : INT64;
      if (type === undefined) return false;
      const trait = this.traits.get(index);
      if (trait !== undefined && !hasTrait(type, trait)) return false;
      this.settled.set(index, type);
    }
    return true;
  }

  bindLambda(matcher: Matcher, given: CallArgument & { kind: 'lambda' }): boolean {
    if (matcher.kind !== 'lambda') return false;
    const parameters: SqlType[] = [];
    for (const p of matcher.parameters) {
      const type = this.typeOf(p);
      if (type === undefined) return false;
      parameters.push(type);
    }
    const body = given.bind(parameters);
    if (matcher.result.kind !== 'template') {
      const wanted = this.typeOf(matcher.result);
      return wanted !== undefined && canCoerce(body, wanted, 'expression');
    }
    const known = this.settled.get(matcher.result.index);
    if (known === undefined) this.settled.set(matcher.result.index, body);
    return known === undefined || typesEqual(known, body);
  }

  typeOf(matcher: Matcher): SqlType | undefined {
    switch (matcher.kind) {
      case 'type':
        return matcher.type;
      case 'template':
        return this.settled.get(matcher.index);
      case 'array': {
        const element = this.typeOf(matcher.element);
        return element === undefined || element.kind === 'ARRAY' ? undefined : arrayOf(element);
      }
      case 'any':
      case 'lambda':
      case 'keyword':
        return undefined;
      default:
        return unreachable(matcher);
    }
  }
}

function hasTrait(type: SqlType, trait: Trait): boolean {
  switch (trait) {
    case 'orderable':
      return supportsOrdering(type);
    case 'equatable':
      return supportsEquality(type);
    case 'groupable':
      return supportsGrouping(type);
    case 'number':
      return isNumeric(type);
    default:
      return unreachable(trait);
  }
}

const isLiteralNull = (a: CallArgument): boolean => a.kind === 'untyped' && a.emptyArray !== true && a.parameter !== true;

/** Operators for which a literal NULL is taken for a mistake. */
const REFUSE_NULL: ReadonlySet<string> = new Set(
  ['$add', '$subtract', '$multiply', '$divide', '$unary_minus', '$bitwise_not', '$bitwise_and', '$bitwise_or', '$bitwise_xor', '$concat_op', '$like', '$not'].concat(
    ['$equal', '$not_equal', '$less', '$less_or_equal', '$greater', '$greater_or_equal'],
  ),
);

/** How operators are named in messages. */
const OPERATOR_SIGNS: Readonly<Record<string, string>> = {
  $add: '+',
  $subtract: '-',
  $multiply: '*',
  $divide: '/',
  $unary_minus: '-',
  $unary_plus: '+',
  $equal: '=',
  $not_equal: '!=',
  $less: '<',
  $less_or_equal: '<=',
  $greater: '>',
  $greater_or_equal: '>=',
  $between: 'BETWEEN',
  $and: 'AND',
  $or: 'OR',
  $not: 'NOT',
  $in: 'IN',
  $in_array: 'IN UNNEST',
  $like: 'LIKE',
  $is_null: 'IS NULL',
  $is_true: 'IS TRUE',
  $is_false: 'IS FALSE',
  $bitwise_and: '&',
  $bitwise_or: '|',
  $bitwise_xor: '^',
  $bitwise_not: '~',
  $bitwise_left_shift: '<<',
  $bitwise_right_shift: '>>',
  $concat_op: '||',
};

/** Functions of which GoogleSQL has signatures for types that Spanner lacks: it never says that a number of arguments is wrong. */
const HIDES_SIGNATURES: ReadonlySet<string> = new Set(['DATE_ADD', 'DATE_SUB', 'DATE_DIFF', 'DATE_TRUNC', 'FORMAT_DATE', '$extract']);
/** Operators that take text and bytes, which people mix up. */
const COMPARES_TEXT: ReadonlySet<string> = new Set(['$equal', '$not_equal', '$less', '$less_or_equal', '$greater', '$greater_or_equal', '$like']);
export const STRING_AND_BYTES = "STRING and BYTES are different types that are not directly comparable. To write a BYTES literal, use a b-prefixed literal such as b'bytes value'";

function noMatch(definition: FunctionDefinition, args: readonly CallArgument[]): TrestleError {
  const sign = OPERATOR_SIGNS[definition.name];
  const what = sign === undefined ? `${definition.kind === 'aggregate' ? 'aggregate ' : ''}function ${functionName(definition)}` : `operator ${sign}`;
  const list = definition.signatures.map((s) => signatureText(definition, s.shape, messageText));
  const only = definition.signatures.length === 1 ? definition.signatures[0]?.shape : undefined;
  if (only !== undefined && sign === undefined && !HIDES_SIGNATURES.has(definition.name)) {
    if (!takes(only, args.length)) return invalidArgument(`Number of arguments does not match for ${what}. Supported signature: ${list.join('')}`);
    const misplaced = misnamed(only, args, what);
    if (misplaced !== undefined) return misplaced;
  }
  const types = args.map((a) => (a.kind === 'value' ? a.type.kind : ''));
  const mixed = COMPARES_TEXT.has(definition.name) && types.includes('STRING') && types.includes('BYTES') ? ` ${STRING_AND_BYTES}.` : '';
  const head = args.length === 0 ? `No matching signature for ${what} with no arguments.` : `No matching signature for ${what} for argument types: ${argumentTexts(definition, args)}.${mixed}`;
  if (definition.name === '$in_array') return invalidArgument(head.replace(/\.$/, ''));
  return invalidArgument(`${head} Supported signature${list.length === 1 ? '' : 's'}: ${list.join('; ')}`);
}

const functionName = (definition: FunctionDefinition): string => definition.name.replace(/^\$/, '').toUpperCase();

/** Whether a call with so many arguments, named or not, can fit. */
function takes({ parameters, repeated, trailing }: SignatureShape, count: number): boolean {
  const fixed = [...parameters, ...trailing];
  if (count < fixed.filter((p) => !p.optional).length) return false;
  return repeated.length === 1 || count <= fixed.length || (repeated.length > 1 && fixed.some((_, i) => (count - i) % repeated.length === 0));
}

/** A name that no parameter has, or a value by position where only a name will do. */
function misnamed({ parameters, repeated, trailing }: SignatureShape, args: readonly CallArgument[], what: string): ArgumentError | undefined {
  const names = new Set([...parameters, ...trailing].map((p) => p.name));
  for (const [i, a] of args.entries()) {
    if (a.name !== undefined && !names.has(a.name.toLowerCase())) return new ArgumentError(i, `Named argument \`${a.name}\` not found in signature for call to ${what}`);
    const parameter = repeated.length === 0 ? parameters[i] : undefined;
    if (a.name === undefined && parameter?.namedOnly === true) {
      return new ArgumentError(i, `Positional argument is invalid because this function restricts that this argument is referred to by name "${parameter.name ?? ''}" only`);
    }
  }
  return undefined;
}

/** Whether the parameter and the next one are written INTERVAL n PART. */
function isInterval(shape: SignatureShape, i: number): boolean {
  const [count, part] = [shape.parameters[i]?.matcher, shape.parameters[i + 1]?.matcher];
  return count?.kind === 'type' && count.type.kind === 'INT64' && part?.kind === 'keyword' && part.role === 'PART';
}

function argumentTexts(definition: FunctionDefinition, args: readonly CallArgument[]): string {
  const texts = args.map(argumentText);
  if (definition.name === '$extract') return extractText(texts);
  const first = definition.signatures[0]?.shape;
  const list: string[] = [];
  for (let i = 0; i < texts.length; i++) {
    const interval = definition.kind !== 'operator' && first !== undefined && isInterval(first, i) && args[i + 1]?.kind === 'keyword';
    list.push(interval ? `INTERVAL ${texts[i] ?? ''} ${texts[++i] ?? ''}` : (texts[i] ?? ''));
  }
  return list.join(', ');
}

const extractText = ([part = '', from = '', zone]: readonly string[]): string => `${part} FROM ${from}${zone === undefined ? '' : ` AT TIME ZONE ${zone}`}`;

/** A signature as documentation and error messages show it: `SUBSTR(STRING, INT64, [INT64])`. */
export function signatureText(definition: FunctionDefinition, shape: SignatureShape, text: (matcher: Matcher) => string = matcherText): string {
  const parameterText = (parameter: Parameter): string => {
    const name = (parameter.namedOnly ? `${parameter.name ?? ''} => ` : '') + text(parameter.matcher);
    return parameter.optional ? `[${name}]` : name;
  };
  const parts: string[] = [];
  for (let i = 0; i < shape.parameters.length; i++) {
    const parameter = shape.parameters[i];
    const next = shape.parameters[i + 1];
    if (parameter === undefined) break;
    if (definition.kind !== 'operator' && next !== undefined && isInterval(shape, i)) {
      const interval = `INTERVAL ${text(parameter.matcher)} ${text(next.matcher)}`;
      parts.push(parameter.optional ? `[${interval}]` : interval);
      i++;
    } else parts.push(parameterText(parameter));
  }
  if (definition.name === '$extract') return `EXTRACT(${extractText(parts.slice(0, 2))}${parts.length > 2 ? ' [AT TIME ZONE STRING]' : ''})`;
  // Messages show each parameter of a group that repeats by itself.
  const repeated = shape.repeated.map(parameterText);
  if (text === messageText) parts.push(...repeated.map((p) => `[${p}, ...]`));
  else if (repeated.length > 0) parts.push(`[${[...repeated, '...'].join(', ')}]`);
  parts.push(...shape.trailing.map(parameterText));
  const sign = OPERATOR_SIGNS[definition.name];
  if (sign === undefined) return `${functionName(definition)}(${parts.join(', ')})`;
  if (definition.name === '$between') return '(ANY) BETWEEN (ANY) AND (ANY)';
  if (parts.length === 1) return sign.startsWith('IS') ? `(${parts[0] ?? ''}) ${sign}` : `${sign === 'NOT' ? 'NOT ' : sign}(${parts[0] ?? ''})`;
  return parts.join(` ${sign} `);
}

/** Types in documentation: `ARRAY<ANY>`, `LAMBDA(ANY -> BOOL)`. */
export function matcherText(matcher: Matcher): string {
  switch (matcher.kind) {
    case 'type':
      return typeName(matcher.type);
    case 'any':
      return 'ANY';
    case 'template':
      return matcher.index === 1 ? 'ANY' : `T${matcher.index}`;
    case 'array':
      return `ARRAY<${matcherText(matcher.element)}>`;
    case 'lambda':
      return `LAMBDA(${matcher.parameters.map(matcherText).join(', ')} -> ${matcherText(matcher.result)})`;
    case 'keyword':
      return matcher.role === 'PART' ? 'DATE_TIME_PART' : matcher.role === 'KEYWORD' ? 'NORMALIZE_MODE' : matcher.role;
    default:
      return unreachable(matcher);
  }
}

/** Types in error messages: of templates nothing but ARRAY and FUNCTION is told. */
function messageText(matcher: Matcher): string {
  switch (matcher.kind) {
    case 'array':
      return 'ARRAY';
    case 'template':
      return 'ANY';
    case 'lambda': {
      const parameters = matcher.parameters.map(messageText).join(', ');
      return `FUNCTION<${matcher.parameters.length === 1 ? parameters : `(${parameters})`}->${messageText(matcher.result)}>`;
    }
    default:
      return matcherText(matcher);
  }
}

/** The evaluator of a resolved scalar call. */
export function evaluatorOf(call: ResolvedCall): Evaluator {
  const { body } = call.signature;
  if (body.kind === 'bound') return body.bind({ arguments: call.argumentTypes, result: call.resultType });
  if (body.kind === 'aggregate') throw new TypeError(`${call.definition.name} is an aggregate`);
  return body;
}

/** The aggregator of a resolved aggregate call. */
export function aggregatorOf(call: ResolvedCall): Aggregator {
  const body = call.signature.body;
  if (body.kind !== 'aggregate') throw new TypeError(`${call.definition.name} is not an aggregate`);
  return (body satisfies AggregateBody).bind({ arguments: call.argumentTypes, result: call.resultType });
}

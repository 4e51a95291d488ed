/**
 * The shapes of the function table: definitions, signatures, evaluators, aggregates.
 *
 * A function is one entry: its name, its signatures (each with an evaluator), how it treats NULL and one line of
 * documentation. Operators are functions whose name starts with `$`, as in `$add`. Signatures are written in a small
 * notation (signature.ts): `(STRING, INT64, [STRING]) -> STRING`.
 *
 * Evaluators are plain functions of fixed arity over run-time values, so that compiled expressions call them directly:
 *  - a plain evaluator gets the values: `fn(a, b)`;
 *  - a context evaluator gets the evaluation context first: `fn(ctx, a, b)`;
 *  - a bound body is given the resolved types and returns one of the above, once per analysed call.
 * An optional argument that was left out is `undefined`. A lambda arrives as a JavaScript function. A date part or
 * another keyword arrives as an upper-case string. With `strict` the caller returns NULL when any value is NULL and
 * the evaluator never sees one.
 */
import type { SqlType } from '../types/types.ts';
import type { CallArgument } from './argument.ts';
import type { Int64, SqlValue } from '../values/value.ts';
import type { SignatureShape } from './signature.ts';

/** What an evaluator may ask of the statement that it runs in. Everything ambient comes from here. */
export interface EvaluationContext {
  /** The start of the statement (or of the transaction), in nanoseconds since the epoch; the same for every call. */
  readonly currentTimestampNanos: bigint;
  /** IANA name or offset of the database's default time zone. */
  readonly defaultTimeZone: string;
  /** Uniform in [0, 1). */
  random(): number;
  randomBytes(length: number): Uint8Array;
  /** The value that stands for the commit timestamp until it is known; throws where the statement may not use it. */
  pendingCommitTimestamp(): SqlValue;
  nextSequenceValue(sequence: string): Int64;
  /** The sequence's internal counter, NULL before the first value. */
  sequenceState(sequence: string): Int64 | null;
}

/** A compiled lambda, called with element (and offset). */
export type LambdaFunction = (...args: SqlValue[]) => SqlValue;
export type FunctionArgument = SqlValue | LambdaFunction | undefined;

// The method form makes parameters bivariant: a table entry may say `(a: string) => …`, which its signature guarantees.
export type PlainEvaluator = { call(...args: FunctionArgument[]): SqlValue }['call'];
export type ContextEvaluator = { call(ctx: EvaluationContext, ...args: FunctionArgument[]): SqlValue }['call'];

export type Evaluator = { readonly kind: 'plain'; readonly call: PlainEvaluator } | { readonly kind: 'context'; readonly call: ContextEvaluator };

/** What a bound body or a computed result type is told. `undefined` stands for an omitted argument, lambda or keyword. */
export interface CallTypes {
  readonly arguments: readonly (SqlType | undefined)[];
  readonly result: SqlType;
}
export type ScalarBody = Evaluator | { readonly kind: 'bound'; readonly bind: (types: CallTypes) => Evaluator };

/** How a state travels: as a value of any shape (fragment/values.ts). `unpack` throws CorruptBytes for what is none. */
export interface PartialState {
  readonly pack: { call(state: unknown): SqlValue }['call'];
  readonly unpack: (value: SqlValue) => unknown;
}

/** Aggregation over one group. States are opaque; `accumulate` and `merge` may change and return their first argument. */
export interface Aggregator {
  readonly init: () => unknown;
  readonly accumulate: { call(state: unknown, ...args: SqlValue[]): unknown }['call'];
  /** Joins the states of two parts of a group, the first part's rows before the second's. */
  readonly merge: { call(left: unknown, right: unknown): unknown }['call'];
  readonly finish: { call(state: unknown): SqlValue }['call'];
  /** Of aggregates that may be begun where the rows are: the order of rows does not matter, and states are small. */
  readonly partial?: PartialState;
}
export type AggregateBody = { readonly kind: 'aggregate'; readonly bind: (types: CallTypes) => Aggregator };

/** immutable: same arguments, same result. stable: also depends on the statement. volatile: may differ at each call. */
export type Volatility = 'immutable' | 'stable' | 'volatile';

export interface Signature {
  readonly shape: SignatureShape;
  readonly body: ScalarBody | AggregateBody;
  /** Overrides the shape's result type where notation cannot express it. */
  readonly resultOf?: (types: readonly (SqlType | undefined)[]) => SqlType;
  /** The date parts that its PART arguments may be, and how the function is called where another is refused. */
  readonly parts?: { readonly of: string; readonly allowed: ReadonlySet<string> };
  /** What its KEYWORD arguments may be. */
  readonly keywords?: { readonly of: string; readonly allowed: ReadonlySet<string> };
  /** Positions of arguments that must be literals or query parameters; `notNull`: and not the literal NULL. */
  readonly constants?: { readonly at: readonly number[]; readonly notNull: boolean };
  /** A further condition on arguments that are literals; the others are undefined. A message in Spanner's words rejects the call. */
  readonly checkConstants?: (values: readonly (SqlValue | undefined)[], types: readonly (SqlType | undefined)[]) => string | undefined;
  /** A further condition on the argument types; a message in Spanner's words rejects the call. */
  readonly check?: (types: readonly (SqlType | undefined)[]) => string | undefined;
}

/** What the modifiers of an aggregate call may be. The executor carries them out before `accumulate`. */
export interface AggregateModifiers {
  readonly distinct: boolean;
  readonly orderBy: boolean;
  readonly limit: boolean;
  readonly having: boolean;
  readonly nulls: boolean;
}

export interface FunctionDefinition {
  /** Upper case; operators start with `$`; grouped functions have a dot: `NET.HOST`. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly kind: 'scalar' | 'aggregate' | 'operator';
  readonly family: string;
  readonly signatures: readonly Signature[];
  /** strict: NULL in, NULL out, not called. custom: the evaluator gets NULLs. */
  readonly nullBehaviour: 'strict' | 'custom';
  /** Arguments must be evaluated on demand (IF, COALESCE, AND …). The compiler knows these by name. */
  readonly lazy: boolean;
  readonly volatility: Volatility;
  /** Whether SAFE.name(…) is allowed. */
  readonly safePrefix: boolean;
  readonly modifiers?: AggregateModifiers;
  /** A condition on the arguments before a signature is sought; a message in Spanner's words rejects the call. */
  readonly accepts?: (args: readonly CallArgument[]) => string | undefined;
  readonly doc: string;
}

export const plain = (call: PlainEvaluator): Evaluator => ({ kind: 'plain', call });
export const withContext = (call: ContextEvaluator): Evaluator => ({ kind: 'context', call });
export const bound = (bind: (types: CallTypes) => PlainEvaluator): ScalarBody => ({ kind: 'bound', bind: (types) => plain(bind(types)) });
export const boundWithContext = (bind: (types: CallTypes) => ContextEvaluator): ScalarBody => ({
  kind: 'bound',
  bind: (types) => withContext(bind(types)),
});
export const aggregator = (bind: (types: CallTypes) => Aggregator): AggregateBody => ({ kind: 'aggregate', bind });

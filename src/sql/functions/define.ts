/**
 * How table entries are written: `scalar('ABS', 'mathematical', 'doc', [on('(INT64) -> INT64', abs)])`.
 * Defaults: strict, immutable, SAFE. allowed.
 */
import { internalTypeName, type SqlType } from '../types/types.ts';
import { argumentDescription } from './argument.ts';
import {
  aggregator,
  plain,
  type AggregateModifiers,
  type Aggregator,
  type CallTypes,
  type FunctionDefinition,
  type PlainEvaluator,
  type ScalarBody,
  type Signature,
} from './registry.ts';
import { parseSignature } from './signature.ts';

type Extras = Partial<Pick<FunctionDefinition, 'accepts' | 'aliases' | 'nullBehaviour' | 'lazy' | 'volatility' | 'safePrefix'>>;
type SignatureExtras = Partial<Pick<Signature, 'resultOf' | 'check' | 'checkConstants' | 'constants' | 'parts' | 'keywords'>>;

/** A signature in the notation of signature.ts with its evaluator: a plain function, or a body. */
export function on(text: string, body: PlainEvaluator | ScalarBody, extras: SignatureExtras = {}): Signature {
  return { shape: parseSignature(text), body: typeof body === 'function' ? plain(body) : body, ...extras };
}

/** The result type is that of the argument at `index`. */
export const resultOfArgument =
  (index: number, otherwise: SqlType) =>
  (types: readonly (SqlType | undefined)[]): SqlType =>
    types[index] ?? otherwise;

/** Refuses the first argument whose type lacks a property, whatever the others are. */
export const everyArgument =
  (what: string, has: (type: SqlType) => boolean): NonNullable<FunctionDefinition['accepts']> =>
  (args) => {
    const wrong = args.find((a) => (a.kind === 'value' ? !has(a.type) : a.kind === 'untyped' && a.emptyArray === true));
    return wrong === undefined ? undefined : `${what} is not defined for arguments of type ${wrong.kind === 'value' ? internalTypeName(wrong.type) : argumentDescription(wrong)}`;
  };

export function scalar(name: string, family: string, doc: string, signatures: readonly Signature[], extras: Extras = {}): FunctionDefinition {
  return {
    name,
    aliases: [],
    kind: name.startsWith('$') ? 'operator' : 'scalar',
    family,
    signatures,
    nullBehaviour: 'strict',
    lazy: false,
    volatility: 'immutable',
    safePrefix: !name.startsWith('$'),
    doc,
    ...extras,
  };
}

const ALL_MODIFIERS: AggregateModifiers = { distinct: true, orderBy: false, limit: false, having: true, nulls: false };

export function onRows(text: string, bind: (types: CallTypes) => Aggregator, extras: SignatureExtras = {}): Signature {
  return { shape: parseSignature(text), body: aggregator(bind), ...extras };
}

export function aggregate(
  name: string,
  doc: string,
  signatures: readonly Signature[],
  modifiers: Partial<AggregateModifiers> = {},
  extras: Pick<Extras, 'accepts' | 'aliases'> = {},
): FunctionDefinition {
  return {
    name,
    aliases: [],
    kind: 'aggregate',
    family: 'aggregate',
    signatures,
    nullBehaviour: 'custom',
    lazy: false,
    volatility: 'immutable',
    safePrefix: false,
    modifiers: { ...ALL_MODIFIERS, ...modifiers },
    doc,
    ...extras,
  };
}

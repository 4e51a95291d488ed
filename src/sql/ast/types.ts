/**
 * Type names as written: in CAST, typed constructors, literals, and column definitions.
 * The type is not resolved here: `SimpleType` is any path, be it INT64 or a protocol buffer message.
 * Source: GoogleSQL "Data types", Spanner "Data definition language" (scalar_type, array_type).
 */
import type { Identifier, Path, SourceRange } from './node.ts';

export type TypeName = SimpleType | ArrayType | StructType | RangeType | MapType | FunctionTypeName | TemplatedType;

/** `INT64`, `STRING(MAX)`, `BYTES(0x100)`, `NUMERIC(10, 2)`, `my.Proto`. */
export interface SimpleType extends SourceRange {
  readonly kind: 'simpleType';
  readonly name: Path;
  readonly parameters: readonly TypeParameter[];
}

/** `ARRAY<element>`, with `(vector_length=>n)` in a column definition. */
export interface ArrayType extends SourceRange {
  readonly kind: 'arrayType';
  readonly element: TypeName;
  /** From `(vector_length=>n)`. */
  readonly vectorLength: number | undefined;
}

export interface StructType extends SourceRange {
  readonly kind: 'structType';
  readonly fields: readonly StructTypeField[];
}

export interface StructTypeField extends SourceRange {
  readonly kind: 'structTypeField';
  readonly name: Identifier | undefined;
  readonly type: TypeName;
}

/** `RANGE<DATE>`: GoogleSQL has it, Spanner does not. */
export interface RangeType extends SourceRange {
  readonly kind: 'rangeType';
  readonly element: TypeName;
}

/** `MAP<K, V>`: GoogleSQL has it, Spanner does not. */
export interface MapType extends SourceRange {
  readonly kind: 'mapType';
  readonly key: TypeName;
  readonly value: TypeName;
}

/** `FUNCTION<(A, B)->C>`: GoogleSQL has it, Spanner does not. */
export interface FunctionTypeName extends SourceRange {
  readonly kind: 'functionType';
  readonly parameters: readonly TypeName[];
  readonly result: TypeName;
}

/** `ANY TYPE` as the type of a function's parameter. */
export interface TemplatedType extends SourceRange {
  readonly kind: 'templatedType';
}

/** A length or precision in parentheses after a type's name; `max` is the keyword MAX. */
export type TypeParameter =
  | { readonly kind: 'max' }
  | { readonly kind: 'length'; readonly value: number };

/**
 * What a fragment does with the rows of a scan, as bytes:
 *
 *   fragment    length of the template, template, time of the statement, default time zone, values of the slots
 *   template    version, layout of keys, columns, condition, cells to keep, aggregation, whether rows go as values; in version 03,
 *               the order of which only the first rows are wanted, and what is computed in place of the columns
 *
 * It stands for itself: the node that serves the rows may know an older or a newer schema, or none. The template is the
 * same for all runs of a statement, so that what is made of it can be kept.
 */
import { ByteReader, ByteWriter, CorruptBytes } from '../../base/bytes.ts';
import type { Expr } from '../bind/tree.ts';
import type { ResolvedCall } from '../functions/resolve.ts';
import { KeyLayout, type KeyPart, type Segment, type StoredColumn } from '../rows/keyspace.ts';
import type { SqlType } from '../types/types.ts';
import { ExpressionReader, ExpressionWriter, type SlotExpr } from './expressions.ts';
import { readKeyType, readType, writeKeyType, writeType } from './types.ts';

const VERSION = 2;
/** Written only where there is something of what came with it: nodes that do not know that know the rest. */
const VERSION_WITH_MORE = 3;

/** A column that the expressions refer to, by its position. */
export interface FragmentColumn {
  /** Of the column in its table: where the key or the record has it. */
  readonly id: number;
  readonly type: SqlType;
}

export interface PartialAggregate {
  readonly call: ResolvedCall;
  readonly args: readonly Expr[];
}
export interface Aggregation {
  readonly groups: readonly Expr[];
  readonly aggregates: readonly PartialAggregate[];
}

/** Of the rows, only the first `count` behind `offset` are wanted, in this order. They go as values. */
export interface Top {
  readonly keys: readonly { readonly expr: Expr; readonly descending: boolean; readonly nullsFirst: boolean }[];
  readonly count: Expr;
  readonly offset: Expr | undefined;
}

export interface Template {
  readonly layout: KeyLayout;
  readonly columns: readonly FragmentColumn[];
  readonly condition: Expr | undefined;
  /** The cells of kept rows that are wanted, by column id; undefined: all. */
  readonly keep: readonly number[] | undefined;
  /** In place of rows: groups of them. */
  readonly aggregation: Aggregation | undefined;
  /** In place of keys and records: the values of the columns (blocks.ts). */
  readonly asValues: boolean;
  readonly top?: Top | undefined;
  /** What goes as values: these, in place of all columns. */
  readonly outputs?: readonly Expr[] | undefined;
  readonly slots: number;
}

/** `ids` are those by which the expressions know the columns. */
export type TemplateInput = Omit<Template, 'slots'> & { readonly ids: readonly number[] };

/** A layout without its table or index. */
class BareLayout extends KeyLayout {
  readonly stored: readonly StoredColumn[];
  private readonly shared: boolean;

  constructor(prefix: string, parts: readonly KeyPart[], segments: readonly Segment[], stored: readonly StoredColumn[], isShared: boolean) {
    super(prefix, parts, segments);
    this.stored = stored;
    this.shared = isShared;
  }

  override get isShared(): boolean {
    return this.shared;
  }
}

export function encodeTemplate(input: TemplateInput): { readonly bytes: Uint8Array; readonly slots: readonly SlotExpr[] } {
  const { layout, columns, condition, keep, aggregation, asValues, top, outputs } = input;
  const hasMore = top !== undefined || outputs !== undefined;
  const out = new ByteWriter().u8(hasMore ? VERSION_WITH_MORE : VERSION);
  writeLayout(out, layout);
  const stored = new Set(layout.stored.map((c) => c.id));
  out.varint(columns.length);
  for (const { id, type } of columns) writeType(out.varint(id).bool(stored.has(id)), type);
  const expressions = new ExpressionWriter(out, new Map(input.ids.map((id, position) => [id, position])));
  out.bool(condition !== undefined);
  if (condition !== undefined) expressions.write(condition);
  out.bool(keep !== undefined);
  if (keep !== undefined) {
    out.varint(keep.length);
    for (const id of keep) out.varint(id);
  }
  out.bool(aggregation !== undefined);
  if (aggregation !== undefined) {
    expressions.list(aggregation.groups);
    out.varint(aggregation.aggregates.length);
    for (const { call, args } of aggregation.aggregates) {
      expressions.call(out, call);
      expressions.list(args);
    }
  }
  out.bool(asValues);
  if (hasMore) {
    out.bool(top !== undefined);
    if (top !== undefined) writeTop(out, expressions, top);
    out.bool(outputs !== undefined);
    if (outputs !== undefined) expressions.list(outputs);
  }
  return { bytes: out.finish(), slots: expressions.slots };
}

export function decodeTemplate(bytes: Uint8Array): Template {
  const input = new ByteReader(bytes);
  const version = input.u8();
  if (version !== VERSION && version !== VERSION_WITH_MORE) throw new CorruptBytes('fragment of an unknown version');
  const bare = readLayout(input);
  const columns: FragmentColumn[] = [];
  const stored: StoredColumn[] = [];
  for (let n = input.count(); n > 0; n--) {
    const id = input.varint();
    const isStored = input.bool();
    const column = { id, type: readType(input) };
    columns.push(column);
    if (isStored) stored.push(column);
  }
  const layout = new BareLayout(bare.prefix, bare.parts, bare.segments, stored, bare.isShared);
  const expressions = new ExpressionReader(input, columns.length);
  const condition = input.bool() ? expressions.read() : undefined;
  const keep = input.bool() ? readIds(input) : undefined;
  const aggregation = input.bool() ? readAggregation(input, expressions) : undefined;
  const asValues = input.bool();
  const hasMore = version === VERSION_WITH_MORE;
  const top = hasMore && input.bool() ? readTop(input, expressions) : undefined;
  const outputs = hasMore && input.bool() ? expressions.list() : undefined;
  input.end();
  if (hasMore && (!asValues || (top !== undefined && outputs !== undefined))) throw new CorruptBytes('first rows, and what is computed, go as values');
  return { layout, columns, condition, keep, aggregation, asValues, top, outputs, slots: expressions.slots };
}

function readIds(input: ByteReader): number[] {
  const ids: number[] = [];
  for (let n = input.count(); n > 0; n--) ids.push(input.varint());
  return ids;
}

function readAggregation(input: ByteReader, expressions: ExpressionReader): Aggregation {
  const groups = expressions.list();
  const aggregates: PartialAggregate[] = [];
  for (let n = input.count(); n > 0; n--) {
    const call = expressions.call();
    const args = expressions.list();
    if (call.definition.kind !== 'aggregate' || args.length !== call.argumentTypes.length) throw new CorruptBytes('not an aggregate call');
    aggregates.push({ call, args });
  }
  return { groups, aggregates };
}

function writeTop(out: ByteWriter, expressions: ExpressionWriter, { keys, count, offset }: Top): void {
  out.varint(keys.length);
  for (const { expr, descending, nullsFirst } of keys) {
    out.bool(descending).bool(nullsFirst);
    expressions.write(expr);
  }
  expressions.write(count);
  out.bool(offset !== undefined);
  if (offset !== undefined) expressions.write(offset);
}

function readTop(input: ByteReader, expressions: ExpressionReader): Top {
  const keys: { expr: Expr; descending: boolean; nullsFirst: boolean }[] = [];
  for (let n = input.count(); n > 0; n--) keys.push({ descending: input.bool(), nullsFirst: input.bool(), expr: expressions.read() });
  const count = expressions.read();
  return { keys, count, offset: input.bool() ? expressions.read() : undefined };
}

function writeLayout(out: ByteWriter, layout: KeyLayout): void {
  out.binary(layout.prefix).bool(layout.isShared).varint(layout.segments.length);
  for (const { tag, from, to } of layout.segments) out.binary(tag).varint(from).varint(to);
  out.varint(layout.parts.length);
  for (const { column, type, descending } of layout.parts) {
    writeKeyType(out.varint(column.id), type);
    writeType(out.bool(descending), column.type);
  }
}

interface LayoutShape {
  readonly prefix: string;
  readonly isShared: boolean;
  readonly segments: readonly Segment[];
  readonly parts: readonly KeyPart[];
}

function readLayout(input: ByteReader): LayoutShape {
  const prefix = input.binary();
  const isShared = input.bool();
  const segments: Segment[] = [];
  for (let n = input.count(); n > 0; n--) segments.push({ tag: input.binary(), from: input.varint(), to: input.varint() });
  const parts: KeyPart[] = [];
  for (let n = input.count(); n > 0; n--) {
    const id = input.varint();
    const type = readKeyType(input);
    parts.push({ type, descending: input.bool(), column: { id, type: readType(input) } });
  }
  // Segments follow each other and are made of the parts, all of them.
  let at = 0;
  for (const { from, to } of segments) {
    if (from !== at || to < from) throw new CorruptBytes('segments of a key do not follow each other');
    at = to;
  }
  if (at !== parts.length) throw new CorruptBytes('segments of a key are not made of its parts');
  return { prefix, isShared, segments, parts };
}

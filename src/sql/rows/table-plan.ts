/**
 * What writing to a table involves, worked out once per table and schema: positions of columns in rows, indexes, generated
 * columns in the order in which they can be computed, constraints in both directions.
 */
import { defined } from '../../base/assert.ts';
import type { CheckRule, Column, ColumnId, ForeignKeyConstraint, Index, ObjectId, Table } from '../schema/objects.ts';
import type { IndexLayout, KeySpace, TableLayout } from './keyspace.ts';
import { tableDecoder, type RowDecoder } from './decode.ts';
import type { WriteKind } from './values.ts';
import { writeShape, type WriteShape } from './write-shape.ts';

/** Remembered for a table; more of them are worked out each time. */
const MAX_SHAPES = 64;

export interface IndexPlan {
  readonly index: Index;
  readonly layout: IndexLayout;
  /** Positions, in rows, of the entry key's parts and of the entry's cells. */
  readonly keyPositions: readonly number[];
  readonly cellPositions: readonly number[];
  /** A NULL at one of these positions keeps the row out of the index. */
  readonly filterPositions: readonly number[];
  /** All positions that an entry depends on. */
  readonly uses: ReadonlySet<number>;
}

export class TablePlan {
  readonly table: Table;
  readonly layout: TableLayout;
  readonly positions: ReadonlyMap<ColumnId, number>;
  readonly keyPositions: readonly number[];
  readonly isKey: ReadonlySet<number>;
  readonly indexes: readonly IndexPlan[];
  /** Positions of generated columns, each after those it depends on. */
  readonly generated: readonly number[];
  /** Those of them that are not stored, and that an index, a key or a rule of the table reads: computed for rows as stored. */
  readonly virtual: readonly number[];
  readonly references: readonly ForeignKeyConstraint[];
  readonly referencedBy: readonly ForeignKeyConstraint[];
  readonly checks: readonly CheckRule[];
  readonly children: readonly Table[];
  readonly parent: TableLayout | undefined;
  readonly decode: RowDecoder;
  private readonly shapes = new Map<string, WriteShape>();

  constructor(keySpace: KeySpace, table: Table) {
    const { schema } = keySpace;
    this.table = table;
    this.layout = keySpace.table(table);
    this.positions = new Map(table.columns.map((column, position) => [column.id, position]));
    this.keyPositions = table.primaryKey.map((part) => this.position(part.column));
    this.isKey = new Set(this.keyPositions);
    this.indexes = schema.indexesOf(table.id).map((index) => this.indexPlan(keySpace.index(index)));
    this.generated = generationOrder(table).map((id) => this.position(id));
    this.references = table.foreignKeys.filter((key) => key.enforced);
    this.referencedBy = schema.referencesTo(table.id).filter((key) => key.enforced);
    this.checks = table.checks;
    this.virtual = this.virtualPositions();
    this.children = schema.childrenOf(table.id).filter((child) => child.interleave?.inParent === true);
    this.parent = table.interleave?.inParent === true ? keySpace.table(schema.tableById(table.interleave.parent)) : undefined;
    this.decode = tableDecoder(this.layout, table.columns);
  }

  position(column: ColumnId): number {
    return defined(this.positions.get(column), 'column is not of the table');
  }

  column(position: number): Column {
    return defined(this.table.columns[position], 'position is not of the table');
  }

  /** Throws when the columns cannot be written so. */
  shape(kind: WriteKind, columns: readonly ColumnId[]): WriteShape {
    const name = `${kind} ${columns.join(' ')}`;
    let shape = this.shapes.get(name);
    if (shape === undefined) {
      shape = writeShape(this, kind, columns);
      if (this.shapes.size < MAX_SHAPES) this.shapes.set(name, shape);
    }
    return shape;
  }

  /** A row's key values, in key order. */
  keyOf<T>(row: readonly T[]): T[] {
    return this.keyPositions.map((position) => defined(row[position], 'row lacks a key value'));
  }

  private virtualPositions(): number[] {
    const isVirtual = (position: number): boolean => {
      const { value } = this.column(position);
      return value?.kind === 'generated' && !value.stored && !this.isKey.has(position);
    };
    const candidates = this.generated.filter(isVirtual);
    if (candidates.length === 0) return [];
    const read = new Set([
      ...this.indexes.flatMap(({ uses }) => [...uses]),
      ...[...this.references.flatMap((key) => key.columns), ...this.referencedBy.flatMap((key) => key.referencedColumns), ...this.checks.flatMap((check) => check.dependsOn)].map((id) => this.position(id)),
    ]);
    // Each comes after those it depends on: from the last, so that they are found in one round.
    for (const position of this.generated.toReversed()) {
      const { value } = this.column(position);
      if (value?.kind === 'generated' && (value.stored || read.has(position))) for (const id of value.dependsOn) read.add(this.position(id));
    }
    return candidates.filter((position) => read.has(position));
  }

  private indexPlan(layout: IndexLayout): IndexPlan {
    const { index } = layout;
    const keyPositions = layout.parts.map((part) => this.position(part.column.id));
    const cellPositions = layout.cellColumns.map((column) => this.position(column.id));
    const filtered = [...(index.nullFiltered ? index.keys.map((key) => key.column) : []), ...index.whereNotNull];
    const filterPositions = filtered.map((column) => this.position(column));
    return { index, layout, keyPositions, cellPositions, filterPositions, uses: new Set([...keyPositions, ...cellPositions, ...filterPositions]) };
  }

  /** Whether deleting a row means more than removing its key: entries, children or referencing rows. */
  get deletesSimply(): boolean {
    return this.indexes.length === 0 && this.referencedBy.length === 0;
  }
}

/** Generated columns so that each comes after those it depends on; the schema has no cycles. */
function generationOrder(table: Table): ColumnId[] {
  const ordered: ColumnId[] = [];
  const visit = (column: Column): void => {
    if (column.value?.kind !== 'generated' || ordered.includes(column.id)) return;
    for (const id of column.value.dependsOn) {
      const other = table.columns.find((candidate) => candidate.id === id);
      if (other !== undefined) visit(other);
    }
    ordered.push(column.id);
  };
  for (const column of table.columns) visit(column);
  return ordered;
}

export class TablePlans {
  readonly keySpace: KeySpace;
  private readonly plans = new Map<ObjectId, TablePlan>();

  constructor(keySpace: KeySpace) {
    this.keySpace = keySpace;
  }

  of(table: Table): TablePlan {
    let plan = this.plans.get(table.id);
    if (plan === undefined) {
      plan = new TablePlan(this.keySpace, table);
      this.plans.set(table.id, plan);
    }
    return plan;
  }
}

const plansByKeySpace = new WeakMap<KeySpace, TablePlans>();

/** The plans of a key space, shared by all writers over it: a plan is made once per table and schema. */
export function plansOf(keySpace: KeySpace): TablePlans {
  let plans = plansByKeySpace.get(keySpace);
  if (plans === undefined) {
    plans = new TablePlans(keySpace);
    plansByKeySpace.set(keySpace, plans);
  }
  return plans;
}

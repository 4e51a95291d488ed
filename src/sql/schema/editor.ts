/**
 * One schema statement in progress: a working copy of the schema's lists and the actions collected. It lives within one call of
 * applyDdl; the schema that it started from stays as it is.
 */
import type { TrestleError } from '../../base/errors.ts';
import { notFound } from '../../base/errors.ts';
import type { SchemaAction } from './actions.ts';
import type { ExpressionChecker } from './checker.ts';
import type { Index, ObjectId, SchemaData, Table } from './objects.ts';
import { duplicateName } from './names.ts';
import { Schema } from './schema.ts';

export interface DdlContext {
  /** Types expressions and views; without it only their syntax is looked at. */
  readonly checker: ExpressionChecker | undefined;
  /** Whether a built-in function has this name, which views and functions may not take. */
  readonly isBuiltInFunction?: (upperName: string) => boolean;
}

export class SchemaEditor {
  readonly context: DdlContext;
  /** The text of the statement, for messages. */
  readonly text: string;
  readonly actions: SchemaAction[] = [];
  private current: Schema;

  constructor(schema: Schema, text: string, context: DdlContext) {
    this.current = schema;
    this.text = text;
    this.context = context;
  }

  /** The schema as changed so far. */
  get schema(): Schema {
    return this.current;
  }

  get data(): SchemaData {
    return this.current.data;
  }

  change(changes: Partial<SchemaData>): void {
    this.current = new Schema({ ...this.current.data, ...changes });
  }

  act(action: SchemaAction): void {
    this.actions.push(action);
  }

  allocateId(): ObjectId {
    const id = this.data.nextId;
    this.change({ nextId: id + 1 });
    return id;
  }

  /** Fails when the name is in use by any object. */
  claim(name: string): void {
    if (this.current.find(name) !== undefined) throw duplicateName(name);
  }

  isTaken = (name: string): boolean => this.current.find(name) !== undefined;

  table(name: string): Table {
    const table = this.current.table(name);
    if (table === undefined) throw tableNotFound(name);
    return table;
  }

  addTable(table: Table): void {
    this.change({ tables: [...this.data.tables, table] });
  }

  replaceTable(table: Table): Table {
    this.change({ tables: this.data.tables.map((other) => (other.id === table.id ? table : other)) });
    return table;
  }

  removeTable(id: ObjectId): void {
    this.change({ tables: this.data.tables.filter((table) => table.id !== id) });
  }

  addIndex(index: Index): void {
    this.change({ indexes: [...this.data.indexes, index] });
    this.act({ kind: 'backfillIndex', index: index.id });
  }

  replaceIndex(index: Index): void {
    this.change({ indexes: this.data.indexes.map((other) => (other.id === index.id ? index : other)) });
  }

  removeIndex(id: ObjectId): void {
    this.change({ indexes: this.data.indexes.filter((index) => index.id !== id) });
    // An index made and dropped by one statement has no data.
    const made = this.actions.findIndex((action) => action.kind === 'backfillIndex' && action.index === id);
    if (made >= 0) this.actions.splice(made, 1);
    else this.act({ kind: 'dropIndexData', index: id });
  }

  finish(): Schema {
    this.change({ version: this.data.version + 1 });
    return this.current;
  }
}

export const tableNotFound = (name: string): TrestleError => notFound(`Table not found: ${name}`);

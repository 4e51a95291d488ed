/** Indexes and foreign keys, which are made when the rows are there, and the order of the tables. */
import { quote } from '../sql/schema/quote.ts';
import type { Converted, Converter, TargetColumn, TargetTable } from './convert.ts';
import { columnKey } from './expressions.ts';
import type { Dialect } from './dialect.ts';
import type { SourceForeignKey, SourceIndex, SourceSchema } from './model.ts';
import type { Report } from './report.ts';

/** A statement with the place in the dump that asked for it. */
export interface LaterStatement {
  /** Of the index, with its schema where that is not the default one, or of the constraint. */
  readonly name: string;
  readonly ddl: string;
  readonly what: string;
  readonly line: number;
}

export class KeyConverter {
  readonly #dialect: Dialect;
  readonly #schema: SourceSchema;
  readonly #report: Report;
  readonly #converter: Converter;
  readonly #converted: Converted;
  readonly #byName: ReadonlyMap<string, TargetTable>;

  constructor(dialect: Dialect, schema: SourceSchema, report: Report, converter: Converter, converted: Converted) {
    this.#dialect = dialect;
    this.#schema = schema;
    this.#report = report;
    this.#converter = converter;
    this.#converted = converted;
    this.#byName = new Map([...converted.names].map(([source, table]) => [this.#tableKey(source.name), table]));
  }

  #tableKey(name: string): string {
    return this.#dialect === 'postgresql' ? name : name.toLowerCase();
  }

  indexes(): readonly LaterStatement[] {
    return this.#schema.indexes.flatMap((index) => this.#index(index) ?? []);
  }

  foreignKeys(): readonly LaterStatement[] {
    return this.#schema.foreignKeys.flatMap((key) => this.#foreignKey(key) ?? []);
  }

  /** Undefined for a partition, whose keys are its parent's, and for a table that was lost itself. */
  #table(name: string): TargetTable | undefined {
    return this.#byName.get(this.#tableKey(name));
  }

  #column(table: TargetTable, name: string): TargetColumn | undefined {
    const key = columnKey(name, this.#dialect, true);
    return table.columns.find((column) => columnKey(column.source.name, this.#dialect, true) === key);
  }

  #name(table: TargetTable, name: string, kind: string, line: number): string {
    const schema = table.name.includes('.') ? (table.name.split('.')[0] ?? '') : '';
    return this.#converter.names(schema).assign(name, kind, line, this.#report);
  }

  #unreportedName(table: TargetTable, name: string, line: number): string {
    const schema = table.name.includes('.') ? (table.name.split('.')[0] ?? '') : '';
    return this.#converter.names(schema).assign(name, 'Name', line, undefined);
  }

  #index(index: SourceIndex): LaterStatement | undefined {
    const table = this.#table(index.table);
    if (table === undefined) return undefined;
    const what = `index ${index.name ?? `on ${index.table}`}`;
    const parts = index.parts.map((part) => ({ ...part, target: this.#column(table, part.column) }));
    const bad = parts.find(({ target }) => target === undefined || target.type.array === true || target.type.code === 'JSON');
    if (bad !== undefined) {
      this.#report.lost(index.line, what, `${bad.column} cannot be in an index`);
      return undefined;
    }
    const where = index.where === undefined ? [] : notNullColumns(index.where);
    if (where === undefined) {
      this.#report.lost(index.line, `${what} WHERE ${index.where ?? ''}`, 'a partial index can only leave out NULLs');
      return undefined;
    }
    const local = table.name.split('.').at(-1) ?? '';
    // In MySQL the names of indexes belong to their tables.
    const wished = index.name === undefined || index.name.startsWith('sqlite_autoindex') ? `${local}_${index.parts.map((part) => part.column).join('_')}` : this.#dialect === 'mysql' ? `${local}_${index.name}` : index.name;
    const schema = table.name.includes('.') ? `${table.name.split('.')[0] ?? ''}.` : '';
    const name = `${schema}${this.#dialect === 'mysql' ? this.#unreportedName(table, wished, index.line) : this.#name(table, wished, 'Index', index.line)}`;
    const key = parts.map(({ target, descending }) => `${quote(target?.name ?? '')}${descending ? ' DESC' : ''}`).join(', ');
    // Elsewhere NULLs differ from each other; in a unique index here they do not.
    const filtered = index.unique && parts.some(({ target }) => target?.source.notNull === false && !table.source.primaryKey?.some((part) => part.column === target.source.name));
    const storing = index.storing.flatMap((column) => this.#column(table, column)?.name ?? []);
    const condition = where.flatMap((column) => this.#column(table, column)?.name ?? []);
    const ddl = [
      `CREATE ${index.unique ? 'UNIQUE ' : ''}${filtered ? 'NULL_FILTERED ' : ''}INDEX ${quote(name)} ON ${quote(table.name)} (${key})`,
      ...(storing.length === 0 ? [] : [`STORING (${storing.map(quote).join(', ')})`]),
      ...(condition.length === 0 || filtered ? [] : [`WHERE ${condition.map((column) => `${quote(column)} IS NOT NULL`).join(' AND ')}`]),
    ].join(' ');
    return { name, ddl, what, line: index.line };
  }

  #foreignKey(key: SourceForeignKey): LaterStatement | undefined {
    const table = this.#table(key.table);
    if (table === undefined) return undefined;
    const what = `foreign key ${key.name ?? ''} of ${key.table}`.replace('  ', ' ');
    const referenced = this.#table(key.referenced);
    const referencedNames = key.referencedColumns.length > 0 ? key.referencedColumns : (referenced?.source.primaryKey ?? []).map((part) => part.column);
    const columns = key.columns.map((column) => this.#column(table, column)?.name);
    const targets = referenced === undefined ? [] : referencedNames.map((column) => this.#column(referenced, column)?.name);
    if (referenced === undefined || targets.length === 0 || columns.includes(undefined) || targets.includes(undefined)) {
      this.#report.lost(key.line, what, `${key.referenced} or a column of it is not there`);
      return undefined;
    }
    if (key.onUpdate !== undefined && key.onUpdate !== 'NO ACTION' && key.onUpdate !== 'RESTRICT') this.#report.lost(key.line, `ON UPDATE ${key.onUpdate} of ${what}`, 'keys do not change here');
    if (key.onDelete !== undefined && !['CASCADE', 'NO ACTION', 'RESTRICT'].includes(key.onDelete)) this.#report.lost(key.line, `ON DELETE ${key.onDelete} of ${what}`, 'only CASCADE and NO ACTION are there');
    // A name of its own tells whether it was made, when a change of several statements fails.
    const wished = key.name === undefined || /^(?:PK_|CK_IS_NOT_NULL_)/i.test(key.name) ? undefined : key.name;
    const local = table.name.split('.').at(-1) ?? '';
    const name = this.#converter.names('').assign(wished ?? `${local}_${key.columns.join('_')}_fkey`, 'Foreign key', key.line, wished === undefined ? undefined : this.#report);
    const list = (names: readonly (string | undefined)[]): string => names.map((each) => quote(each ?? '')).join(', ');
    return { name, ddl: `ALTER TABLE ${quote(table.name)} ADD CONSTRAINT ${quote(name)} FOREIGN KEY (${list(columns)}) REFERENCES ${quote(referenced.name)} (${list(targets)})${key.onDelete === 'CASCADE' ? ' ON DELETE CASCADE' : ''}`, what, line: key.line };
  }

  /** Tables after those that they refer to, as far as there are no circles. */
  ordered(): readonly TargetTable[] {
    const done = new Set<TargetTable>();
    const referenced = new Map<TargetTable, TargetTable[]>();
    for (const key of this.#schema.foreignKeys) {
      const [from, to] = [this.#table(key.table), this.#table(key.referenced)];
      if (from !== undefined && to !== undefined) referenced.set(from, [...(referenced.get(from) ?? []), to]);
    }
    const begun = new Set<TargetTable>();
    // With a stack of its own: a chain of tables may be as long as the schema.
    const stack = this.#converted.tables.toReversed().map((table) => ({ table, isLeft: false }));
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top.isLeft) done.add(top.table);
      else if (!begun.has(top.table)) {
        begun.add(top.table);
        stack.push({ table: top.table, isLeft: true }, ...(referenced.get(top.table) ?? []).map((table) => ({ table, isLeft: false })));
      }
    }
    return [...done];
  }
}

/** The columns of `a IS NOT NULL AND b IS NOT NULL`; undefined for any other condition. */
function notNullColumns(where: string): readonly string[] | undefined {
  const bare = where.replaceAll(/[()]/g, ' ').trim();
  if (!/^["`]?\w+["`]?\s+IS\s+NOT\s+NULL(?:\s+AND\s+["`]?\w+["`]?\s+IS\s+NOT\s+NULL)*$/i.test(bare)) return undefined;
  return bare.split(/\s+AND\s+/i).map((part) => part.replace(/\s+IS\s+NOT\s+NULL$/i, '').replaceAll(/["`]/g, ''));
}

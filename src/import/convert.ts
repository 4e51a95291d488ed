/** The schema of a dump as schema statements of GoogleSQL, and what the rows need to know of them. */
import { quote } from '../sql/schema/quote.ts';
import { cellOf, UnfitValue } from './cells.ts';
import type { Dialect } from './dialect.ts';
import { columnKey, type ColumnNames, type Expressions } from './expressions.ts';
import { Untranslatable } from './functions.ts';
import { literalOf, stringLiteral } from './literals.ts';
import type { SourceColumn, SourceSchema, SourceTable } from './model.ts';
import { Names } from './names.ts';
import type { Report } from './report.ts';
import { mapType, printType, type Mapping, type TargetType } from './types.ts';
import { readRow } from './values.ts';

export interface TargetColumn {
  readonly name: string;
  readonly source: SourceColumn;
  readonly type: TargetType;
  /** False for a generated column: its values are not written. */
  readonly isWritten: boolean;
}

/** A part of a CREATE TABLE that the server may refuse, since its types are not checked here. */
interface Clause {
  readonly what: string;
  readonly line: number;
  readonly text: string;
}

export interface TargetTable {
  readonly name: string;
  readonly source: SourceTable;
  readonly columns: readonly TargetColumn[];
  /** The key that a table without one gets: the number of the row, its bits reversed. */
  readonly rowId: string | undefined;
  /** Expressions among the clauses, for when the server refuses the statement with them. */
  readonly expressions: readonly Clause[];
  /** CREATE TABLE, with expressions or without. */
  readonly ddl: (withExpressions: boolean) => string;
}

export interface Converted {
  readonly tables: readonly TargetTable[];
  readonly names: ReadonlyMap<SourceTable, TargetTable>;
}

/** Types that a key or an index cannot have. */
const isKeyable = (type: TargetType): boolean => type.array !== true && type.code !== 'JSON';

/** Types by column where their values told them (SQLite). */
export type TypeOverrides = ReadonlyMap<SourceColumn, TargetType>;

export class Converter {
  readonly #dialect: Dialect;
  readonly #schema: SourceSchema;
  readonly #report: Report;
  readonly #expressions: Expressions;
  readonly #overrides: TypeOverrides;
  readonly #spaces = new Map<string, Names>();

  constructor(dialect: Dialect, schema: SourceSchema, report: Report, expressions: Expressions, overrides: TypeOverrides) {
    this.#dialect = dialect;
    this.#schema = schema;
    this.#report = report;
    this.#expressions = expressions;
    this.#overrides = overrides;
  }

  /** Names of tables, indexes and constraints in a schema; '' is the default one. */
  names(schema: string): Names {
    let names = this.#spaces.get(schema.toLowerCase());
    if (names === undefined) {
      names = new Names();
      this.#spaces.set(schema.toLowerCase(), names);
    }
    return names;
  }

  /** `rowCounts`: where the numbers of rows without a key of their own go on. */
  tables(rowCounts: ReadonlyMap<SourceTable, number>): Converted {
    const tables: TargetTable[] = [];
    const names = new Map<SourceTable, TargetTable>();
    const schemas = new Names();
    const schemaNames = new Map<string, string>();
    for (const source of [...this.#schema.tables.values()].filter((table) => table.partitionOf === undefined)) {
      const [local = '', schema] = source.name.split('.').toReversed();
      if (schema !== undefined && !schemaNames.has(schema)) schemaNames.set(schema, schemas.assign(schema, 'Schema', source.line, this.#report));
      const prefix = schema === undefined ? '' : `${schemaNames.get(schema) ?? ''}.`;
      const table = this.#table(source, `${prefix}${this.names(prefix.slice(0, -1)).assign(local, 'Table', source.line, this.#report)}`, rowCounts.get(source) ?? 0);
      tables.push(table);
      names.set(source, table);
    }
    return { tables, names };
  }

  #table(source: SourceTable, name: string, rows: number): TargetTable {
    const taken = new Names();
    const columns: { readonly target: TargetColumn; readonly mapping: Mapping }[] = [];
    for (const column of source.columns) {
      const mapping = this.#mapping(source, column);
      if (mapping.note !== undefined) this.#report.changed(column.line, `${source.name}.${column.name}`, mapping.note);
      columns.push({ mapping, target: { name: taken.assign(column.name, 'Column', column.line, this.#report), source: column, type: mapping.type, isWritten: column.generated === undefined } });
    }
    const key = this.#key(source, columns.map((column) => column.target));
    const rowId = key === undefined ? taken.assign('row_id', 'Column', source.line, undefined) : undefined;
    if (rowId !== undefined) this.#report.changed(source.line, `Table ${source.name}`, `has no primary key: column ${rowId} is added as one`);
    const columnNames: ColumnNames = new Map(columns.map(({ target }) => [columnKey(target.source.name, this.#dialect, true), quote(target.name)]));
    const expressions: Clause[] = [];
    const lines = columns.map(({ target, mapping }) => this.#column(source, target, mapping, key, columnNames, expressions));
    const checks = this.#checks(source, columns, columnNames, expressions);
    const keyText = key ?? quote(rowId ?? '');
    const ddl = (withExpressions: boolean): string => {
      const body = [
        ...(rowId === undefined ? [] : [`${quote(rowId)} INT64 NOT NULL GENERATED BY DEFAULT AS IDENTITY (BIT_REVERSED_POSITIVE START COUNTER WITH ${String(rows + 1)})`]),
        ...lines.map((line) => line(withExpressions)),
        ...(withExpressions ? checks : []),
      ];
      return `CREATE TABLE ${quote(name)} (\n${body.map((line) => `  ${line},\n`).join('')}) PRIMARY KEY (${keyText})`;
    };
    return { name, source, columns: columns.map((column) => column.target), rowId, expressions, ddl };
  }

  #mapping(source: SourceTable, column: SourceColumn): Mapping {
    const told = this.#overrides.get(column);
    if (told !== undefined) return { type: told };
    // MariaDB's JSON is a text with a check.
    const isJson = column.type.name === 'json' || source.checks.some(({ expression }) => isJsonCheck(expression, column.name));
    return isJson ? { type: { code: 'JSON' } } : mapType(column.type, this.#schema, this.#dialect);
  }

  /** The parts of the primary key; undefined when there is none that can be. */
  #key(source: SourceTable, columns: readonly TargetColumn[]): string | undefined {
    if (source.primaryKey === undefined) return undefined;
    const parts = source.primaryKey.map((part) => ({ part, column: this.#find(columns, part.column) }));
    const bad = parts.find(({ column }) => column === undefined || !isKeyable(column.type));
    if (bad === undefined) return parts.map(({ part, column }) => `${quote(column?.name ?? '')}${part.descending ? ' DESC' : ''}`).join(', ');
    this.#report.lost(source.line, `primary key of ${source.name}`, `${bad.part.column} cannot be in a key`);
    return undefined;
  }

  #find(columns: readonly TargetColumn[], name: string): TargetColumn | undefined {
    const key = columnKey(name, this.#dialect, true);
    return columns.find((column) => columnKey(column.source.name, this.#dialect, true) === key);
  }

  #column(source: SourceTable, column: TargetColumn, mapping: Mapping, key: string | undefined, names: ColumnNames, expressions: Clause[]): (withExpressions: boolean) => string {
    const { source: from, type } = column;
    const head = `${quote(column.name)} ${printType(type)}`;
    const what = `${source.name}.${from.name}`;
    const isOnlyKey = source.primaryKey?.length === 1 && source.primaryKey[0]?.column === from.name;
    const isNumbered = from.autoIncrement || /\bnextval\s*\(/i.test(from.default ?? '') || (this.#dialect === 'sqlite' && isOnlyKey && from.type.name === 'integer');
    const notNull = from.notNull || (isOnlyKey && isNumbered) || (key !== undefined && this.#dialect !== 'sqlite' && source.primaryKey?.some((part) => part.column === from.name)) ? ' NOT NULL' : '';
    if (from.onUpdate !== undefined) this.#report.lost(from.line, `ON UPDATE of ${what}`, 'no counterpart but PENDING_COMMIT_TIMESTAMP()');
    if (isNumbered && type.code === 'INT64') return () => `${head}${notNull} GENERATED BY DEFAULT AS IDENTITY (BIT_REVERSED_POSITIVE${skipRange(source.lastNumber)})`;
    if (from.generated !== undefined) {
      const text = this.#translated(from.generated, `the generated value of ${what}`, from.line, names, expressions);
      return (withExpressions) => (text === undefined ? head : withExpressions ? `${head}${notNull} AS (${text}) STORED` : head);
    }
    const fallback = this.#default(column, mapping, what, expressions);
    return (withExpressions) => `${head}${notNull}${fallback === undefined || (fallback.isExpression && !withExpressions) ? '' : ` DEFAULT (${fallback.text})`}`;
  }

  #default(column: TargetColumn, { type }: Mapping, what: string, expressions: Clause[]): { readonly text: string; readonly isExpression: boolean } | undefined {
    const { default: written, line } = column.source;
    if (written === undefined || /^\(*NULL\b/i.test(written)) return undefined;
    const literal = this.#literal(written, type, what, line);
    if (literal !== undefined) return literal === '' ? undefined : { text: literal, isExpression: false };
    const text = this.#translated(written, `the default of ${what}`, line, new Map(), expressions);
    return text === undefined ? undefined : { text: type.code === 'UUID' && text === 'GENERATE_UUID()' ? 'NEW_UUID()' : text, isExpression: true };
  }

  /** Undefined: it is no literal. Empty: it is one, that the column's type does not hold, which is reported. */
  #literal(written: string, type: TargetType, what: string, line: number): string | undefined {
    let text = written.trim();
    while (/^\((?:[^()']|'[^']*')*\)$/.test(text)) text = text.slice(1, -1).trim();
    let values;
    try {
      values = readRow(`(${text})`, this.#dialect);
    } catch {
      return undefined;
    }
    const [value] = values;
    if (value === undefined || values.length > 1) return undefined;
    // CURRENT_TIMESTAMP in quotes is a text in every dialect, but 'now' is none in PostgreSQL.
    if (this.#dialect === 'postgresql' && value.kind === 'text' && /^(?:now|today|tomorrow|yesterday)$/i.test(value.bytes) && (type.code === 'DATE' || type.code === 'TIMESTAMP')) return undefined;
    try {
      return literalOf(cellOf(value, type, this.#dialect), type);
    } catch (error) {
      if (!(error instanceof UnfitValue)) throw error;
      this.#report.lost(line, `the default of ${what}`, error.message);
      return '';
    }
  }

  #checks(source: SourceTable, columns: readonly { readonly target: TargetColumn; readonly mapping: Mapping }[], names: ColumnNames, expressions: Clause[]): readonly string[] {
    // Names of constraints have no schema.
    const space = this.names('');
    const enumerations = columns.flatMap(({ target, mapping }) => (mapping.values === undefined || mapping.type.array === true ? [] : [`CHECK (${quote(target.name)} IN (${mapping.values.map(stringLiteral).join(', ')}))`]));
    const written = source.checks.flatMap(({ name, expression, line }) => {
      if (columns.some(({ target }) => isJsonCheck(expression, target.source.name))) return [];
      const text = this.#translated(expression, `CHECK of ${source.name}`, line, names, expressions);
      if (text === undefined) return [];
      const isNamed = name !== undefined && !/^(?:PK_|CK_IS_NOT_NULL_)/i.test(name);
      return [`${isNamed ? `CONSTRAINT ${quote(space.assign(name, 'Constraint', line, this.#report))} ` : ''}CHECK (${text})`];
    });
    return [...enumerations, ...written];
  }

  #translated(expression: string, what: string, line: number, names: ColumnNames, expressions: Clause[]): string | undefined {
    try {
      const text = this.#expressions.translate(expression, names);
      expressions.push({ what, line, text });
      return text;
    } catch (error) {
      if (!(error instanceof Untranslatable)) throw error;
      this.#report.lost(line, `${what}: ${expression}`, error.message);
      return undefined;
    }
  }
}

const skipRange = (last: bigint | undefined): string => (last === undefined || last < 1n ? '' : ` SKIP RANGE 1, ${String(last)}`);

const isJsonCheck = (expression: string, column: string): boolean => new RegExp(`^\\(*json_valid\\(\`?${column.replaceAll(/\W/g, '.')}\`?\\)\\)*$`, 'i').test(expression);

/** What a dump says about its tables, whatever the dialect: the middle between its statements and GoogleSQL's. */

/** `varchar(20)`: base name in lower case without its arguments, then the arguments, then what follows them. */
export interface SourceType {
  readonly name: string;
  readonly args: readonly string[];
  readonly unsigned: boolean;
  readonly array: boolean;
}

export interface SourceColumn {
  readonly name: string;
  type: SourceType;
  notNull: boolean;
  /** Expressions are in the dump's dialect. */
  default: string | undefined;
  generated: string | undefined;
  /** An expression that every update of the row sets the column to. */
  onUpdate: string | undefined;
  autoIncrement: boolean;
  readonly line: number;
}

export interface KeyPart {
  readonly column: string;
  readonly descending: boolean;
}

export interface SourceIndex {
  readonly name: string | undefined;
  readonly table: string;
  readonly unique: boolean;
  readonly parts: readonly KeyPart[];
  readonly storing: readonly string[];
  /** The condition of a partial index. */
  readonly where: string | undefined;
  readonly line: number;
}

export interface SourceForeignKey {
  readonly name: string | undefined;
  readonly table: string;
  readonly columns: readonly string[];
  readonly referenced: string;
  /** Empty: the other table's primary key. */
  readonly referencedColumns: readonly string[];
  readonly onDelete: string | undefined;
  readonly onUpdate: string | undefined;
  readonly line: number;
}

export interface SourceCheck {
  readonly name: string | undefined;
  readonly expression: string;
  readonly line: number;
}

export interface SourceTable {
  /** `table`, or `schema.table`; the dialect's default schema is left out. */
  readonly name: string;
  readonly columns: SourceColumn[];
  primaryKey: readonly KeyPart[] | undefined;
  readonly checks: SourceCheck[];
  /** Its rows are those of the table that it is a partition of. */
  partitionOf: string | undefined;
  /** The highest number that the automatic column has given out, as the dump says. */
  lastNumber: bigint | undefined;
  readonly line: number;
}

export interface SourceSchema {
  readonly tables: Map<string, SourceTable>;
  readonly indexes: SourceIndex[];
  readonly foreignKeys: SourceForeignKey[];
  /** Values of enumerations by the type's name. */
  readonly enums: Map<string, readonly string[]>;
  /** The types that domains stand for. */
  readonly domains: Map<string, SourceType>;
  /** Sequences to the column that they number: `table` and column. */
  readonly owned: Map<string, string>;
}

export const emptySchema = (): SourceSchema => ({ tables: new Map(), indexes: [], foreignKeys: [], enums: new Map(), domains: new Map(), owned: new Map() });

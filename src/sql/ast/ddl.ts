/**
 * Schema statements other than those of tables and indexes (ddl-table.ts) and property graphs (ddl-graph.ts), and the union of all.
 * Source: Spanner "GoogleSQL data definition language".
 */
import type { Expression } from './expressions.ts';
import type { AlterTable, AlterIndex, CreateIndex, CreateSearchIndex, CreateTable, CreateVectorIndex, RenameTable, ColumnDefinition, SequenceParameter } from './ddl-table.ts';
import type { CreatePropertyGraph } from './ddl-graph.ts';
import type { Identifier, Path, SourceRange } from './node.ts';
import type { Query } from './query.ts';
import type { TypeName } from './types.ts';

export type DdlStatement =
  | CreateDatabase
  | AlterDatabase
  | CreateTable
  | AlterTable
  | RenameTable
  | CreateIndex
  | CreateSearchIndex
  | CreateVectorIndex
  | AlterIndex
  | CreateView
  | CreateSchema
  | AlterSchema
  | CreateSequence
  | AlterSequence
  | CreateChangeStream
  | AlterChangeStream
  | CreateRole
  | GrantOrRevoke
  | GrantOrRevokeRole
  | CreateFunction
  | CreateModel
  | AlterModel
  | CreatePropertyGraph
  | CreateProtoBundle
  | AlterProtoBundle
  | CreatePlacement
  | CreateLocalityGroup
  | AlterLocalityGroup
  | AlterStatistics
  | Analyze
  | DropObject;

// ---- Options

/** `OPTIONS (name = value, …)`. */
export interface OptionEntry extends SourceRange {
  readonly kind: 'option';
  readonly name: Identifier;
  readonly value: OptionValue;
}

export type OptionValue =
  | (SourceRange & { readonly kind: 'null' })
  | (SourceRange & { readonly kind: 'bool'; readonly value: boolean })
  | (SourceRange & { readonly kind: 'int'; readonly value: number | bigint })
  | (SourceRange & { readonly kind: 'float'; readonly value: number })
  | (SourceRange & { readonly kind: 'string'; readonly value: string })
  | (SourceRange & { readonly kind: 'list'; readonly items: readonly OptionValue[] });

// ---- Database

export interface CreateDatabase extends SourceRange {
  readonly kind: 'createDatabase';
  readonly name: Identifier;
  readonly options: readonly OptionEntry[];
}

export interface AlterDatabase extends SourceRange {
  readonly kind: 'alterDatabase';
  readonly name: Identifier;
  readonly options: readonly OptionEntry[];
}

// ---- Views and schemas

export interface CreateView extends SourceRange {
  readonly kind: 'createView';
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly name: Path;
  /** undefined when SQL SECURITY is not written, which the analyser rejects. */
  readonly security: 'invoker' | 'definer' | undefined;
  /** Its range gives the text that GetDatabaseDdl keeps. */
  readonly query: Query;
}

export interface CreateSchema extends SourceRange {
  readonly kind: 'createSchema';
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly name: Path;
  readonly options: readonly OptionEntry[];
}

export interface AlterSchema extends SourceRange {
  readonly kind: 'alterSchema';
  readonly ifExists: boolean;
  readonly name: Path;
  readonly options: readonly OptionEntry[];
}

// ---- Sequences

export interface CreateSequence extends SourceRange {
  readonly kind: 'createSequence';
  readonly ifNotExists: boolean;
  readonly name: Path;
  readonly parameters: readonly SequenceParameter[];
  readonly options: readonly OptionEntry[];
}

export interface AlterSequence extends SourceRange {
  readonly kind: 'alterSequence';
  readonly ifExists: boolean;
  readonly name: Path;
  readonly action: AlterSequenceAction;
}

export type AlterSequenceAction =
  | (SourceRange & { readonly kind: 'setOptions'; readonly options: readonly OptionEntry[] })
  | (SourceRange & { readonly kind: 'skipRange'; readonly min: number | bigint; readonly max: number | bigint })
  | (SourceRange & { readonly kind: 'noSkipRange' })
  | (SourceRange & { readonly kind: 'restartCounter'; readonly value: number | bigint });

// ---- Change streams

export interface CreateChangeStream extends SourceRange {
  readonly kind: 'createChangeStream';
  readonly ifNotExists: boolean;
  readonly name: Path;
  readonly watch: ChangeStreamWatch | undefined;
  readonly options: readonly OptionEntry[];
}

/** `FOR ALL` or `FOR table, table(), table(columns)`. */
export type ChangeStreamWatch =
  | (SourceRange & { readonly kind: 'all' })
  | (SourceRange & { readonly kind: 'tables'; readonly tables: readonly WatchedTable[] });

/** `columns` undefined: the whole table; empty: `table()`, the primary key only. */
export interface WatchedTable extends SourceRange {
  readonly kind: 'watchedTable';
  readonly table: Path;
  readonly columns: readonly Identifier[] | undefined;
}

export interface AlterChangeStream extends SourceRange {
  readonly kind: 'alterChangeStream';
  readonly ifExists: boolean;
  readonly name: Path;
  readonly action: AlterChangeStreamAction;
}

export type AlterChangeStreamAction =
  | (SourceRange & { readonly kind: 'setFor'; readonly watch: ChangeStreamWatch })
  | (SourceRange & { readonly kind: 'dropForAll' })
  | (SourceRange & { readonly kind: 'setOptions'; readonly options: readonly OptionEntry[] });

// ---- Roles and privileges

export interface CreateRole extends SourceRange {
  readonly kind: 'createRole';
  readonly ifNotExists: boolean;
  readonly name: Identifier;
}

/** `GRANT privileges ON target TO ROLE roles`; with `revoke`, `REVOKE … FROM ROLE …`. */
export interface GrantOrRevoke extends SourceRange {
  readonly kind: 'grantOrRevoke';
  readonly revoke: boolean;
  readonly privileges: readonly Privilege[];
  readonly target: PrivilegeTarget;
  readonly roles: readonly Identifier[];
}

export interface Privilege extends SourceRange {
  readonly kind: 'privilege';
  readonly privilege: 'select' | 'insert' | 'update' | 'delete' | 'execute' | 'usage';
  /** `undefined`: the whole object. */
  readonly columns: readonly Identifier[] | undefined;
}

export type PrivilegeObjectType = 'table' | 'view' | 'changeStream' | 'sequence' | 'tableFunction' | 'function' | 'schema' | 'model';

export type PrivilegeTarget =
  | (SourceRange & { readonly kind: 'objects'; readonly objectType: PrivilegeObjectType; readonly names: readonly Path[] })
  /** `ALL TABLES IN SCHEMA a, b`. */
  | (SourceRange & { readonly kind: 'allInSchemas'; readonly objectType: PrivilegeObjectType; readonly schemas: readonly Path[] });

/** `GRANT ROLE roles TO ROLE grantees`. */
export interface GrantOrRevokeRole extends SourceRange {
  readonly kind: 'grantOrRevokeRole';
  readonly revoke: boolean;
  readonly roles: readonly Identifier[];
  readonly grantees: readonly Identifier[];
}

// ---- Functions and models

export interface CreateFunction extends SourceRange {
  readonly kind: 'createFunction';
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly name: Path;
  readonly parameters: readonly FunctionParameter[];
  readonly returns: TypeName | undefined;
  readonly determinism: 'deterministic' | 'notDeterministic' | 'immutable' | 'stable' | 'volatile' | undefined;
  readonly language: Identifier | undefined;
  readonly security: 'invoker' | 'definer' | undefined;
  readonly remote: boolean;
  /** The expression in `AS (…)`; undefined for a remote function. */
  readonly body: Expression | undefined;
  readonly options: readonly OptionEntry[];
}

export interface FunctionParameter extends SourceRange {
  readonly kind: 'functionParameter';
  readonly name: Identifier;
  readonly type: TypeName;
  readonly defaultValue: Expression | undefined;
}

export interface CreateModel extends SourceRange {
  readonly kind: 'createModel';
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly name: Path;
  readonly input: readonly ColumnDefinition[];
  readonly output: readonly ColumnDefinition[];
  readonly remote: boolean;
  readonly options: readonly OptionEntry[];
}

export interface AlterModel extends SourceRange {
  readonly kind: 'alterModel';
  readonly ifExists: boolean;
  readonly name: Path;
  readonly options: readonly OptionEntry[];
}

// ---- Proto bundles, placements, locality groups, statistics

export interface CreateProtoBundle extends SourceRange {
  readonly kind: 'createProtoBundle';
  readonly types: readonly Path[];
}

export interface AlterProtoBundle extends SourceRange {
  readonly kind: 'alterProtoBundle';
  readonly insert: readonly Path[];
  readonly update: readonly Path[];
  readonly delete: readonly Path[];
}

export interface CreatePlacement extends SourceRange {
  readonly kind: 'createPlacement';
  readonly name: Identifier;
  readonly options: readonly OptionEntry[];
}

export interface CreateLocalityGroup extends SourceRange {
  readonly kind: 'createLocalityGroup';
  readonly ifNotExists: boolean;
  readonly name: Identifier;
  readonly options: readonly OptionEntry[];
}

export interface AlterLocalityGroup extends SourceRange {
  readonly kind: 'alterLocalityGroup';
  readonly ifExists: boolean;
  readonly name: Identifier;
  readonly options: readonly OptionEntry[];
}

export interface AlterStatistics extends SourceRange {
  readonly kind: 'alterStatistics';
  readonly name: Identifier;
  readonly options: readonly OptionEntry[];
}

export interface Analyze extends SourceRange {
  readonly kind: 'analyze';
}

// ---- DROP

export type DroppableType =
  | 'table' | 'index' | 'searchIndex' | 'vectorIndex' | 'view' | 'schema' | 'sequence' | 'changeStream' | 'role' | 'function'
  | 'model' | 'propertyGraph' | 'protoBundle' | 'placement' | 'localityGroup' | 'database' | 'statistics';

/** Every `DROP type [IF EXISTS] name`. `name` is undefined for DROP PROTO BUNDLE only. */
export interface DropObject extends SourceRange {
  readonly kind: 'dropObject';
  readonly objectType: DroppableType;
  readonly ifExists: boolean;
  readonly name: Path | undefined;
}

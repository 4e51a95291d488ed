/**
 * Rows of INFORMATION_SCHEMA, computed from the schema. Catalogs are the empty string, as Cloud Spanner has them.
 * Tables about things that this schema cannot hold (change streams, models, graphs) are empty, which is then the truth.
 * Source: Spanner "Information schema".
 */
import { systemTables, type SystemTable } from '../bind/system-tables.ts';
import { columnTypeText } from '../schema/column-types.ts';
import type { Column, ForeignKeyConstraint, Index, KeyColumn, SchemaOption, SqlFunction, Table } from '../schema/objects.ts';
import { columnById, localPart, schemaPart, type Schema } from '../schema/schema.ts';
import { typeName } from '../types/types.ts';
import type { SqlValue } from '../values/value.ts';
import type { Row } from './runtime.ts';

type Fields = Readonly<Record<string, SqlValue>>;

/** The rows of one table in the order of its columns. Columns that a row does not say are NULL. */
export function informationSchemaRows(schema: Schema, table: SystemTable): readonly Row[] {
  const source = SOURCES[table.name.slice(table.name.indexOf('.') + 1)];
  return (source?.(schema) ?? []).map((fields) => table.columns.map((c) => fields[c.name] ?? (c.name.endsWith('CATALOG') || c.name === 'CATALOG_NAME' ? '' : null)));
}

const yesNo = (value: boolean): string => (value ? 'YES' : 'NO');
const tableFields = (t: { readonly name: string }): Fields => ({ TABLE_SCHEMA: schemaPart(t.name), TABLE_NAME: localPart(t.name) });
const constraintFields = (table: { readonly name: string }, name: string): Fields => ({ CONSTRAINT_SCHEMA: schemaPart(table.name), CONSTRAINT_NAME: localPart(name) });

function schemata(schema: Schema): Fields[] {
  return ['', 'INFORMATION_SCHEMA', 'SPANNER_SYS', ...schema.data.namedSchemas.map((s) => s.name)].map((name) => ({ SCHEMA_NAME: name, EFFECTIVE_TIMESTAMP: 0, SCHEMA_OWNER: '' }));
}

function tables(schema: Schema): Fields[] {
  const own = schema.data.tables.map((t): Fields => {
    const parent = t.interleave === undefined ? undefined : schema.tableById(t.interleave.parent);
    const policy = t.rowDeletionPolicy;
    return {
      ...tableFields(t),
      PARENT_TABLE_NAME: parent === undefined ? null : localPart(parent.name),
      ON_DELETE_ACTION: t.interleave?.inParent === true ? (t.interleave.onDelete === 'cascade' ? 'CASCADE' : 'NO ACTION') : null,
      TABLE_TYPE: 'BASE TABLE',
      SPANNER_STATE: 'COMMITTED',
      INTERLEAVE_TYPE: t.interleave === undefined ? null : t.interleave.inParent ? 'IN PARENT' : 'IN',
      ROW_DELETION_POLICY_EXPRESSION: policy === undefined ? null : `OLDER_THAN(${columnById(t, policy.column).name}, INTERVAL ${policy.days} DAY)`,
    };
  });
  const synonyms = schema.data.tables.flatMap((t): Fields[] => (t.synonym === undefined ? [] : [{ ...tableFields({ name: t.synonym }), TABLE_TYPE: 'SYNONYM' }]));
  const views = schema.data.views.map((v): Fields => ({ ...tableFields(v), TABLE_TYPE: 'VIEW' }));
  const system = systemTables().map((t): Fields => ({ ...tableFields(t), TABLE_TYPE: 'VIEW' }));
  return [...own, ...synonyms, ...views, ...system];
}

function columns(schema: Schema): Fields[] {
  const own = schema.data.tables.flatMap((t) => t.columns.map((c, i): Fields => ({ ...tableFields(t), ...columnFields(c), COLUMN_NAME: c.name, ORDINAL_POSITION: i + 1 })));
  const plain = { IS_GENERATED: 'NEVER', IS_HIDDEN: false, IS_IDENTITY: 'NO' };
  const views = schema.data.views.flatMap((v) => v.columns.map((c, i): Fields => ({
    ...tableFields(v), ...plain, COLUMN_NAME: c.name, ORDINAL_POSITION: i + 1, IS_NULLABLE: 'YES', SPANNER_TYPE: withMax(typeName(c.type)),
  })));
  const system = systemTables().flatMap((t) => t.columns.map((c, i): Fields => ({
    ...tableFields(t), ...plain, COLUMN_NAME: c.name, ORDINAL_POSITION: i + 1, IS_NULLABLE: yesNo(c.nullable), SPANNER_TYPE: c.spannerType,
  })));
  return [...own, ...views, ...system];
}

const withMax = (type: string): string => type.replaceAll(/\b(STRING|BYTES)\b/g, '$1(MAX)');

function columnFields(c: Column): Fields {
  const generated = c.value?.kind === 'generated' ? c.value : undefined;
  const identity = c.value?.kind === 'identity' ? c.value : undefined;
  const text = (value: unknown): string | null => (value === undefined ? null : String(value));
  return {
    COLUMN_DEFAULT: c.value?.kind === 'default' ? c.value.expression.text : null,
    IS_NULLABLE: yesNo(!c.notNull),
    SPANNER_TYPE: columnTypeText(c),
    IS_GENERATED: generated === undefined ? 'NEVER' : 'ALWAYS',
    IS_HIDDEN: c.hidden,
    GENERATION_EXPRESSION: generated?.expression.text ?? null,
    IS_STORED: generated === undefined ? null : yesNo(generated.stored),
    SPANNER_STATE: c.filling === true ? 'WRITE_ONLY' : 'COMMITTED',
    IS_IDENTITY: yesNo(identity !== undefined),
    IDENTITY_GENERATION: identity === undefined ? null : 'BY DEFAULT',
    IDENTITY_KIND: identity === undefined ? null : 'BIT_REVERSED_POSITIVE_SEQUENCE',
    IDENTITY_START_WITH_COUNTER: text(identity?.sequence.startWithCounter),
    IDENTITY_SKIP_RANGE_MIN: text(identity?.sequence.skipRangeMin),
    IDENTITY_SKIP_RANGE_MAX: text(identity?.sequence.skipRangeMax),
  };
}

function columnOptions(schema: Schema): Fields[] {
  return schema.data.tables.flatMap((t) => t.columns.flatMap((c): Fields[] => {
    if (c.allowCommitTimestamp === undefined) return [];
    return [{ ...tableFields(t), COLUMN_NAME: c.name, OPTION_NAME: 'allow_commit_timestamp', OPTION_TYPE: 'BOOL', OPTION_VALUE: c.allowCommitTimestamp ? 'TRUE' : 'FALSE' }];
  }));
}

function columnColumnUsage(schema: Schema): Fields[] {
  return schema.data.tables.flatMap((t) => t.columns.flatMap((c) => (c.value?.kind === 'generated' ? c.value.dependsOn : []).map((id): Fields => ({
    ...tableFields(t), COLUMN_NAME: columnById(t, id).name, DEPENDENT_COLUMN: c.name,
  }))));
}

// ---- Indexes

const keyedSystemTables = (): readonly SystemTable[] => systemTables().filter((t) => t.key.length > 0);

const systemKeyColumns = (t: SystemTable): Fields[] =>
  t.key.map((name, i) => {
    const c = t.columns.find((x) => x.name === name);
    return {
      ...tableFields(t), INDEX_NAME: 'PRIMARY_KEY', INDEX_TYPE: 'PRIMARY_KEY', COLUMN_NAME: name, ORDINAL_POSITION: i + 1, COLUMN_ORDERING: 'ASC',
      IS_NULLABLE: yesNo(c?.nullable ?? true), SPANNER_TYPE: c?.spannerType ?? null,
    };
  });

function indexes(schema: Schema): Fields[] {
  const primary = [...schema.data.tables, ...keyedSystemTables()].map((t): Fields => ({
    ...tableFields(t), INDEX_NAME: 'PRIMARY_KEY', INDEX_TYPE: 'PRIMARY_KEY', PARENT_TABLE_NAME: '', IS_UNIQUE: true, IS_NULL_FILTERED: false, SPANNER_IS_MANAGED: false,
  }));
  const own = schema.data.indexes.map((i): Fields => ({
    ...tableFields(schema.tableById(i.table)),
    INDEX_NAME: localPart(i.name),
    INDEX_TYPE: 'INDEX',
    PARENT_TABLE_NAME: i.interleaveIn === undefined ? '' : localPart(schema.tableById(i.interleaveIn).name),
    IS_UNIQUE: i.unique,
    IS_NULL_FILTERED: i.nullFiltered,
    INDEX_STATE: { ready: 'READ_WRITE', backfilling: 'WRITE_ONLY', deleteOnly: 'PREPARE' }[i.state],
    SPANNER_IS_MANAGED: i.managed,
  }));
  return [...primary, ...own];
}

function indexColumns(schema: Schema): Fields[] {
  const key = (t: Table, name: string, type: string, parts: readonly KeyColumn[], nullFiltered: boolean): Fields[] => parts.map((k, i) => {
    const c = columnById(t, k.column);
    return {
      ...tableFields(t), INDEX_NAME: name, INDEX_TYPE: type, COLUMN_NAME: c.name, ORDINAL_POSITION: i + 1, COLUMN_ORDERING: k.descending ? 'DESC' : 'ASC',
      IS_NULLABLE: yesNo(!c.notNull && !nullFiltered), SPANNER_TYPE: columnTypeText(c),
    };
  });
  const stored = (t: Table, index: Index): Fields[] => index.storing.map((id) => {
    const c = columnById(t, id);
    return { ...tableFields(t), INDEX_NAME: localPart(index.name), INDEX_TYPE: 'INDEX', COLUMN_NAME: c.name, IS_NULLABLE: yesNo(!c.notNull), SPANNER_TYPE: columnTypeText(c) };
  });
  return [
    ...keyedSystemTables().flatMap(systemKeyColumns),
    ...schema.data.tables.flatMap((t) => key(t, 'PRIMARY_KEY', 'PRIMARY_KEY', t.primaryKey, false)),
    ...schema.data.indexes.flatMap((i) => {
      const t = schema.tableById(i.table);
      return [...key(t, localPart(i.name), 'INDEX', i.keys, i.nullFiltered), ...stored(t, i)];
    }),
  ];
}

// ---- Constraints

interface Constraint {
  readonly table: { readonly name: string };
  readonly name: string;
  readonly type: 'PRIMARY KEY' | 'CHECK' | 'FOREIGN KEY' | 'UNIQUE';
  /** By name. */
  readonly columns: readonly string[];
  readonly clause?: string;
  readonly foreignKey?: ForeignKeyConstraint;
}

const primaryKeyName = (t: { readonly name: string }): string => (schemaPart(t.name) === '' ? `PK_${t.name}` : `${schemaPart(t.name)}.PK_${localPart(t.name)}`);

const notNull = (table: { readonly name: string }, column: string): Constraint => ({
  table, name: `CK_IS_NOT_NULL_${localPart(table.name)}_${column}`, type: 'CHECK', columns: [column], clause: `${column} IS NOT NULL`,
});

function constraints(schema: Schema): Constraint[] {
  const referenced = new Set(schema.data.tables.flatMap((t) => t.foreignKeys.map((f) => f.referencedIndex)));
  const own = schema.data.tables.flatMap((table): Constraint[] => {
    const names = (ids: readonly number[]): string[] => ids.map((id) => columnById(table, id).name);
    return [
      { table, name: primaryKeyName(table), type: 'PRIMARY KEY', columns: names(table.primaryKey.map((k) => k.column)) },
      ...table.columns.filter((c) => c.notNull).map((c) => notNull(table, c.name)),
      ...table.checks.map((c): Constraint => ({ table, name: c.name, type: 'CHECK', columns: names(c.dependsOn), clause: c.condition.text })),
      ...table.foreignKeys.map((f): Constraint => ({ table, name: f.name, type: 'FOREIGN KEY', columns: names(f.columns), foreignKey: f })),
      ...schema.indexesOf(table.id).filter((i) => referenced.has(i.id)).map((i): Constraint => ({ table, name: i.name, type: 'UNIQUE', columns: names(i.keys.map((k) => k.column)) })),
    ];
  });
  const system = keyedSystemTables().flatMap((table): Constraint[] => [
    { table, name: primaryKeyName({ name: localPart(table.name) }), type: 'PRIMARY KEY', columns: table.key },
    ...table.columns.filter((c) => !c.nullable).map((c) => notNull(table, c.name)),
  ]);
  return [...own, ...system];
}

function tableConstraints(schema: Schema): Fields[] {
  return constraints(schema).map((c) => ({
    ...constraintFields(c.table, c.name), ...tableFields(c.table), CONSTRAINT_TYPE: c.type, IS_DEFERRABLE: 'NO', INITIALLY_DEFERRED: 'NO',
    ENFORCED: yesNo(c.foreignKey?.enforced ?? true),
  }));
}

const checkConstraints = (schema: Schema): Fields[] =>
  constraints(schema).flatMap((c) => (c.clause === undefined ? [] : [{ ...constraintFields(c.table, c.name), CHECK_CLAUSE: c.clause, SPANNER_STATE: 'COMMITTED' }]));

/** The table and columns that a constraint is about; of a foreign key those it refers to. */
function subject(schema: Schema, c: Constraint): { readonly table: { readonly name: string }; readonly columns: readonly string[] } {
  if (c.foreignKey === undefined) return c;
  const table = schema.tableById(c.foreignKey.referencedTable);
  return { table, columns: c.foreignKey.referencedColumns.map((id) => columnById(table, id).name) };
}

const constraintTableUsage = (schema: Schema): Fields[] => constraints(schema).map((c) => ({ ...tableFields(subject(schema, c).table), ...constraintFields(c.table, c.name) }));

const constraintColumnUsage = (schema: Schema): Fields[] =>
  constraints(schema).flatMap((c) => {
    const { table, columns: names } = subject(schema, c);
    return names.map((name): Fields => ({ ...tableFields(table), COLUMN_NAME: name, ...constraintFields(c.table, c.name) }));
  });

const keyColumnUsage = (schema: Schema): Fields[] =>
  constraints(schema).filter((c) => c.type !== 'CHECK').flatMap((c) => c.columns.map((name, i): Fields => ({
    ...constraintFields(c.table, c.name), ...tableFields(c.table), COLUMN_NAME: name, ORDINAL_POSITION: i + 1,
    POSITION_IN_UNIQUE_CONSTRAINT: c.foreignKey === undefined ? null : uniquePosition(schema, c.foreignKey, i),
  })));

function uniquePosition(schema: Schema, key: ForeignKeyConstraint, i: number): number {
  const table = schema.tableById(key.referencedTable);
  const parts = key.referencedIndex === undefined ? table.primaryKey : schema.indexById(key.referencedIndex).keys;
  return parts.findIndex((p) => p.column === key.referencedColumns[i]) + 1;
}

const referentialConstraints = (schema: Schema): Fields[] =>
  constraints(schema).flatMap((c): Fields[] => {
    const key = c.foreignKey;
    if (key === undefined) return [];
    const table = schema.tableById(key.referencedTable);
    const unique = key.referencedIndex === undefined ? primaryKeyName(table) : schema.indexById(key.referencedIndex).name;
    return [{
      ...constraintFields(c.table, c.name), UNIQUE_CONSTRAINT_SCHEMA: schemaPart(table.name), UNIQUE_CONSTRAINT_NAME: localPart(unique), MATCH_OPTION: 'SIMPLE',
      UPDATE_RULE: 'NO ACTION', DELETE_RULE: key.onDelete === 'cascade' ? 'CASCADE' : 'NO ACTION', SPANNER_STATE: 'COMMITTED',
    }];
  });

// ---- Other objects

const views = (schema: Schema): Fields[] => schema.data.views.map((v) => ({ ...tableFields(v), VIEW_DEFINITION: v.query.text, SECURITY_TYPE: v.security.toUpperCase() }));

function optionFields(option: SchemaOption): Fields {
  const { value } = option;
  const type = typeof value === 'boolean' ? 'BOOL' : typeof value === 'string' ? 'STRING' : typeof value === 'number' || typeof value === 'bigint' ? 'INT64' : 'STRING';
  const text = typeof value === 'boolean' ? (value ? 'TRUE' : 'FALSE') : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return { OPTION_NAME: option.name, OPTION_TYPE: type, OPTION_VALUE: text };
}

const databaseOptions = (schema: Schema): Fields[] => [
  { SCHEMA_NAME: '', OPTION_NAME: 'database_dialect', OPTION_TYPE: 'STRING', OPTION_VALUE: 'GOOGLE_STANDARD_SQL' },
  ...schema.data.options.filter((o) => o.value !== null).map((o): Fields => ({ SCHEMA_NAME: '', ...optionFields(o) })),
];

const sequenceFields = (name: string): Fields => ({ SCHEMA: schemaPart(name), NAME: localPart(name) });
const sequences = (schema: Schema): Fields[] => schema.data.sequences.map((s) => ({ ...sequenceFields(s.name), DATA_TYPE: 'INT64' }));

const sequenceOptions = (schema: Schema): Fields[] =>
  schema.data.sequences.flatMap((s) => {
    const { state } = s;
    const options: readonly (readonly [string, SqlValue | undefined])[] = [
      ['sequence_kind', 'bit_reversed_positive'], ['start_with_counter', state.startWithCounter], ['skip_range_min', state.skipRangeMin], ['skip_range_max', state.skipRangeMax],
    ];
    return options.flatMap(([name, value]): Fields[] => (value === undefined || value === null ? [] : [{
      ...sequenceFields(s.name), OPTION_NAME: name, OPTION_TYPE: typeof value === 'string' ? 'STRING' : 'INT64', OPTION_VALUE: String(value),
    }]));
  });

const routineFields = (f: SqlFunction): Fields => ({ SPECIFIC_SCHEMA: schemaPart(f.name), SPECIFIC_NAME: localPart(f.name) });
const routines = (schema: Schema): Fields[] =>
  schema.data.functions.map((f) => ({
    ...routineFields(f), ROUTINE_SCHEMA: schemaPart(f.name), ROUTINE_NAME: localPart(f.name), ROUTINE_TYPE: 'FUNCTION', DATA_TYPE: typeName(f.returns), ROUTINE_BODY: 'SQL',
    ROUTINE_DEFINITION: f.body.text, SECURITY_TYPE: (f.security ?? 'invoker').toUpperCase(),
  }));
const parameters = (schema: Schema): Fields[] =>
  schema.data.functions.flatMap((f) => f.parameters.map((p, i): Fields => ({ ...routineFields(f), ORDINAL_POSITION: i + 1, PARAMETER_NAME: p.name, DATA_TYPE: typeName(p.type) })));

export const SYSTEM_ROLES = ['public', 'spanner_info_reader', 'spanner_sys_reader'];
const roles = (schema: Schema): Fields[] => [
  ...SYSTEM_ROLES.map((name): Fields => ({ ROLE_NAME: name, IS_SYSTEM: true })),
  ...schema.data.roles.map((r): Fields => ({ ROLE_NAME: r.name, IS_SYSTEM: false })),
];
const roleGrantees = (schema: Schema): Fields[] => schema.data.roles.flatMap((r) => r.memberOf.map((id): Fields => ({ ROLE_NAME: schema.data.roles.find((x) => x.id === id)?.name ?? '', GRANTEE: r.name })));

const tablePrivileges = (schema: Schema): Fields[] =>
  schema.data.grants.flatMap((g): Fields[] => {
    if ((g.objectType !== 'table' && g.objectType !== 'view') || g.object === undefined) return [];
    const object = schema.findTableById(g.object) ?? schema.data.views.find((v) => v.id === g.object);
    const grantee = schema.data.roles.find((r) => r.id === g.role);
    if (object === undefined || grantee === undefined) return [];
    return [{ ...tableFields(object), PRIVILEGE_TYPE: g.privilege.toUpperCase(), GRANTEE: grantee.name }];
  });

const SOURCES: Readonly<Record<string, (schema: Schema) => Fields[]>> = {
  SCHEMATA: schemata,
  TABLES: tables,
  COLUMNS: columns,
  COLUMN_OPTIONS: columnOptions,
  COLUMN_COLUMN_USAGE: columnColumnUsage,
  INDEXES: indexes,
  INDEX_COLUMNS: indexColumns,
  TABLE_CONSTRAINTS: tableConstraints,
  CHECK_CONSTRAINTS: checkConstraints,
  CONSTRAINT_TABLE_USAGE: constraintTableUsage,
  CONSTRAINT_COLUMN_USAGE: constraintColumnUsage,
  KEY_COLUMN_USAGE: keyColumnUsage,
  REFERENTIAL_CONSTRAINTS: referentialConstraints,
  VIEWS: views,
  DATABASE_OPTIONS: databaseOptions,
  SEQUENCES: sequences,
  SEQUENCE_OPTIONS: sequenceOptions,
  ROUTINES: routines,
  PARAMETERS: parameters,
  ROLES: roles,
  ROLE_GRANTEES: roleGrantees,
  TABLE_PRIVILEGES: tablePrivileges,
  ROLE_TABLE_GRANTS: tablePrivileges,
};

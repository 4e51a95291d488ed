/** What `import 'trestledb'` gives: the typed client. The database itself is run by the `trestle` command. */
export { databaseName, type DatabaseName } from './client/admin.ts';
export { generateSchema, type GeneratedSchema } from './client/codegen.ts';
export { Client, type Database, type QueryOptions, type SnapshotBound, type TimestampBound, type TransactionOptions } from './client/database.ts';
export { deleteAll, deleteKeys, insert, insertOrUpdate, replace, update, type Mutation } from './client/mutations.ts';
export type { KeyRange, ReadOptions } from './client/reading.ts';
export type { Batch, QueryResult, Row } from './client/results.ts';
export { defineSchema, type ColumnSpec, type InsertOf, type KeyOf, type RowOf, type SchemaSpec, type Table, type TableSpec, type UpdateOf } from './client/schema.ts';
export type { Snapshot } from './client/snapshot.ts';
export { sql } from './client/sql.ts';
export type { Parameters, Statement } from './client/statement.ts';
export { JsonText, Struct, typed, typedArray, type SqlParameter, type SqlValue } from './client/values.ts';
export { BatchError, type Transaction } from './client/transaction.ts';
export { Code, TrestleError } from './base/errors.ts';
export { DIALECTS, type Dialect } from './import/dialect.ts';
export { importDump, type ImportedTable, type ImportOptions, type ImportProgress, type ImportSummary } from './import/import.ts';
export type { Finding } from './import/report.ts';

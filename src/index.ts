/** What `import 'trestledb'` gives: the typed client. The database itself is run by the `trestle` command. */
export { databaseName, type DatabaseName } from './client/admin.ts';
export { Client, type Database, type QueryOptions, type TimestampBound, type TransactionOptions } from './client/database.ts';
export { BatchError, type Transaction } from './client/transaction.ts';
export { Code, TrestleError } from './base/errors.ts';
export { DIALECTS, type Dialect } from './import/dialect.ts';
export { importDump, type ImportedTable, type ImportOptions, type ImportProgress, type ImportSummary } from './import/import.ts';
export type { Finding } from './import/report.ts';

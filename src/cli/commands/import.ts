/** `trestle import`: a dump of another database into a new one, with progress, and a report of what was not carried over. */
import { TrestleError } from '../../base/errors.ts';
import { databaseName, type DatabaseName } from '../../client/admin.ts';
import { Client } from '../../client/database.ts';
import type { Dialect } from '../../import/dialect.ts';
import { importDump, type ImportOptions, type ImportProgress, type ImportSummary } from '../../import/import.ts';
import type { Finding } from '../../import/report.ts';
import { UserError, type Output } from '../output.ts';
import { errorText } from '../shell/session.ts';
import { resolveEndpoint, type EndpointOptions } from './endpoint.ts';

export interface ImportFlags extends EndpointOptions {
  readonly path: string;
  readonly dialect: Dialect;
  readonly name: DatabaseName;
  readonly dryRun: boolean;
  readonly strict: boolean;
  readonly resume: boolean;
  readonly sourceDatabase: string | undefined;
}

const PROGRESS_MILLIS = 1_000;
/** Of each kind: a dump may have as many as it has lines. */
const FINDINGS_SHOWN_MAX = 200;

export async function runImport(flags: ImportFlags, output: Output, signal: AbortSignal): Promise<void> {
  const options: ImportOptions = {
    path: flags.path,
    dialect: flags.dialect,
    dryRun: flags.dryRun,
    strict: flags.strict,
    resume: flags.resume,
    ...(flags.sourceDatabase === undefined ? {} : { sourceDatabase: flags.sourceDatabase }),
    onFinding: findingPrinter(output),
    onProgress: progressPrinter(output),
    signal,
  };
  try {
    if (flags.dryRun) {
      const summary = await importDump(options);
      output.out(summary.schema.map((statement) => `${statement};`).join('\n\n'));
      output.err(closing(summary, 'would be imported'));
      return;
    }
    await using client = new Client({ address: await resolveEndpoint(flags) });
    await client.admin.ensureInstance(flags.name.project, flags.name.instance);
    if (await client.admin.createDatabase(flags.name)) output.err(`Made database ${databaseName(flags.name)}.`);
    const startedAt = performance.now();
    const summary = await importDump({ ...options, database: client.database(databaseName(flags.name)) });
    for (const { name, rows, rowsLost } of summary.tables) output.out(`  ${name}: ${rows.toLocaleString('en')} rows${rowsLost === 0 ? '' : `, ${rowsLost.toLocaleString('en')} lost`}`);
    output.out(`${closing(summary, 'imported')} in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  } catch (error) {
    throw error instanceof TrestleError ? new UserError(errorText(error)) : error;
  }
}

function closing(summary: ImportSummary, done: string): string {
  const rows = summary.tables.reduce((sum, table) => sum + table.rows, 0);
  const count = (n: number, what: string): string => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
  return `${count(summary.tables.length, 'table')} and ${count(rows, 'row')} ${done}; ${summary.lost.toLocaleString('en')} lost, ${summary.changed.toLocaleString('en')} changed, ${count(summary.ignored, 'statement')} of the session ignored`;
}

/** On standard error, so that a dry run's schema can be sent to a file. */
function findingPrinter(output: Output): (finding: Finding) => void {
  const counts = { lost: 0, changed: 0 };
  return ({ kind, line, what, reason }) => {
    const count = ++counts[kind];
    if (count <= FINDINGS_SHOWN_MAX) output.err(`  line ${String(line)}: ${kind}: ${what}: ${reason}`);
    if (count === FINDINGS_SHOWN_MAX) output.err(`  further things that are ${kind} are counted only`);
  };
}

function progressPrinter(output: Output): (progress: ImportProgress) => void {
  let last = Date.now();
  return ({ phase, bytesRead, bytes, rowsWritten }) => {
    if (Date.now() - last < PROGRESS_MILLIS) return;
    last = Date.now();
    const percent = bytes === 0 ? 100 : Math.floor((bytesRead / bytes) * 100);
    output.err(phase === 'indexes' ? '  making indexes and foreign keys' : `  ${phase}: ${String(percent)} % of ${(bytes / 1e6).toFixed(1)} MB${phase === 'rows' ? `, ${rowsWritten.toLocaleString('en')} rows written` : ''}`);
  };
}

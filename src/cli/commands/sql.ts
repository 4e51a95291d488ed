/** `trestle sql`: a prompt on a terminal; otherwise the statements of -e, or of standard input. */
import { text } from 'node:stream/consumers';
import { databaseName, type DatabaseName } from '../../client/admin.ts';
import { Client } from '../../client/database.ts';
import { DEFAULT_DATABASE, DEFAULT_INSTANCE, DEFAULT_PROJECT, type Format } from '../arguments.ts';
import { UserError, type Output } from '../output.ts';
import { runPrompt } from '../shell/prompt.ts';
import { errorText, SqlSession } from '../shell/session.ts';
import { resolveEndpoint, type EndpointOptions } from './endpoint.ts';

export interface SqlOptions extends EndpointOptions {
  readonly execute: readonly string[];
  readonly format: Format;
  readonly name: DatabaseName;
  /** Make instance and database when they are not there. */
  readonly create: boolean;
}

export async function runSql(options: SqlOptions, output: Output, signal: AbortSignal): Promise<void> {
  const client = new Client({ address: await resolveEndpoint(options) });
  try {
    await ensureDatabase(client, options, output);
    const interactive = options.execute.length === 0 && process.stdin.isTTY;
    const session = new SqlSession({ client, name: options.name, format: options.format, output, chatty: true });
    if (interactive) {
      output.out(`Connected to ${databaseName(options.name)}. \\? for help, \\q to leave.`);
      await runPrompt(session, output);
      return;
    }
    const scripts = options.execute.length > 0 ? options.execute : [await text(process.stdin)];
    for (const script of scripts) await session.runScript(script, signal);
  } catch (error) {
    throw new UserError(errorText(error));
  } finally {
    client.close();
  }
}

/** The default database is made when it is missing, so that `trestle up` and `trestle sql` are all that a first try takes. */
async function ensureDatabase(client: Client, options: SqlOptions, output: Output): Promise<void> {
  const { name } = options;
  if (await client.admin.databaseExists(databaseName(name))) return;
  const isDefault = name.project === DEFAULT_PROJECT && name.instance === DEFAULT_INSTANCE && name.database === DEFAULT_DATABASE;
  if (!options.create && !isDefault) throw new UserError(`There is no database ${databaseName(name)}. Make it by adding --create, or choose another with --project, --instance, --database.`);
  await client.admin.ensureInstance(name.project, name.instance);
  await client.admin.createDatabase(name);
  output.err(`Made database ${databaseName(name)}.`);
}

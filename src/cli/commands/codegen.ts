/** `trestle codegen`: the tables of a database as TypeScript, on standard output or into a file. */
import { writeFileSync } from 'node:fs';
import { TrestleError } from '../../base/errors.ts';
import { databaseName, type DatabaseName } from '../../client/admin.ts';
import { generateSchema } from '../../client/codegen.ts';
import { Client } from '../../client/database.ts';
import { messageOf, UserError, type Output } from '../output.ts';
import { errorText } from '../shell/session.ts';
import { resolveEndpoint, type EndpointOptions } from './endpoint.ts';

export interface CodegenOptions extends EndpointOptions {
  readonly name: DatabaseName;
  /** Standard output when it is left out. */
  readonly out: string | undefined;
}

export async function runCodegen(options: CodegenOptions, output: Output): Promise<void> {
  await using client = new Client({ address: await resolveEndpoint(options) });
  try {
    const { source, tables, leftOut } = await generateSchema(client.database(databaseName(options.name)));
    for (const column of leftOut) output.err(`  left out, since the client has no such type: ${column}`);
    if (options.out === undefined) {
      output.out(source.trimEnd());
      return;
    }
    writeFileSync(options.out, source);
    output.err(`${String(tables)} tables written to ${options.out}`);
  } catch (error) {
    throw new UserError(error instanceof TrestleError ? errorText(error) : messageOf(error));
  }
}

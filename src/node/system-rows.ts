/** Rows of INFORMATION_SCHEMA and SPANNER_SYS, by complete name. */
import { unimplemented } from '../base/errors.ts';
import type { Row } from '../sql/execute/runtime.ts';
import type { Schema } from '../sql/schema/schema.ts';

export async function systemRows(_schema: Schema, _database: string, name: string): Promise<readonly Row[]> {
  throw unimplemented(`The system table ${name} is not filled yet.`);
}

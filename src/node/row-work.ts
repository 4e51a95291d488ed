/** The work of schema changes on rows that exist already. */
import { unimplemented } from '../base/errors.ts';
import type { SchemaAction } from '../sql/schema/actions.ts';
import type { Schema } from '../sql/schema/schema.ts';
import type { OpenDatabase } from './catalog.ts';
import type { NodeCore } from './core.ts';

export interface RowWorkRequest {
  readonly core: NodeCore;
  readonly database: OpenDatabase;
  readonly schema: Schema;
  readonly action: SchemaAction;
  readonly progress: (percent: number) => Promise<void>;
}

export async function workOnRows(request: RowWorkRequest): Promise<void> {
  throw unimplemented(`schema work ${request.action.kind}`);
}

/** The union of all statements. */
import type { DdlStatement } from './ddl.ts';
import type { DmlStatement } from './dml.ts';
import type { Call, QueryStatement } from './query.ts';

export type Statement = QueryStatement | DmlStatement | DdlStatement | Call;

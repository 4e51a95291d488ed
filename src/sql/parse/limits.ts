/** Limits of the parser. Beyond each it answers INVALID_ARGUMENT. */

/**
 * The deepest nesting of expressions, queries, types and patterns. A chain of binary operators or joins counts one for each, since the
 * tree leans. Spanner's documented limits are lower (75 nested calls, 60 nested subselects); this one keeps recursion over the
 * tree within a thread's stack.
 */
export const MAX_NESTING = 400;

/** Characters of a query or DML statement. Source: Spanner "Quotas and limits". */
export const MAX_STATEMENT_LENGTH = 1_048_576;

/** Characters of a schema statement, or of all statements of one schema change. Source: Spanner "Quotas and limits". */
export const MAX_DDL_LENGTH = 10_485_760;

/** Limits of a schema. Source: Spanner "Quotas and limits"; those of expressions are what the schema corpus shows. */

export const MAX_NAME_LENGTH = 128;
export const MAX_TABLES = 5000;
export const MAX_INDEXES = 10_000;
export const MAX_INDEXES_PER_TABLE = 128;
export const MAX_VIEWS = 5000;
export const MAX_SEQUENCES = 5000;
export const MAX_FUNCTIONS = 2000;
export const MAX_NAMED_SCHEMAS = 100;
export const MAX_ROLES = 100;
export const MAX_COLUMNS = 1024;
export const MAX_KEY_COLUMNS = 16;
/** A root table and six descendants below one another. */
export const MAX_INTERLEAVE_DEPTH = 7;
export const MAX_STRING_LENGTH = 2_621_440;
export const MAX_BYTES_LENGTH = 10_485_760;
export const MAX_EXPRESSION_DEPTH = 20;
export const MAX_VECTOR_LENGTH = 16_000;
/** Bytes of an encoded primary or index key. */
export const MAX_KEY_BYTES = 8192;
/** Bytes of one value. */
export const MAX_VALUE_BYTES = 10_485_760;
/** Mutations of one commit, index entries included. */
export const MAX_MUTATIONS = 80_000;
/** Nesting of option values read back from storage. */
export const MAX_OPTION_DEPTH = 16;

/**
 * JSON values. The tree keeps integers apart from floating-point numbers, because Spanner prints 1 and 1.0 differently
 * and TO_INT64 and friends depend on it. Members of an object are sorted by name (code point order), and of duplicates
 * the first one is dropped or kept as the parser documents.
 */

/** null, booleans and strings as themselves; number = FLOAT64; bigint = an integer (int64 or uint64). */
export type JsonNode = null | boolean | number | bigint | string | readonly JsonNode[] | JsonObject;

/** Members in the order of their names. */
export type JsonObject = ReadonlyMap<string, JsonNode>;

/** A JSON value of SQL; SQL NULL is not an instance, JSON null is `new Json(null)`. */
export class Json {
  readonly root: JsonNode;

  constructor(root: JsonNode) {
    this.root = root;
  }
}

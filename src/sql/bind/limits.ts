/** Limits of statements as Spanner documents them ("Quotas and limits", query limits), each with its error. */
export const BIND_LIMITS = {
  /** Queries and views inside one another; deeper than Spanner's 60 subselects, shallow enough for the stack. */
  nesting: 120,
  /** Nesting of views in views. */
  viewNesting: 10,
  parameters: 950,
  joins: 20,
  groupByColumns: 1000,
  structFields: 1000,
  unions: 200,
  inListItems: 10_000,
} as const;

/**
 * What a checker says of a history. "unknown" is the answer for histories that make no sense as such (a recorder's bug),
 * so that a broken recorder is never taken for a correct database.
 */

export interface Anomaly {
  readonly name: string;
  readonly detail: string;
}

export type Verdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly anomalies: readonly Anomaly[] }
  | { readonly kind: 'unknown'; readonly reason: string };

export const VALID: Verdict = { kind: 'valid' };

export const unknown = (reason: string): Verdict => ({ kind: 'unknown', reason });

export const verdictOf = (anomalies: readonly Anomaly[]): Verdict => (anomalies.length === 0 ? VALID : { kind: 'invalid', anomalies });

/** One line for people; undefined when valid. */
export function describe(verdict: Verdict): string | undefined {
  if (verdict.kind === 'valid') return undefined;
  if (verdict.kind === 'unknown') return `history cannot be checked: ${verdict.reason}`;
  return verdict.anomalies.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
}

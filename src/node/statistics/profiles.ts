/**
 * Samples of how queries ran, for QUERY_PROFILES and QUERY_RECOMMENDATIONS: now and then a query is run with its plan's
 * nodes counted, and of each text the slowest sample of an interval is kept, with the advice that its plan gives. How many
 * there are, and how large each may be, is bounded.
 */
import type { PlanNode, StatementPlan } from '../../api/sql.ts';
import type { Entry, EntryKind } from './intervals.ts';

/** Queries that are sampled in a minute at one node; each text once. */
const SAMPLES_PER_MINUTE = 10;
const MINUTE_MICROS = 60_000_000;
/** A longer profile is left out. */
const MAX_PROFILE_CHARS = 16_000;
const MAX_KEPT_PROFILES = 200;

export interface Sample {
  readonly latencyMicros: number;
  readonly profile: string;
  /** Advice on indexes; empty when there is none. */
  readonly advice: string;
}

export interface ProfileLabels {
  /** What its fingerprint is of: the request tag, or the text. */
  readonly name: string;
  readonly samples: Sample[];
}
export type ProfileSums = { count: number };

const slowest = (samples: readonly Sample[]): Sample[] => samples.toSorted((a, b) => b.latencyMicros - a.latencyMicros).slice(0, 1);

export const PROFILES: EntryKind<ProfileLabels, ProfileSums> = {
  noLabels: { name: '', samples: [] },
  make: (key, labels): Entry<ProfileLabels, ProfileSums> => ({ key, labels: { name: labels.name, samples: [...labels.samples] }, sums: { count: 0 }, histogram: undefined }),
  mergeLabels: (into, from) => {
    const kept = slowest([...into.samples, ...from.samples]);
    into.samples.splice(0, into.samples.length, ...kept);
  },
  weight: (sums) => sums.count,
  maxKept: MAX_KEPT_PROFILES,
};

/** Which queries are sampled: the first of each text in a minute, as long as there are not many. */
export class Sampler {
  private minute = -1;
  private readonly names = new Set<string>();

  take(nowMicros: number, name: string): boolean {
    const minute = Math.floor(nowMicros / MINUTE_MICROS);
    if (minute !== this.minute) {
      this.minute = minute;
      this.names.clear();
    }
    if (this.names.size >= SAMPLES_PER_MINUTE || this.names.has(name)) return false;
    this.names.add(name);
    return true;
  }
}

/** The plan as JSON of google.spanner.v1.ResultSetStats; undefined when it is too large to keep. */
export function sampleOf(plan: StatementPlan, latencyMicros: number, rows: number): Sample | undefined {
  const queryStats = { elapsed_time: `${(latencyMicros / 1000).toFixed(2)} msecs`, rows_returned: String(rows) };
  const profile = JSON.stringify({ queryPlan: { planNodes: plan.nodes.map(jsonNode) }, queryStats });
  if (profile.length > MAX_PROFILE_CHARS) return undefined;
  const advice = plan.advice.length === 0 ? '' : JSON.stringify({ indexAdvice: plan.advice.map(({ ddl, improvementFactor }) => ({ ddl: [ddl], improvementFactor })) });
  return { latencyMicros, profile, advice };
}

function jsonNode(node: PlanNode, index: number): unknown {
  const { kind, displayName, children, shortRepresentation, subqueries, metadata, executionStats } = node;
  return {
    index,
    kind: kind.toUpperCase(),
    displayName,
    ...(children.length === 0 ? {} : { childLinks: children.map((child) => ({ childIndex: child.index, ...(child.type === '' ? {} : { type: child.type }), ...(child.variable === '' ? {} : { variable: child.variable }) })) }),
    ...(shortRepresentation === '' ? {} : { shortRepresentation: { description: shortRepresentation, ...(subqueries === undefined ? {} : { subqueries }) } }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(Object.keys(executionStats).length === 0 ? {} : { executionStats }),
  };
}

/**
 * Counts calls by the priority that their clients gave them (RequestOptions.Priority): what an operator sees of it. It changes
 * nothing about how a call is served. Calls passed on by another node were counted there.
 * Source: google/spanner/v1/spanner.proto.
 */
import { ProtoReader } from './wire/reader.ts';

/** The field of each request that is its RequestOptions. */
const OPTIONS_FIELD: Readonly<Record<string, number>> = {
  ExecuteSql: 11, ExecuteStreamingSql: 11, ExecuteBatchDml: 5, Read: 11, StreamingRead: 11, BeginTransaction: 3, Commit: 6, BatchWrite: 3,
};
const PRIORITIES = ['unspecified', 'low', 'medium', 'high'] as const;
export type Priority = (typeof PRIORITIES)[number];
export type PriorityCounts = Readonly<Record<Priority, number>>;

export const NO_CALLS: PriorityCounts = { unspecified: 0, low: 0, medium: 0, high: 0 };

/** Of the request of a method that has options; those beyond the known ones count as unspecified. Throws MalformedMessage. */
export function priorityOf(method: string, request: Buffer): Priority {
  const field = OPTIONS_FIELD[method];
  let priority = 0;
  const reader = new ProtoReader(request);
  while (reader.next()) {
    if (reader.field !== field) reader.skip();
    else {
      reader.message((options) => {
        while (options.next()) {
          if (options.field === 1) priority = options.int();
          else options.skip();
        }
      });
    }
  }
  return PRIORITIES[priority] ?? 'unspecified';
}

export class CallsByPriority {
  private readonly numbers = { ...NO_CALLS };

  get counts(): PriorityCounts {
    return { ...this.numbers };
  }

  /** A call of a method of the data plane. What is malformed its handler refuses. */
  note(method: string, request: Buffer): void {
    if (OPTIONS_FIELD[method] === undefined) return;
    try {
      this.numbers[priorityOf(method, request)]++;
    } catch {
      this.numbers.unspecified++;
    }
  }
}

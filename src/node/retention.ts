/** How long old versions of rows are kept: the option version_retention_period of each database. */
import type { Schema } from '../sql/schema/schema.ts';
import { durationSeconds } from '../sql/schema/databases.ts';
import { decodeSchema } from '../sql/schema/codec.ts';
import type { StoredSchema } from './catalog.ts';
import { Kind, type MetaStore } from './meta.ts';
import { databaseNumberOf, META_SPLIT } from './keyspace.ts';
import type { SplitDescriptor } from '../splits/types.ts';

export const DEFAULT_RETENTION = '1h';
const SECOND_MICROS = 1_000_000;
const DEFAULT_RETENTION_MICROS = 3_600 * SECOND_MICROS;
/** A read of the past needs the schema of then: the metadata reaches further back than any database. */
const META_SLACK_MICROS = 600 * SECOND_MICROS;

/** As the option has it: `1h`, `7d`. */
export function retentionPeriod(schema: Schema): string {
  const value = schema.data.options.find((option) => option.name === 'version_retention_period')?.value;
  return typeof value === 'string' && value !== '' ? value : DEFAULT_RETENTION;
}

export function retentionMicros(schema: Schema): number {
  const seconds = durationSeconds(retentionPeriod(schema));
  return seconds === undefined ? DEFAULT_RETENTION_MICROS : seconds * SECOND_MICROS;
}

export class Retention {
  private readonly meta: MetaStore;
  private readonly known = new Map<string, { readonly version: number; readonly micros: number }>();

  constructor(meta: MetaStore) {
    this.meta = meta;
  }

  /** Of the rows in a split, microseconds, as this node's replica of the metadata has it. */
  async ofSplit(split: SplitDescriptor): Promise<number> {
    if (split.id !== META_SPLIT) return this.ofDatabase(String(databaseNumberOf(split.from)));
    let longest = DEFAULT_RETENTION_MICROS;
    for (const name of await this.meta.localNames(Kind.schema)) longest = Math.max(longest, this.ofDatabase(name));
    return longest + META_SLACK_MICROS;
  }

  private ofDatabase(number: string): number {
    const version = this.meta.localTimestamp(Kind.schema, number);
    if (version === undefined) return DEFAULT_RETENTION_MICROS;
    let known = this.known.get(number);
    if (known?.version !== version) {
      const stored = this.meta.local<StoredSchema>(Kind.schema, number)?.value;
      if (stored === undefined) {
        this.known.delete(number); // Dropped.
        return DEFAULT_RETENTION_MICROS;
      }
      known = { version, micros: retentionMicros(decodeSchema(Buffer.from(stored.encoded, 'base64'))) };
      this.known.set(number, known);
    }
    return known.micros;
  }
}

/**
 * ALTER DATABASE … SET OPTIONS. Options that steer placement of replicas are stored and shown, and have no effect.
 * Source: Spanner "Data definition language", ALTER DATABASE.
 */
import { failedPrecondition } from '../../base/errors.ts';
import type { AlterDatabase } from '../ast/ddl.ts';
import type { SchemaEditor } from './editor.ts';
import { integerOption, mergeOptions, readOptions, stringOption } from './options.ts';
import type { SchemaOption } from './objects.ts';
import { SEQUENCE_KIND } from './sequences.ts';

const OPTIONS = {
  version_retention_period: stringOption, default_leader: stringOption, optimizer_version: integerOption, optimizer_statistics_package: stringOption,
  default_sequence_kind: stringOption, default_time_zone: stringOption, read_lease_regions: stringOption, witness_location: stringOption,
};
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const MIN_RETENTION_SECONDS = 3600;
const MAX_RETENTION_SECONDS = 7 * 86_400;

/** The seconds of `7d`, `36h`, `90m`, `3600s`; undefined when the text is no duration. */
export function durationSeconds(text: string): number | undefined {
  const match = /^([0-9]{1,9})([smhd])$/.exec(text);
  const unit = SECONDS[match?.[2] ?? ''];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

export function alterDatabase(editor: SchemaEditor, node: AlterDatabase): void {
  const changes = readOptions(editor.text, node.options, OPTIONS);
  for (const option of changes) checkOption(editor, option);
  editor.change({ options: mergeOptions(editor.data.options, changes) });
}

function checkOption(editor: SchemaEditor, { name, value }: SchemaOption): void {
  if (name === 'version_retention_period' && typeof value === 'string') {
    const seconds = durationSeconds(value);
    if (seconds === undefined || seconds < MIN_RETENTION_SECONDS || seconds > MAX_RETENTION_SECONDS) {
      throw failedPrecondition(`Invalid value for option version_retention_period: '${value}'. It must be between one hour and seven days.`);
    }
  }
  if (name === 'default_sequence_kind') {
    if (value === null && editor.schema.option(name) !== undefined) throw failedPrecondition('The default_sequence_kind option may not be unset once set.');
    if (typeof value === 'string' && value !== SEQUENCE_KIND) throw failedPrecondition(`Unsupported value for option default_sequence_kind: '${value}'.`);
  }
  if (name === 'default_time_zone') checkTimeZone(editor, value);
}

function checkTimeZone(editor: SchemaEditor, value: SchemaOption['value']): void {
  const before = editor.schema.option('default_time_zone') ?? null;
  if (editor.data.tables.length > 0 && before !== value) throw failedPrecondition('The default_time_zone option can only be changed while the database has no tables.');
  if (typeof value !== 'string') return;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
  } catch (error) {
    if (error instanceof RangeError) throw failedPrecondition(`Invalid value for option default_time_zone: '${value}'.`);
    throw error;
  }
}

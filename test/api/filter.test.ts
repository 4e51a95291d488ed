/** Filters of the list methods. */
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/base/errors.ts';
import { labelField, parseFilter, type Fields } from '../../src/api/filter.ts';

const labels = { env: 'dev', team: 'blue' };
const fields: Fields = (field) => {
  if (field === 'name') return 'projects/p/instances/Howl';
  if (field === 'done') return true;
  if (field === 'size') return 12;
  if (field === 'error') return undefined;
  if (field === 'type') return 'type.googleapis.com/google.spanner.admin.database.v1.CreateDatabaseMetadata';
  if (field === 'start') return '2026-03-28T14:50:00.000Z';
  return labelField(labels, field);
};

describe('filters', () => {
  it.each([
    ['', true],
    ['name:howl', true],
    ['name:*howl*', true],
    ['name:other', false],
    ['NAME_IS_OTHER:x OR name:howl', 'error'],
    ['done:true', true],
    ['done:false', false],
    ['done=true AND name:howl', true],
    ['done:true name:nothing', false],
    ['(name:nothing) OR (done:true)', true],
    ['name:howl AND name:nothing OR done:true', true],
    ['NOT name:nothing', true],
    ['-name:howl', false],
    ['error:*', false],
    ['NOT error:*', true],
    ['labels.env:*', true],
    ['labels.none:*', false],
    ['labels.env:dev', true],
    ['labels:env', true],
    ['labels.env != dev', false],
    ['(type:type.googleapis.com/google.spanner.admin.database.v1.CreateDatabaseMetadata) AND (done:true)', true],
    ['type=type.googleapis.com/google.spanner.admin.database.v1.UpdateDatabaseMetadata', false],
    ['start < "2026-03-28T15:00:00Z"', true],
    ['start > 2026-03-28T14:40:00Z', true],
    ['start >= "2026-03-28T16:50:00+02:00"', true],
    ['start < 2026-03-28T14:40:00Z', false],
    ['size > 9', true],
    ['size <= 12', true],
    ['size < 12', false],
    ['name:"projects/p/instances/howl"', true],
    ['name', 'error'],
    ['name:', 'error'],
    ['(name:x', 'error'],
    ['name:x)', 'error'],
    [':', 'error'],
    ['"', 'error'],
    ['name:x AND', 'error'],
    [`${'('.repeat(30)}name:x${')'.repeat(30)}`, 'error'],
    [`name:${'x'.repeat(3000)}`, 'error'],
  ])('%s', (filter, expected) => {
    const run = (): boolean => parseFilter(filter)(fields);
    if (expected === 'error') expect(run).toThrow(expect.objectContaining({ code: Code.INVALID_ARGUMENT }) as Error);
    else expect(run()).toBe(expected);
  });
});

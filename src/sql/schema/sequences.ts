/**
 * CREATE, ALTER, DROP SEQUENCE, and the sequence parameters that identity columns share with them.
 * Source: Spanner "Sequences", "Data definition language".
 */
import { failedPrecondition, invalidArgument, notFound } from '../../base/errors.ts';
import type { AlterSequence, CreateSequence } from '../ast/ddl.ts';
import type { SequenceParameter } from '../ast/ddl-table.ts';
import type { Int64 } from '../values/value.ts';
import type { SchemaEditor } from './editor.ts';
import { MAX_SEQUENCES } from './limits.ts';
import { checkName, nameOf } from './names.ts';
import { integerOption, mergeOptions, readOptions, type OptionCheck } from './options.ts';
import type { SchemaOption, Sequence, SequenceState } from './objects.ts';
import { requireNamedSchema } from './named-schemas.ts';

export const SEQUENCE_KIND = 'bit_reversed_positive';
const kindOption: OptionCheck = (value, name) =>
  value === SEQUENCE_KIND ? undefined : typeof value === 'string' ? `Unsupported sequence kind: ${value}` : `Unexpected value for option: ${name}. Supported option values are strings.`;
const OPTIONS = { sequence_kind: kindOption, skip_range_min: integerOption, skip_range_max: integerOption, start_with_counter: integerOption };

const EMPTY_STATE: SequenceState = { startWithCounter: undefined, skipRangeMin: undefined, skipRangeMax: undefined, generation: 0 };

export function checkSkipRange(min: Int64 | undefined, max: Int64 | undefined): void {
  if ((min === undefined) !== (max === undefined)) throw failedPrecondition('`skip_range_min` and `skip_range_max` have to be set together');
  if (min === undefined || max === undefined) return;
  if (min > max) throw failedPrecondition('`skip_range_min` has to be lesser than or equal to `skip_range_max`');
  if (max < 1) throw failedPrecondition('The sequence skipped range has to contain at least one positive value');
}

export function checkCounter(value: Int64 | undefined): void {
  if (value !== undefined && (value < 1 || value > 0x7fff_ffff_ffff_ffffn)) throw failedPrecondition('`start_with_counter` has to be a positive INT64 number');
}

export function readSequenceParameters(parameters: readonly SequenceParameter[]): { readonly bitReversedPositive: boolean; readonly state: SequenceState } {
  let state = EMPTY_STATE;
  let bitReversedPositive = false;
  for (const parameter of parameters) {
    if (parameter.kind === 'bitReversedPositive') bitReversedPositive = true;
    else if (parameter.kind === 'skipRange') state = { ...state, skipRangeMin: parameter.min, skipRangeMax: parameter.max };
    else state = { ...state, startWithCounter: parameter.value };
  }
  checkSkipRange(state.skipRangeMin, state.skipRangeMax);
  checkCounter(state.startWithCounter);
  return { bitReversedPositive, state };
}

const intOf = (options: readonly SchemaOption[], name: string): Int64 | undefined => {
  const value = options.find((option) => option.name === name)?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
};

/** The state that options describe; `before` keeps the generation. */
function stateFromOptions(options: readonly SchemaOption[], before: SequenceState): SequenceState {
  const startWithCounter = intOf(options, 'start_with_counter');
  const state = {
    startWithCounter, skipRangeMin: intOf(options, 'skip_range_min'), skipRangeMax: intOf(options, 'skip_range_max'),
    generation: startWithCounter === before.startWithCounter ? before.generation : before.generation + 1,
  };
  checkSkipRange(state.skipRangeMin, state.skipRangeMax);
  checkCounter(state.startWithCounter);
  return state;
}

const eitherOr = (name: string): Error => invalidArgument(`The sequence properties can only be set in either clauses and options for the sequence ${name}`);

export function createSequence(editor: SchemaEditor, node: CreateSequence): void {
  const name = nameOf(node.name);
  checkName('Sequence', name);
  if (node.ifNotExists && editor.schema.sequence(name) !== undefined) return;
  requireNamedSchema(editor, name);
  editor.claim(name);
  if (editor.data.sequences.length >= MAX_SEQUENCES) throw failedPrecondition(`Cannot add sequence ${name}: the database has the maximum of ${MAX_SEQUENCES} sequences.`);
  if (node.parameters.length > 0 && node.options.length > 0) throw eitherOr(name);
  const options = readOptions(editor.text, node.options, OPTIONS).filter((option) => option.value !== null);
  const { bitReversedPositive, state } = readSequenceParameters(node.parameters);
  const hasKind = bitReversedPositive || options.some((option) => option.name === 'sequence_kind');
  if (!hasKind && editor.schema.option('default_sequence_kind') === undefined) {
    throw invalidArgument('The sequence does not have a valid sequence kind. Please specify the sequence kind explicitly or set the database option `default_sequence_kind`.');
  }
  const sequence: Sequence = { id: editor.allocateId(), name, bitReversedPositive, state: options.length > 0 ? stateFromOptions(options, EMPTY_STATE) : state, options };
  editor.change({ sequences: [...editor.data.sequences, sequence] });
}

export function alterSequence(editor: SchemaEditor, node: AlterSequence): void {
  const name = nameOf(node.name);
  const sequence = editor.schema.sequence(name);
  if (sequence === undefined) {
    if (node.ifExists) return;
    throw sequenceNotFound(name);
  }
  const changed = alteredSequence(editor, sequence, node);
  editor.change({ sequences: editor.data.sequences.map((other) => (other.id === sequence.id ? changed : other)) });
  if (changed.state.generation !== sequence.state.generation) editor.act({ kind: 'restartSequence', sequence: sequence.id });
}

function alteredSequence(editor: SchemaEditor, sequence: Sequence, node: AlterSequence): Sequence {
  const { action } = node;
  const byOptions = sequence.options.length > 0;
  const byClauses = sequence.bitReversedPositive || (!byOptions && hasState(sequence.state));
  if (action.kind === 'setOptions') {
    if (byClauses) throw eitherOr(sequence.name);
    const options = mergeOptions(sequence.options, readOptions(editor.text, action.options, OPTIONS));
    return { ...sequence, options, state: stateFromOptions(options, sequence.state) };
  }
  if (byOptions) throw eitherOr(sequence.name);
  return { ...sequence, state: changedState(sequence.state, action) };
}

const hasState = (state: SequenceState): boolean => state.startWithCounter !== undefined || state.skipRangeMin !== undefined;

export type SequenceChange =
  | { readonly kind: 'skipRange'; readonly min: Int64; readonly max: Int64 }
  | { readonly kind: 'noSkipRange' }
  | { readonly kind: 'restartCounter'; readonly value: Int64 };

export function changedState(state: SequenceState, change: SequenceChange): SequenceState {
  switch (change.kind) {
    case 'skipRange':
      checkSkipRange(change.min, change.max);
      return { ...state, skipRangeMin: change.min, skipRangeMax: change.max };
    case 'noSkipRange':
      return { ...state, skipRangeMin: undefined, skipRangeMax: undefined };
    case 'restartCounter':
      checkCounter(change.value);
      return { ...state, startWithCounter: change.value, generation: state.generation + 1 };
  }
}

const sequenceNotFound = (name: string): Error => notFound(`Sequence not found: ${name}`);

export function dropSequence(editor: SchemaEditor, name: string, ifExists: boolean): void {
  const sequence = editor.schema.sequence(name);
  if (sequence === undefined) {
    if (ifExists) return;
    throw sequenceNotFound(name);
  }
  for (const table of editor.data.tables) {
    const user = table.columns.find((column) => column.value?.kind === 'default' && column.value.sequences.includes(sequence.id));
    if (user !== undefined) throw failedPrecondition(`Cannot drop SEQUENCE \`${sequence.name}\` on which there is a dependent column: ${table.name}.${user.name}.`);
  }
  const view = editor.data.views.find((other) => other.dependsOn.some((d) => d.object === sequence.id));
  if (view !== undefined) throw failedPrecondition(`Cannot drop SEQUENCE \`${sequence.name}\` on which there are dependent views: ${view.name}.`);
  editor.change({ sequences: editor.data.sequences.filter((other) => other.id !== sequence.id) });
  editor.act({ kind: 'dropSequence', sequence: sequence.id });
}

/**
 * Names of schema objects: which are valid, which are reserved, and those that Spanner makes up for unnamed constraints.
 * The generated names are visible (error messages, INFORMATION_SCHEMA, DROP CONSTRAINT), so they are made as Spanner makes
 * them: a FarmHash fingerprint over a seed and the parts.
 */
import { farmFingerprint64 } from '../functions/farmhash.ts';
import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { Path } from '../ast/node.ts';
import { encodeUtf8 } from '../values/text.ts';
import { MAX_NAME_LENGTH } from './limits.ts';
import { localPart } from './schema.ts';

/** Part of every fingerprint; it keeps generated names apart from fingerprints of the same text elsewhere. */
const FINGERPRINT_SEED = '2695C62E33338E4B';
const RESERVED_CONSTRAINT_PREFIXES = ['PK_', 'CK_IS_NOT_NULL_'];
const VALID_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
const VALID_COLUMN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const nameOf = (path: Path): string => path.parts.map((part) => part.name).join('.');

/** Checks the name of a new object; `type` as messages begin with it (`Table`). */
export function checkName(type: string, name: string): void {
  const local = localPart(name);
  if (!VALID_NAME.test(local) || local.length > MAX_NAME_LENGTH) throw invalidArgument(`${type} name not valid: ${name}.`);
}

export function checkColumnName(table: string, name: string): void {
  if (!VALID_COLUMN_NAME.test(name) || name.length > MAX_NAME_LENGTH) throw invalidArgument(`Column name not valid: ${table}.${name}.`);
}

export function checkConstraintName(type: string, name: string): void {
  checkName(type, name);
  for (const prefix of RESERVED_CONSTRAINT_PREFIXES) {
    if (name.toUpperCase().startsWith(prefix)) {
      throw invalidArgument(`${type} name not valid: ${name}. Names beginning with ${prefix} are reserved.`);
    }
  }
}

export const duplicateName = (name: string): Error => failedPrecondition(`Duplicate name in schema: ${name}.`);

function fingerprint(signature: string): string {
  const hash = farmFingerprint64(encodeUtf8(`${FINGERPRINT_SEED}_${signature}`));
  return BigInt.asUintN(64, hash).toString(16).toUpperCase().padStart(16, '0');
}

/** `base_suffix`, the base cut so that the whole fits. */
function joinWithin(base: string, suffix: string): string {
  const room = MAX_NAME_LENGTH - suffix.length - 1;
  const cut = base.length > room ? base.slice(0, room).replace(/_$/, '') : base;
  return `${cut}_${suffix}`;
}

const flat = (name: string): string => name.replaceAll('.', '_');

/** The first free name `base_fingerprint_n`. */
function sequencedName(base: string, isTaken: (name: string) => boolean): string {
  const hash = fingerprint(base);
  for (let n = 1; ; n++) {
    const name = joinWithin(base, `${hash}_${n}`);
    if (!isTaken(name)) return name;
  }
}

export function foreignKeyName(table: string, referencedTable: string, isTaken: (name: string) => boolean): string {
  return sequencedName(`FK_${flat(table)}_${flat(referencedTable)}`, isTaken);
}

export function checkConstraintGeneratedName(table: string, isTaken: (name: string) => boolean): string {
  return sequencedName(`CK_${flat(table)}`, isTaken);
}

/** The index that a foreign key needs. Its code: unique over referenced columns, null-filtered over referencing ones that may be NULL. */
export function managedIndexName(table: string, columns: readonly string[], code: 'U' | 'N' | undefined): string {
  const dot = table.indexOf('.');
  const base = `IDX_${localPart(table)}_${columns.join('_')}`;
  const name = joinWithin(base, code === undefined ? fingerprint(base) : `${code}_${fingerprint(`${base}_${code}`)}`);
  return dot < 0 ? name : `${table.slice(0, dot)}.${name}`;
}

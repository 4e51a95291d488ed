/** The dumps of testdata, and how a test reads one. */
import { fileURLToPath } from 'node:url';
import type { Dialect } from '../../src/import/dialect.ts';

export interface Dump {
  readonly name: string;
  readonly dialect: Dialect;
}

/** One small library of books, made in each database, and written by its own tool. */
export const DUMPS: readonly Dump[] = [
  { name: 'postgresql-copy', dialect: 'postgresql' },
  { name: 'postgresql-inserts', dialect: 'postgresql' },
  { name: 'mariadb', dialect: 'mysql' },
  { name: 'mariadb-hex', dialect: 'mysql' },
  { name: 'sqlite', dialect: 'sqlite' },
];

export const dumpPath = (name: string): string => fileURLToPath(new URL(`./testdata/${name}.sql`, import.meta.url));

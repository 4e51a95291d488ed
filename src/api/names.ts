/**
 * Resource names. A name that is not well-formed is INVALID_ARGUMENT before anything is looked up. Projects are taken
 * as they come: there is no directory of them.
 */
import { invalidArgument, type TrestleError } from '../base/errors.ts';

const PROJECT = '[^/]{1,128}';
const SEGMENT = '[^/]{1,256}';
const PROJECT_NAME = new RegExp(`^projects/${PROJECT}$`);
const INSTANCE_NAME = new RegExp(`^projects/${PROJECT}/instances/(${SEGMENT})$`);
const DATABASE_NAME = new RegExp(`^(projects/${PROJECT}/instances/${SEGMENT})/databases/(${SEGMENT})$`);
const CONFIG_NAME = new RegExp(`^projects/${PROJECT}/instanceConfigs/(${SEGMENT})$`);
const OPERATION_NAME = new RegExp(`^(projects/${PROJECT}/instances/${SEGMENT}(?:/databases/${SEGMENT})?)/operations/(${SEGMENT})$`);
const SESSION_MARK = '/sessions/';
const MAX_NAME_CHARS = 1024;

const INSTANCE_ID = /^[a-z][-a-z0-9]{0,62}[a-z0-9]$/;
const DATABASE_ID = /^[a-z][-_a-z0-9]{0,28}[a-z0-9]$/;
const OPERATION_ID = /^[a-z][a-z0-9_]{1,127}$/;
const LABEL_KEY = /^[a-z][a-z0-9_-]{0,62}$/;
const LABEL_VALUE = /^[a-z0-9_-]{0,63}$/;

const shown = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
const invalid = (what: string, name: string): TrestleError => invalidArgument(`Invalid ${what} name: ${shown(name)}`);

function match(pattern: RegExp, name: string, what: string): RegExpExecArray {
  const found = name.length <= MAX_NAME_CHARS ? pattern.exec(name) : null;
  if (found === null) throw invalid(what, name);
  return found;
}

export function checkProject(name: string): string {
  match(PROJECT_NAME, name, 'project');
  return name;
}

export function checkInstance(name: string): string {
  match(INSTANCE_NAME, name, 'instance');
  return name;
}

export function checkConfig(name: string): string {
  match(CONFIG_NAME, name, 'instance config');
  return name;
}

export function checkDatabase(name: string): { readonly instance: string; readonly id: string } {
  const found = match(DATABASE_NAME, name, 'database');
  return { instance: found[1] ?? '', id: found[2] ?? '' };
}

/** The instance or database that an operation belongs to. */
export function operationParent(name: string): string {
  return match(OPERATION_NAME, name, 'operation')[1] ?? '';
}

/** The database of a session name. Called on every request: no regular expression over the whole name. */
export function databaseOfSession(name: string): string {
  const known = databases.get(name);
  if (known !== undefined) return known;
  const at = name.lastIndexOf(SESSION_MARK);
  if (at < 0 || name.length > MAX_NAME_CHARS || at + SESSION_MARK.length === name.length) throw invalid('session', name);
  const database = name.slice(0, at);
  if (!DATABASE_NAME.test(database)) throw invalid('session', name);
  if (databases.size >= MAX_KNOWN) databases.clear();
  databases.set(name, database);
  return database;
}

/** Of sessions that were named of late: every call names one. */
const databases = new Map<string, string>();
const MAX_KNOWN = 1_000;

export function newInstanceName(project: string, id: string): string {
  if (!INSTANCE_ID.test(id)) {
    throw invalidArgument(`Invalid instance id: ${shown(id)}. It has 2 to 64 of a-z, 0-9 and -, begins with a letter and does not end with -.`);
  }
  return `${project}/instances/${id}`;
}

export function newDatabaseName(instance: string, id: string): string {
  if (!DATABASE_ID.test(id)) {
    throw invalidArgument(`Invalid database id: ${shown(id)}. It has 2 to 30 of a-z, 0-9, _ and -, begins with a letter and ends with a letter or digit.`);
  }
  return `${instance}/databases/${id}`;
}

export function checkOperationId(id: string): string | undefined {
  if (id === '') return undefined;
  if (!OPERATION_ID.test(id)) throw invalidArgument(`Invalid operation id: ${shown(id)}. It has 2 to 128 of a-z, 0-9 and _, and begins with a letter.`);
  return id;
}

export function checkLabels(labels: Readonly<Record<string, string>>, maxLabels: number): void {
  const entries = Object.entries(labels);
  if (entries.length > maxLabels) throw invalidArgument(`There are ${String(entries.length)} labels; at most ${String(maxLabels)} are allowed.`);
  for (const [key, value] of entries) {
    if (!LABEL_KEY.test(key)) throw invalidArgument(`Invalid label key: ${shown(key)}`);
    if (!LABEL_VALUE.test(value)) throw invalidArgument(`Invalid label value: ${shown(value)}`);
  }
}

const CREATE_DATABASE = /^\s*CREATE\s+DATABASE\s+(?:`([^`]*)`|"([^"]*)"|([A-Za-z][A-Za-z0-9_-]*))\s*;?\s*$/i;
const MAX_CREATE_STATEMENT_CHARS = 1024;

/** The id in `CREATE DATABASE name`. */
export function databaseIdOf(createStatement: string): string {
  if (createStatement === '') throw invalidArgument('CreateDatabase needs a create_statement: CREATE DATABASE <name>.');
  const found = createStatement.length <= MAX_CREATE_STATEMENT_CHARS ? CREATE_DATABASE.exec(createStatement) : null;
  if (found === null) throw invalidArgument(`Invalid create_statement: ${shown(createStatement)}`);
  return found[1] ?? found[2] ?? found[3] ?? '';
}

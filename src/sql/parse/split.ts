/**
 * A script to its statements. Semicolons inside strings, quoted names and comments do not separate. Statements are not parsed here: each
 * comes with its text and offset, so that whoever runs it can report errors in the script's terms.
 */
import { TokenKind, tokenize } from '../lex/lexer.ts';
import { sqlErrorAt } from '../lex/position.ts';
import { invalidArgument, type TrestleError } from '../../base/errors.ts';
import { MAX_DDL_LENGTH } from './limits.ts';

export interface ScriptStatement {
  /** Without the semicolon and without white space and comments around it. */
  readonly text: string;
  /** Offset of `text` in the script. */
  readonly start: number;
  readonly end: number;
  /** Told by the first word. `ddl` goes to UpdateDatabaseDdl, the others to ExecuteSql. */
  readonly kind: 'query' | 'dml' | 'ddl' | 'call';
}

const DDL = new Set(['CREATE', 'ALTER', 'DROP', 'GRANT', 'REVOKE', 'ANALYZE', 'RENAME']);
const DML = new Set(['INSERT', 'UPDATE', 'DELETE']);

function kindOf(first: string): ScriptStatement['kind'] {
  if (DDL.has(first)) return 'ddl';
  if (DML.has(first)) return 'dml';
  return first === 'CALL' ? 'call' : 'query';
}

/** The statements of a script of at most MAX_DDL_LENGTH characters; empty ones are left out. */
export function splitScript(script: string): ScriptStatement[] {
  if (script.length > MAX_DDL_LENGTH) throw invalidArgument(`Script is too long: ${script.length} characters, the limit is ${MAX_DDL_LENGTH}`);
  const tokens = tokenize(script);
  const statements: ScriptStatement[] = [];
  let first = 0;
  for (let i = 0; i < tokens.kinds.length; i++) {
    const kind = tokens.kinds[i];
    if (kind === TokenKind.error) throw lexicalError(script, tokens.error);
    if (tokens.words[i] !== ';' && kind !== TokenKind.end) continue;
    if (i > first) {
      const start = tokens.starts[first] ?? 0;
      const end = tokens.ends[i - 1] ?? start;
      statements.push({ text: script.slice(start, end), start, end, kind: kindOf(tokens.words[firstWord(tokens.words, first)] ?? '') });
    }
    first = i + 1;
  }
  return statements;
}

/** The index of the first token after a statement hint. */
function firstWord(words: readonly string[], first: number): number {
  let i = first;
  if (words[i] === '@' && words[i + 1] === '{') {
    while (i < words.length && words[i] !== '}') i++;
    i++;
  }
  return i;
}

function lexicalError(script: string, error: { readonly offset: number; readonly message: string } | undefined): TrestleError {
  return sqlErrorAt(script, error?.offset ?? 0, `Syntax error: ${error?.message ?? 'Illegal input'}`);
}

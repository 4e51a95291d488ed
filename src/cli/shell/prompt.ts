/** The interactive prompt: lines are gathered until a semicolon ends a statement; history is kept over sessions. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { TokenKind, tokenize } from '../../sql/lex/lexer.ts';
import type { Output } from '../output.ts';
import { errorText, type SqlSession } from './session.ts';

const HISTORY_LINES_MAX = 1_000;
const historyPath = (): string => join(homedir(), '.trestle_history');

/**
 * Whether the text is to be run: a backslash command, or text whose last token is a semicolon. What cannot be lexed is
 * run when its last line ends with a semicolon, so that its error is seen, unless the error is an open long string or comment.
 */
export function isComplete(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.startsWith('\\')) return true;
  if (/^(exit|quit|help)$/i.test(trimmed)) return true;
  const tokens = tokenize(trimmed);
  const last = tokens.kinds.length - 2;
  if (last >= 0 && tokens.kinds[last] === TokenKind.error) {
    return trimmed.endsWith(';') && !/unclosed (triple|comment)|unterminated comment/i.test(tokens.error?.message ?? '');
  }
  return last >= 0 && tokens.words[last] === ';';
}

function readHistory(): string[] {
  try {
    // Readline wants the newest first.
    return readFileSync(historyPath(), 'utf8').split('\n').filter((line) => line !== '').slice(-HISTORY_LINES_MAX).reverse();
  } catch {
    return [];
  }
}

function keepHistory(line: string): void {
  if (line.trim() === '') return;
  try {
    if (!existsSync(historyPath())) writeFileSync(historyPath(), '', { mode: 0o600 });
    appendFileSync(historyPath(), `${line}\n`);
  } catch {
    // A home that cannot be written costs the history only.
  }
}

/** Resolves when the user leaves. */
export async function runPrompt(session: SqlSession, output: Output): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, history: readHistory(), historySize: HISTORY_LINES_MAX, removeHistoryDuplicates: true, terminal: true });
  let running: AbortController | undefined;
  let gathered = '';
  terminal.on('SIGINT', () => {
    if (running !== undefined) {
      running.abort();
      return;
    }
    if (gathered === '' && terminal.line === '') output.out('\n(\\q or Ctrl-D leaves)');
    else output.out('');
    gathered = '';
    ask(terminal, session, gathered);
  });
  ask(terminal, session, gathered);
  for await (const line of terminal) {
    keepHistory(line);
    gathered = gathered === '' ? line : `${gathered}\n${line}`;
    if (isComplete(gathered)) {
      const text = gathered;
      gathered = '';
      running = new AbortController();
      try {
        await session.runScript(text, running.signal);
      } catch (error) {
        output.err(errorText(error));
      }
      running = undefined;
      if (session.wantsToQuit) break;
    }
    ask(terminal, session, gathered);
  }
  terminal.close();
}

function ask(terminal: Interface, session: SqlSession, gathered: string): void {
  terminal.setPrompt(gathered === '' ? `${session.databaseId}> ` : `${' '.repeat(Math.max(0, session.databaseId.length - 1))}-> `);
  terminal.prompt();
}

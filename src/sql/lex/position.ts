/**
 * Positions in a statement's text and the errors that show them: `message [at line:column]`, then the line and a caret.
 *
 * Lines and columns count from 1. A column is a code point; a tab goes on to the next multiple of 8. Long lines are cut around the
 * caret. The shape is that of Spanner's own errors, which clients show as they are.
 */
import { invalidArgument, type TrestleError } from '../../base/errors.ts';

const TAB_WIDTH = 8;
/** Columns of source shown before `...` marks a cut. */
const SHOWN_WIDTH = 80;
const ELLIPSIS = ['.', '.', '.'] as const;

export interface Position {
  readonly line: number;
  readonly column: number;
}

const lineStart = (text: string, offset: number): number => {
  for (let i = offset - 1; i >= 0; i--) {
    const c = text.charCodeAt(i);
    if (c === 10 || (c === 13 && text.charCodeAt(i + 1) !== 10)) return i + 1;
  }
  return 0;
};

const lineEnd = (text: string, offset: number): number => {
  let i = offset;
  while (i < text.length && text.charCodeAt(i) !== 10 && text.charCodeAt(i) !== 13) i++;
  return i;
};

/** The text with its tabs replaced by blanks up to the tab stops. */
function expandTabs(line: string): string {
  if (!line.includes('\t')) return line;
  let out = '';
  let width = 0;
  for (const char of line) {
    const count = char === '\t' ? TAB_WIDTH - (width % TAB_WIDTH) : 1;
    out += char === '\t' ? ' '.repeat(count) : char;
    width += count;
  }
  return out;
}

const codePoints = (text: string): number => {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0xdc00 || c > 0xdfff) count++;
  }
  return count;
};

/** The position of a UTF-16 offset. */
export function positionAt(text: string, offset: number): Position {
  const start = lineStart(text, offset);
  let line = 1;
  for (let i = 0; i < start; i++) {
    const c = text.charCodeAt(i);
    if (c === 10 || (c === 13 && text.charCodeAt(i + 1) !== 10)) line++;
  }
  return { line, column: codePoints(expandTabs(text.slice(start, offset))) + 1 };
}

const isWordChar = (char: string | undefined): boolean => char !== undefined && /^\w$/.test(char);

/** Where a long line is cut before the caret: at the beginning of a word 41 to 52 columns to the left, or else 40 columns. */
function cutBefore(chars: readonly string[], caret: number): number {
  for (let i = caret - 52; i < caret - 40; i++) {
    if (isWordChar(chars[i]) && !isWordChar(chars[i - 1])) return i;
  }
  return caret - 40;
}

/** The line that the offset is in and a caret below it, cut to SHOWN_WIDTH columns around the caret. */
function excerpt(text: string, offset: number, column: number): string {
  let chars = Array.from(expandTabs(text.slice(lineStart(text, offset), lineEnd(text, offset))));
  let caret = column - 1;
  if (chars.length > SHOWN_WIDTH && column > (SHOWN_WIDTH * 2) / 3) {
    const cut = cutBefore(chars, caret);
    chars = [...ELLIPSIS, ...chars.slice(cut)];
    caret -= cut - ELLIPSIS.length;
  }
  if (chars.length > SHOWN_WIDTH) chars = [...chars.slice(0, SHOWN_WIDTH - ELLIPSIS.length), ...ELLIPSIS];
  return `${chars.join('')}\n${' '.repeat(caret)}^`;
}

/** `message [at 1:8]` and the excerpt of the text. */
export function messageAt(text: string, offset: number, message: string): string {
  const { line, column } = positionAt(text, offset);
  return `${message} [at ${line}:${column}]\n${excerpt(text, offset, column)}`;
}

/** A message of one line that ends in `[at line:column]`, with the excerpt of the text below it; others as they are. */
export function withExcerpt(text: string, message: string): string {
  const at = / \[at (\d+):(\d+)\]$/.exec(message);
  if (at === null) return message;
  let offset = 0;
  for (let line = 1; line < Number(at[1]); line++) offset = lineEnd(text, offset) + (text.startsWith('\r\n', lineEnd(text, offset)) ? 2 : 1);
  return `${message}\n${excerpt(text, offset, Number(at[2]))}`;
}

/** An INVALID_ARGUMENT error about a place in a statement. Used by the analyser too. */
export const sqlErrorAt = (text: string, offset: number, message: string): TrestleError => invalidArgument(messageAt(text, offset, message));

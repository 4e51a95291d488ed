/**
 * Regular expressions with RE2's syntax and linear time. BYTES are matched as text of one char per byte.
 * Compiled expressions are cached, since a pattern is nearly always a constant.
 */
import { RE2JS, RE2JSException } from 're2js';
import { outOfRange } from '../../base/errors.ts';
import { limitLength } from '../values/text.ts';
import { bytesFromLatin1, latin1 } from './bytes.ts';
import { on, scalar } from './define.ts';
import type { FunctionDefinition, PlainEvaluator } from './registry.ts';

const FAMILY = 'string';
const CACHE_LIMIT = 500;
const MAX_PATTERN_LENGTH = 1_000_000;
const cache = new Map<string, RE2JS>();

/** RE2 minds no name that two groups have, its port does; names are of no use here. */
function compileAnew(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSException && error.message.includes('duplicate capture group name')) return RE2JS.compile(pattern.replace(/\\[\s\S]|\(\?P?<\w+>/g, (part) => (part.startsWith('\\') ? part : '(')));
    throw error;
  }
}

function compile(pattern: string): RE2JS {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  if (pattern.length > MAX_PATTERN_LENGTH) throw outOfRange('Cannot parse regular expression: pattern too large');
  try {
    const compiled = compileAnew(pattern);
    if (cache.size >= CACHE_LIMIT) cache.clear();
    cache.set(pattern, compiled);
    return compiled;
  } catch (error) {
    if (error instanceof RE2JSException) throw outOfRange(`Cannot parse regular expression: ${reasonOf(error.message)}`);
    throw error;
  }
}

/** The words of RE2's own messages for those of its port. */
const RE2_WORDS: readonly (readonly [string, string])[] = [
  ['missing closing ', 'missing '],
  ['missing argument to repetition operator', 'no argument for repetition operator'],
  ['invalid nested repetition operator', 'bad repetition operator'],
  ['invalid repeat count', 'invalid repetition size'],
  ['invalid or unsupported Perl syntax', 'invalid perl operator'],
  ['invalid named capture', 'invalid named capture group'],
  ['trailing backslash at end of expression', 'trailing \\'],
];

function reasonOf(message: string): string {
  const text = message.replace(/^error parsing regexp: /, '').replace(/`/g, '');
  if (text.startsWith('invalid named capture: (?<=') || text.startsWith('invalid named capture: (?<!')) return 'invalid perl operator: (?<';
  const [ours, theirs] = RE2_WORDS.find(([words]) => text.startsWith(words)) ?? ['', ''];
  return theirs + text.slice(ours.length);
}

function extractor(pattern: string): RE2JS {
  const regexp = compile(pattern);
  if (regexp.groupCount() > 1) throw outOfRange('Regular expressions passed into extraction functions must not have more than 1 capturing group');
  return regexp;
}

const contains = (text: string, pattern: string): boolean => compile(pattern).matcher(text).find();

function extract(text: string, pattern: string): string | null {
  const regexp = extractor(pattern);
  const matcher = regexp.matcher(text);
  return matcher.find() ? (matcher.group(regexp.groupCount()) ?? null) : null;
}

/** Every match that is sought before the end of the text, or at the end of an empty one. */
function extractAll(text: string, pattern: string): string[] {
  const regexp = extractor(pattern);
  const group = regexp.groupCount();
  const matcher = regexp.matcher(text);
  const result: string[] = [];
  let from = 0;
  while ((from === 0 || from < text.length) && matcher.find()) {
    result.push(matcher.group(group) ?? '');
    from = matcher.end() + (matcher.end() === matcher.start() ? 1 : 0);
  }
  return result;
}

type Piece = string | number;

/** Reads a replacement: \0 to \9 are groups, \\ a backslash. */
function parseReplacement(replacement: string, groups: number): Piece[] {
  const pieces: Piece[] = [];
  let text = '';
  for (let i = 0; i < replacement.length; i++) {
    const c = replacement.charAt(i);
    if (c !== '\\') {
      text += c;
      continue;
    }
    const next = replacement.charAt(++i);
    if (next === '\\') text += '\\';
    else if (/^[0-9]$/.test(next)) {
      if (Number(next) > groups) {
        throw outOfRange(`Invalid REGEXP_REPLACE pattern: Rewrite schema requests ${next} matches, but the regexp only has ${groups} parenthesized subexpressions.`);
      }
      pieces.push(text, Number(next));
      text = '';
    } else if (next === '') throw outOfRange("Invalid REGEXP_REPLACE pattern: Rewrite schema error: '\\' not allowed at end.");
    else throw outOfRange("Invalid REGEXP_REPLACE pattern: Rewrite schema error: '\\' must be followed by a digit or '\\'.");
  }
  pieces.push(text);
  return pieces;
}

function replace(text: string, pattern: string, replacement: string): string {
  const regexp = compile(pattern);
  const pieces = parseReplacement(replacement, regexp.groupCount());
  const matcher = regexp.matcher(text);
  let result = '';
  let end = 0;
  let matched = false;
  while (matcher.find()) {
    const start = matcher.start();
    // An empty match right after the match before it does not count.
    if (matched && start === end && matcher.end() === start) continue;
    result += text.slice(end, start);
    for (const piece of pieces) result += typeof piece === 'string' ? piece : (matcher.group(piece) ?? '');
    limitLength(result.length, 'REGEXP_REPLACE');
    end = matcher.end();
    matched = true;
  }
  return result + text.slice(end);
}

const onBytes = (f: PlainEvaluator): PlainEvaluator =>
  (...args) => {
    const result = f(...args.map((a) => (a instanceof Uint8Array ? latin1(a) : a)));
    if (typeof result === 'string') return bytesFromLatin1(result);
    return Array.isArray(result) ? result.map((item: unknown) => (typeof item === 'string' ? bytesFromLatin1(item) : null)) : result;
  };

export const REGEXPS: readonly FunctionDefinition[] = [
  scalar('REGEXP_CONTAINS', FAMILY, 'Whether a regular expression matches some part.', [on('(STRING, STRING) -> BOOL', contains), on('(BYTES, BYTES) -> BOOL', onBytes(contains))]),
  scalar('REGEXP_EXTRACT', FAMILY, 'The first match of a regular expression, or of its group.', [on('(STRING, STRING) -> STRING', extract), on('(BYTES, BYTES) -> BYTES', onBytes(extract))]),
  scalar('REGEXP_EXTRACT_ALL', FAMILY, 'All matches of a regular expression, or of its group.', [on('(STRING, STRING) -> ARRAY<STRING>', extractAll), on('(BYTES, BYTES) -> ARRAY<BYTES>', onBytes(extractAll))]),
  scalar('REGEXP_REPLACE', FAMILY, 'Replaces all matches of a regular expression; \\1 in the replacement is a group.', [
    on('(STRING, STRING, STRING) -> STRING', replace),
    on('(BYTES, BYTES, BYTES) -> BYTES', onBytes(replace)),
  ]),
];

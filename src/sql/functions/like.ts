/**
 * LIKE: % stands for any text, _ for one character, a backslash makes the next character plain.
 *
 * A pattern is cut at its % signs into segments. The first is anchored at the start, the last at the end, and each one
 * between is found at its leftmost place after the one before; that is right since a later place never helps. The time
 * is at most length × pattern, unlike a backtracking regular expression's.
 */
import { outOfRange } from '../../base/errors.ts';

/** A segment: characters, where undefined is `_`. `text` is set when there is no `_`. */
interface Segment {
  readonly characters: readonly (string | undefined)[];
  readonly text: string | undefined;
}

type Match = (text: string) => boolean;

const CACHE_LIMIT = 500;
const cache = new Map<string, Match>();

/** The matcher of a pattern, cached. Throws OUT_OF_RANGE when the pattern ends in a lone backslash. */
export function likeMatcher(pattern: string): Match {
  let matcher = cache.get(pattern);
  if (matcher === undefined) {
    matcher = compile(pattern);
    if (cache.size >= CACHE_LIMIT) cache.clear();
    cache.set(pattern, matcher);
  }
  return matcher;
}

/** What every text that matches begins with. */
export function likePrefix(pattern: string): string {
  let prefix = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '%' || c === '_') break;
    prefix += c === '\\' ? (pattern[++i] ?? '') : c;
  }
  return prefix;
}

function parse(pattern: string): Segment[] {
  const segments: Segment[] = [];
  let current: (string | undefined)[] = [];
  const close = (): void => {
    segments.push({ characters: current, text: current.includes(undefined) ? undefined : current.join('') });
    current = [];
  };
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i];
    if (c === '%') close();
    else if (c === '_') current.push(undefined);
    else if (c === '\\') {
      const next = characters[++i];
      if (next === undefined) throw outOfRange('LIKE pattern ends with a backslash');
      current.push(next);
    } else current.push(c);
  }
  close();
  return segments;
}

function compile(pattern: string): Match {
  const segments = parse(pattern);
  if (segments.every((s) => s.text !== undefined)) return matchTexts(segments.map((s) => s.text ?? ''));
  return matchCharacters(segments.map((s) => s.characters));
}

function matchTexts(parts: readonly string[]): Match {
  const first = parts[0] ?? '';
  const last = parts[parts.length - 1] ?? '';
  const middle = parts.slice(1, -1);
  if (parts.length === 1) return (text) => text === first;
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return at <= end;
  };
}

function matchCharacters(parts: readonly (readonly (string | undefined)[])[]): Match {
  const first = parts[0] ?? [];
  const last = parts[parts.length - 1] ?? [];
  return (text) => {
    const characters = Array.from(text);
    const fits = (part: readonly (string | undefined)[], at: number): boolean => part.every((c, i) => c === undefined || c === characters[at + i]);
    if (parts.length === 1) return characters.length === first.length && fits(first, 0);
    const end = characters.length - last.length;
    if (end < first.length || !fits(first, 0) || !fits(last, end)) return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      while (at + part.length <= end && !fits(part, at)) at++;
      if (at + part.length > end) return false;
      at += part.length;
    }
    return true;
  };
}

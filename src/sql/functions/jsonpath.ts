/**
 * JSONPath as GoogleSQL has it: $, .name, ."quoted name", [index]. No wildcards, no filters.
 * Parsed paths are cached, since a path is nearly always a constant.
 */
import { outOfRange } from '../../base/errors.ts';
import { isJsonArray, isJsonObject, type JsonNode } from '../values/json.ts';

/** A member's name or an element's index. */
export type PathStep = string | number;
export type JsonPath = readonly PathStep[];

const MAX_STEPS = 1000;
const CACHE_LIMIT = 500;
const cache = new Map<string, JsonPath>();

const STEP = /\.([\p{L}\p{N}_\-:\s]+)|\."((?:[^"\\]|\\.)*)"|\[\s*(-?[0-9]+)\s*\]/uy;

/** Throws OUT_OF_RANGE in Spanner's words when the text is no path. */
export function parsePath(text: string): JsonPath {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const path = parse(text);
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(text, path);
  return path;
}

function parse(text: string): JsonPath {
  if (!text.startsWith('$')) throw outOfRange("JSONPath must start with '$'");
  const steps: PathStep[] = [];
  let at = 1;
  while (at < text.length) {
    STEP.lastIndex = at;
    const match = STEP.exec(text);
    if (match === null) {
      const operator = /^(?:\[|\.)?([*@])|^(\.\.)/.exec(text.slice(at));
      if (operator !== null) throw outOfRange(`Unsupported operator in JSONPath: ${operator[1] ?? operator[2]}`);
      throw outOfRange(`Invalid token in JSONPath at: ${text.slice(at)}`);
    }
    if (steps.length >= MAX_STEPS) throw outOfRange('JSONPath is too long');
    steps.push(match[3] !== undefined ? Number(match[3]) : (match[1] ?? (match[2] ?? '').replace(/\\(.)/g, '$1')));
    at = STEP.lastIndex;
  }
  return steps;
}

/** The element that a step of a reading path means in an array: `.0` is `[0]`. Undefined when it is no position. */
export function positionOf(step: PathStep): number | undefined {
  if (typeof step === 'number') return step >= 0 ? step : undefined;
  return /^[0-9]{1,9}$/.test(step) ? Number(step) : undefined;
}

/** The node one step down; undefined when there is none. */
export function stepInto(node: JsonNode, step: PathStep): JsonNode | undefined {
  if (typeof step === 'string') return isJsonObject(node) ? node.get(step) : undefined;
  return isJsonArray(node) && step >= 0 ? node[step] : undefined;
}

/** The node at a path as extractors read it: `[0]` also names the member "0" of an object, and `.0` the first element of an array. */
export function follow(root: JsonNode, path: JsonPath): JsonNode | undefined {
  let node: JsonNode | undefined = root;
  for (const step of path) {
    if (node === undefined) return undefined;
    if (isJsonObject(node)) node = node.get(String(step));
    else {
      const position = positionOf(step);
      node = isJsonArray(node) && position !== undefined ? node[position] : undefined;
    }
  }
  return node;
}

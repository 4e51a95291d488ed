/** What the parser's tests share: trees without offsets, and the error of a text. */
import { TrestleError } from '../../../src/base/errors.ts';

/** The tree as plain data, without offsets and absent parts, so that it can be compared and read. */
export function plain(node: unknown): unknown {
  if (typeof node === 'bigint') return `${node}n`;
  if (node instanceof Uint8Array) return [...node];
  if (Array.isArray(node)) return node.map(plain);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(([key, value]) => key !== 'start' && key !== 'end' && value !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [key, plain(value)]));
}

/** The message of the TrestleError that `run` throws, or undefined when it does not throw. Any other exception passes through. */
export function errorOf(run: () => unknown): TrestleError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof TrestleError) return error;
    throw error;
  }
}

export const messageOf = (run: () => unknown): string | undefined => errorOf(run)?.message;

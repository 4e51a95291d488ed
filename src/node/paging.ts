/** Pages of lists that are read in order of name: the token is the last name of the page before. */
import type { Page, PageRequest } from '../api/backend.ts';
import type { Stored } from './meta.ts';

/** `found` has one more than a page, when there is more. */
export function pageOf<T>(found: readonly Stored<T>[], page: PageRequest): Page<T> {
  const shown = found.slice(0, page.pageSize);
  const more = found.length > page.pageSize;
  return { items: shown.map(({ value }) => value), nextPageToken: more ? shown.at(-1)?.name : undefined };
}

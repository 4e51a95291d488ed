/** Pages of lists that are read in order of name: the token is the last name of the page before. */
import type { Page, PageRequest } from '../api/backend.ts';
import { invalidArgument } from '../base/errors.ts';
import type { Kind, MetaStore, Stored } from './meta.ts';

/** One page of the records of a kind whose names start with `prefix` and that `keep` holds for. */
export async function pageOf<T>(meta: MetaStore, kind: Kind, prefix: string, page: PageRequest, keep: (value: T) => boolean = () => true): Promise<Page<T>> {
  if (page.pageToken !== '' && !page.pageToken.startsWith(prefix)) throw invalidArgument('Invalid page_token.');
  const kept: Stored<T>[] = [];
  for (let after = page.pageToken; ; ) {
    const found = await meta.list<T>(kind, prefix, after, page.pageSize + 1);
    kept.push(...found.filter(({ value }) => keep(value)));
    const last = found.at(-1);
    if (kept.length > page.pageSize || found.length <= page.pageSize || last === undefined) break;
    after = last.name;
  }
  const shown = kept.slice(0, page.pageSize);
  return { items: shown.map(({ value }) => value), nextPageToken: kept.length > page.pageSize ? shown.at(-1)?.name : undefined };
}

/** Page sizes and tokens of the list methods. */
import { invalidArgument } from '../../base/errors.ts';
import type { PageRequest } from '../backend.ts';
import { MAX_PAGE_SIZE } from '../limits.ts';

export function pageOf(request: { readonly pageSize: number; readonly pageToken: string }): PageRequest {
  if (request.pageSize < 0) throw invalidArgument('page_size must not be negative.');
  return { pageSize: request.pageSize === 0 ? MAX_PAGE_SIZE : Math.min(request.pageSize, MAX_PAGE_SIZE), pageToken: request.pageToken };
}

import { RedisStreamOptionError } from '../errors/option-error.js';
import type { DeadLetter } from './dead-letter.js';

export const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
export const FIRST_ID = '0-0';
export const LAST_ID = '18446744073709551615-18446744073709551615';
const ENTRY_ID = /^\d+-\d+$/;

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** Pass it as `after` to get the next page; undefined on the last page. */
  readonly next: string | undefined;
}

export function entryId(name: string, id: string): string {
  if (typeof id !== 'string' || !ENTRY_ID.test(id)) throw new RedisStreamOptionError(name, 'the id of a letter', id);
  return id;
}

export function assertPageSize(count: number): void {
  if (Number.isSafeInteger(count) && count >= 1 && count <= MAX_PAGE) return;
  throw new RedisStreamOptionError('count', `an integer from 1 to ${MAX_PAGE}`, count);
}

import type { Place, Setup } from './contender.js';
import type { Figures } from './figures.js';
import type { Load } from './loads.js';

export interface Role {
  readonly contender: string;
  readonly place: Place;
}

/** What the parent asks a process: one question at a time, so without ids. */
export type Question =
  | { readonly kind: 'serve'; readonly role: Role; readonly setup: Setup }
  | { readonly kind: 'call'; readonly role: Role; readonly callers: number }
  | { readonly kind: 'drive'; readonly load: Load }
  | { readonly kind: 'tally' }
  | { readonly kind: 'usage'; readonly collectGarbage: boolean }
  | { readonly kind: 'close' };

export type Answer = { readonly figures: Figures } | { readonly error: string };

import type { HandlerSettings } from '../settings/settings.js';

/** How a run ended. */
export type RunOutcome =
  { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: unknown; readonly isRetriable: boolean };

/** What happens to the entry. */
export type Verdict =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'dead-letter'; readonly reason: DeadLetterReason };

/**
 * - `failed`: its last attempt failed
 * - `unrecoverable`: its handler said that another attempt is useless
 * - `undecodable`: not understood
 * - `abandoned`: its consumers died or lost it as often as it may be tried
 */
export type DeadLetterReason = 'failed' | 'unrecoverable' | 'undecodable' | 'abandoned';

/** The decision table. A failed request is answered, not retried: its caller knows, and can ask again. */
export function settlementOf(
  outcome: RunOutcome,
  isRequest: boolean,
  attempt: number,
  { maxAttempts, backoff }: Pick<HandlerSettings, 'maxAttempts' | 'backoff'>,
): Verdict {
  if (outcome.kind === 'done' || isRequest) return { kind: 'ack' };
  if (!outcome.isRetriable) return { kind: 'dead-letter', reason: 'unrecoverable' };
  if (attempt >= maxAttempts) return { kind: 'dead-letter', reason: 'failed' };
  return { kind: 'retry', delayMs: backoffDelay(attempt, backoff, Math.random()) };
}

/**
 * Doubles with each attempt up to the maximum; the upper half of it is random, so that what failed together does not
 * come back together.
 */
export function backoffDelay(
  attempt: number,
  { delayMs, maxDelayMs }: HandlerSettings['backoff'],
  random: number,
): number {
  const ceiling = Math.min(maxDelayMs, delayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling * (0.5 + random / 2));
}

/**
 * Whether an entry that a dead consumer left may run beside others. One that keeps killing its process takes what runs
 * beside it along, attempt by attempt; alone, it dies alone. The first retries of many run together all the same,
 * or a crash would be worked off one by one.
 */
export function mayRunBesideOthers(attempt: number, maxAttempts: number): boolean {
  return attempt <= maxAttempts - 2;
}

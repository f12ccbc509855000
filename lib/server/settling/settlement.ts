import type { SettlementWish } from '../../context/redis-stream.context.js';
import type { HandlerSettings } from '../../options/settings.js';

export interface FailedRun {
  readonly kind: 'failed';
  /** What Nest's exception filter made of the error; callers get this. */
  readonly error: unknown;
  /** What the handler threw, where it is known. */
  readonly original?: unknown;
  readonly isRetriable: boolean;
}

/** How a run ended. */
export type RunOutcome = { readonly kind: 'done' } | FailedRun;

/** What happens to the entry. */
export type Verdict =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'dead-letter'; readonly reason: DeadLetterReason; readonly error: string };

/**
 * - `failed`: its last attempt failed
 * - `unrecoverable`: another attempt was said to be useless
 * - `rejected`: its handler called `ctx.deadLetter()`
 * - `undecodable`: not understood
 * - `abandoned`: its consumers died or lost it as often as it may be tried
 */
export type DeadLetterReason = 'failed' | 'unrecoverable' | 'rejected' | 'undecodable' | 'abandoned';

export interface EventRun {
  readonly attempt: number;
  readonly settings: Pick<HandlerSettings, 'maxAttempts' | 'backoff'>;
  /** What the handler itself decided, if it did. */
  readonly wish: SettlementWish | undefined;
}

/** The decision table for events. A failed request is answered, not retried: its caller knows, and can ask again. */
export function settlementOf(outcome: RunOutcome, run: EventRun): Verdict {
  const { wish } = run;
  if (wish?.kind === 'dead-letter') return { kind: 'dead-letter', reason: 'rejected', error: wish.reason };
  if (outcome.kind === 'failed') return afterFailure(outcome, run, wish?.delayMs);
  return wish ? nextAttempt(run, 'The handler asked for another attempt', wish.delayMs) : { kind: 'ack' };
}

function afterFailure(failed: FailedRun, run: EventRun, delayMs: number | undefined): Verdict {
  const error = describeError(failed.original ?? failed.error);
  if (!failed.isRetriable) return { kind: 'dead-letter', reason: 'unrecoverable', error };
  return nextAttempt(run, error, delayMs);
}

function nextAttempt({ attempt, settings }: EventRun, error: string, delayMs: number | undefined): Verdict {
  if (attempt >= settings.maxAttempts) return { kind: 'dead-letter', reason: 'failed', error };
  return { kind: 'retry', delayMs: delayMs ?? backoffDelay(attempt, settings.backoff, Math.random()) };
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

/** One line about what a handler threw, for the dead letter. It may be anything, such as a proxy that throws when it is read. */
function describeError(error: unknown): string {
  try {
    const message = typeof error === 'string' ? error : (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message.slice(0, 1_000) : 'unknown';
  } catch {
    return 'unknown';
  }
}

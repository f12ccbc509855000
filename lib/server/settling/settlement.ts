import type { SettlementWish } from '../../context/redis-stream.context.js';
import type { HandlerSettings } from '../../options/settings.js';

export interface FailedRun {
  readonly kind: 'failed';
  /** What Nest's exception filter made of the error; callers get this. */
  readonly error: unknown;
  /** What the handler threw, if known. */
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
 * - `failed`: the last attempt failed
 * - `unrecoverable`: the error is not retriable
 * - `rejected`: the handler called `ctx.deadLetter()`
 * - `undecodable`: the entry could not be decoded
 * - `abandoned`: its consumers died, or lost it, on every attempt
 */
export type DeadLetterReason = 'failed' | 'unrecoverable' | 'rejected' | 'undecodable' | 'abandoned';

export interface EventRun {
  readonly attempt: number;
  readonly settings: Pick<HandlerSettings, 'maxAttempts' | 'backoff'>;
  /** What the handler decided through `ctx`, if anything. */
  readonly wish: SettlementWish | undefined;
}

/** The decision table for events. A failed request is answered, not retried: its caller has the error and can retry. */
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
 * Doubles with each attempt up to the maximum. The upper half is random, so that entries that failed together are not
 * retried together.
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
 * Whether an entry that a dead consumer left may run beside others. An entry that keeps killing its process costs the
 * entries beside it an attempt each time; alone, it only harms itself. The first retries still run together: otherwise
 * the entries of a crash would run one by one.
 */
export function mayRunBesideOthers(attempt: number, maxAttempts: number): boolean {
  return attempt <= maxAttempts - 2;
}

/** The error text of a dead letter. A handler may throw anything, such as a proxy that throws when it is read. */
function describeError(error: unknown): string {
  try {
    const message = typeof error === 'string' ? error : (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message.slice(0, 1_000) : 'unknown';
  } catch {
    return 'unknown';
  }
}

import type { SettlementWish } from '../../../lib/context/redis-stream.context.js';
import { backoffDelay, mayRunBesideOthers, settlementOf } from '../../../lib/server/settling/settlement.js';
import type {
  DeadLetterReason,
  EventRun,
  FailedRun,
  RunOutcome,
  Verdict,
} from '../../../lib/server/settling/settlement.js';

const DONE: RunOutcome = { kind: 'done' };
const FAILED: FailedRun = { kind: 'failed', error: new Error('no'), isRetriable: true };
const UNREADABLE: FailedRun = {
  ...FAILED,
  original: {
    get message(): string {
      throw new Error('not for you');
    },
  },
};
const HOPELESS: FailedRun = { ...FAILED, isRetriable: false };
const AGAIN: SettlementWish = { kind: 'retry', delayMs: undefined };
const AGAIN_SOON: SettlementWish = { kind: 'retry', delayMs: 7 };
const REJECT: SettlementWish = { kind: 'dead-letter', reason: 'not ours' };

const settings = { maxAttempts: 3, backoff: { delayMs: 100, maxDelayMs: 1_000 } };
const event = (attempt: number, wish?: SettlementWish): EventRun => ({ attempt, settings, wish });

const ACK: Verdict = { kind: 'ack' };
const dead = (reason: DeadLetterReason, error: string): Verdict => ({ kind: 'dead-letter', reason, error });
const retry = { kind: 'retry', delayMs: expect.any(Number) as number };
const retrySoon = { kind: 'retry', delayMs: 7 };

describe('settlementOf', () => {
  it.each<[string, RunOutcome, EventRun, unknown]>([
    ['an event that is done', DONE, event(1), ACK],
    ['an event that is done in its last attempt', DONE, event(3), ACK],
    ['an event that is done after more attempts than allowed', DONE, event(9), ACK],
    ['an event that failed for the first time', FAILED, event(1), retry],
    ['an event that failed in its last attempt but one', FAILED, event(2), retry],
    ['an event that failed in its last attempt', FAILED, event(3), dead('failed', 'no')],
    ['an event that failed after more attempts than allowed', FAILED, event(9), dead('failed', 'no')],
    ['an event that failed with an unreadable error', UNREADABLE, event(3), dead('failed', 'unknown')],
    ['an event that can never succeed', HOPELESS, event(1), dead('unrecoverable', 'no')],
    ['an event that turned out unrecoverable in its last attempt', HOPELESS, event(3), dead('unrecoverable', 'no')],

    ['an event that is done and wants another attempt', DONE, event(1, AGAIN), retry],
    ['an event that is done and names its own delay', DONE, event(1, AGAIN_SOON), retrySoon],
    ['an event that failed and names its own delay', FAILED, event(2, AGAIN_SOON), retrySoon],
    [
      'an event that wants more attempts than allowed',
      DONE,
      event(3, AGAIN_SOON),
      dead('failed', 'The handler asked for another attempt'),
    ],
    ['an unrecoverable event that wants another attempt', HOPELESS, event(1, AGAIN), dead('unrecoverable', 'no')],
    ['an event that is done and rejected by its handler', DONE, event(1, REJECT), dead('rejected', 'not ours')],
    ['an event that failed and was rejected by its handler', FAILED, event(1, REJECT), dead('rejected', 'not ours')],
  ])('decides on %s', (_what, outcome, run, verdict) => {
    expect(settlementOf(outcome, run)).toEqual(verdict);
  });

  it('never retries where only one attempt is allowed', () => {
    const run = { ...event(1), settings: { ...settings, maxAttempts: 1 } };
    expect(settlementOf(FAILED, run)).toEqual(dead('failed', 'no'));
  });

  it('retries after the backoff of the attempt that failed', () => {
    for (let round = 0; round < 100; round++) {
      const verdict = settlementOf(FAILED, event(2));
      expect(verdict.kind === 'retry' && verdict.delayMs >= 100 && verdict.delayMs <= 200).toBe(true);
    }
  });

  it('runs again at once where the handler asked for a delay of 0', () => {
    expect(settlementOf(FAILED, event(1, { kind: 'retry', delayMs: 0 }))).toEqual({ kind: 'retry', delayMs: 0 });
  });

  it.each([
    ['the original, where it is known', { error: new Error('masked'), original: new Error('real') }, 'real'],
    ['a string', { error: 'just text' }, 'just text'],
    ['what the exception filter made of an error', { error: { status: 'error', message: 'Internal' } }, 'Internal'],
    ['undefined', { error: undefined }, 'unknown'],
    ['null', { error: null }, 'unknown'],
    ['an object without a message', { error: { message: { deep: 1 } } }, 'unknown'],
    ['a very long string', { error: 'x'.repeat(5_000) }, 'x'.repeat(1_000)],
    ['a very long message', { error: new Error('x'.repeat(5_000)) }, 'x'.repeat(1_000)],
  ])('describes %s in the dead letter', (_what, error, described) => {
    expect(settlementOf({ ...HOPELESS, ...error }, event(1))).toEqual(dead('unrecoverable', described));
  });
});

describe('backoffDelay', () => {
  const backoff = { delayMs: 100, maxDelayMs: 1_000 };

  it.each([
    [1, 50, 100],
    [2, 100, 200],
    [3, 200, 400],
    [4, 400, 800],
    [5, 500, 1_000],
    [6, 500, 1_000],
    [1_000_000, 500, 1_000],
  ])('waits after attempt %i between %i and %i ms', (attempt, least, most) => {
    expect(backoffDelay(attempt, backoff, 0)).toBe(least);
    expect(backoffDelay(attempt, backoff, 0.999_999)).toBe(most);
  });

  it('does not wait where the delay is 0', () => {
    for (const attempt of [1, 5, 100]) expect(backoffDelay(attempt, { delayMs: 0, maxDelayMs: 1_000 }, 0.5)).toBe(0);
  });

  it('stays a finite integer for the largest delays that an option allows', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const delay = backoffDelay(100, { delayMs: most, maxDelayMs: most }, 0.3);
    expect(Number.isSafeInteger(delay)).toBe(true);
  });
});

describe('mayRunBesideOthers', () => {
  it.each([
    [1, 5, true],
    [3, 5, true],
    [4, 5, false],
    [5, 5, false],
    [6, 5, false],
    [1, 3, true],
    [2, 3, false],
    [1, 2, false],
    [1, 1, false],
  ])('in attempt %i of %i: %s', (attempt, maxAttempts, may) => {
    expect(mayRunBesideOthers(attempt, maxAttempts)).toBe(may);
  });
});

/** The longest time that a timer takes: 2^31 - 1 ms, 24.8 days. Beyond it Node fires at once. */
export const MAX_TIME_MS = 2_147_483_647;
export const DAY_MS = 86_400_000;
/** Bound of what no timer waits for, only compares: ten years. Ids of entries stay positive with it. */
export const MAX_AGE_MS = 3_650 * DAY_MS;

/** Whether a number of milliseconds is one that a timer takes. */
export const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_TIME_MS;

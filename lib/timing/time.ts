/** The longest time that a timer accepts: 2^31 - 1 ms, 24.8 days. With a longer time, Node fires at once. */
export const MAX_TIME_MS = 2_147_483_647;
export const DAY_MS = 86_400_000;
/** Upper bound of times that are compared, not waited for: ten years. Keeps entry ids computed with it positive. */
export const MAX_AGE_MS = 3_650 * DAY_MS;

/** Whether a timer accepts this number of milliseconds. */
export const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_TIME_MS;

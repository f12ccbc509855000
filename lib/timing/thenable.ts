/** Promises of other realms and of other libraries are none of our class, and `await` takes them all the same. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

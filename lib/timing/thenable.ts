/** Promises of other realms and libraries are not instances of our `Promise`, but `await` accepts them, too. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

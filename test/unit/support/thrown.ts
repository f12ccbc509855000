/** The error that a call threw, for a closer look than `toThrow` allows. */
export function thrownBy(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`Threw something that is not an Error: ${String(error)}`, { cause: error });
  }
  throw new Error('Threw nothing');
}

/** What is checked, and a function that throws or rejects if it does not hold. */
export type Check = readonly [title: string, run: () => unknown];

/** Runs a check: `ok <title>` or `not ok <title>: <why>`. */
export async function outcome([title, run]: Check): Promise<string> {
  try {
    await run();
    return `ok ${title}`;
  } catch (error) {
    return `not ok ${title}: ${String(error).split('\n').join(' ')}`;
  }
}

/** Resolves when `work` has settled, whatever it came to, at the latest after `limitMs`. */
export async function settledWithin(work: PromiseLike<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  const settled = Promise.resolve(work).then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, limit]);
  clearTimeout(timer);
}

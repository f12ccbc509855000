/** A load ends after a time or after a number of messages. */
export type Extent = { readonly seconds: number } | { readonly count: number };

/** A function that tells whether there is more to do. Each call counts as one message. */
export function within(extent: Extent): () => boolean {
  if ('count' in extent) {
    let left = extent.count;
    return () => left-- > 0;
  }
  const end = performance.now() + extent.seconds * 1_000;
  return () => performance.now() < end;
}

/** Keeps `lanes` calls in flight until `hasMore` returns false. */
export async function keepInFlight(lanes: number, hasMore: () => boolean, call: () => Promise<unknown>): Promise<void> {
  const lane = async (): Promise<void> => {
    while (hasMore()) await call();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

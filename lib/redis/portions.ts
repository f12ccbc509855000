/** A list in slices of at most `size`: one call must not keep Redis from its other clients for long. */
export function* portions<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Collects all unreachable objects. */
function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}

/** Heap size after a collection, in bytes. */
export function liveBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Number of these objects that are still reachable. */
export function aliveOf(refs: readonly WeakRef<object>[]): number {
  collectGarbage();
  return refs.filter((ref) => ref.deref() !== undefined).length;
}

const COLLECTION_PAUSE_MS = 50;

/** Collects garbage again and again until a promise settles: whatever it waits for must not be garbage. */
export async function amidCollections<T>(promise: Promise<T>): Promise<T> {
  const collecting = setInterval(collectGarbage, COLLECTION_PAUSE_MS);
  try {
    return await promise;
  } finally {
    clearInterval(collecting);
  }
}

/** Messages between the parent and its processes. One question at a time per process, so no ids. */
import type { Place, Setup } from './contender.js';
import type { Load } from './loads/load.js';
import type { Figures } from './workload.js';

export interface Role {
  readonly contender: string;
  readonly place: Place;
}

export type Question =
  | { readonly kind: 'serve'; readonly role: Role; readonly setup: Setup }
  | { readonly kind: 'call'; readonly role: Role; readonly callers: number }
  | { readonly kind: 'drive'; readonly load: Load }
  | { readonly kind: 'tally' }
  | { readonly kind: 'usage'; readonly collectGarbage: boolean }
  | { readonly kind: 'close' };

export type Answer = { readonly figures: Figures } | { readonly error: string };

/** Answers the parent's questions in this process until the parent asks to close. */
export function answer(reply: (question: Question) => Promise<Figures | void> | Figures): void {
  // The parent has ended, or wants this process to end.
  process.once('disconnect', () => process.exit());
  process.on('message', (question: Question) => {
    void (async () => {
      const said: Answer = await (async () => reply(question))().then(
        (figures) => ({ figures: figures ?? {} }),
        (error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
      process.send?.(said);
      if (question.kind === 'close') process.disconnect();
    })();
  });
}

/** The CPU time this process has used, and the memory it holds. */
export function usage(collectGarbage: boolean): Figures {
  if (collectGarbage) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { heapUsed, rss } = process.memoryUsage();
  return { cpuUs: user + system, heapBytes: heapUsed, rssBytes: rss };
}

/** What the parent and its processes say to each other. One question at a time per process, so no ids. */
import type { Place } from './contender.js';
import type { Figures } from './workload.js';

export interface Role {
  readonly contender: string;
  readonly workload: string;
  readonly place: Place;
}

export type Question =
  | { readonly kind: 'start'; readonly role: Role }
  | { readonly kind: 'drive'; readonly task: unknown }
  | { readonly kind: 'handled'; readonly count: number }
  | { readonly kind: 'close' };

export type Answer = { readonly figures: Figures } | { readonly error: string };

/** Answers the parent's questions in this process until it asks to close. */
export function answer(reply: (question: Question) => Promise<Figures | void>): void {
  process.on('message', (question: Question) => {
    void (async () => {
      const said: Answer = await reply(question).then(
        (figures) => ({ figures: figures ?? {} }),
        (error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
      process.send?.(said);
      if (question.kind === 'close') process.disconnect();
    })();
  });
}

/** Runs one contender's server: the handlers, and nothing else, in a process of its own. */
import type { Served } from './contender.js';
import { contenderNamed } from './contenders/index.js';
import { answer } from './messages.js';

let served: Served | undefined;
let handled = 0;
let handledAt = 0;
let awaited: { count: number; resolve: () => void } | undefined;

const count = (): void => {
  handled++;
  // Each time, because the question may come after the last event.
  handledAt = performance.timeOrigin + performance.now();
  if (awaited === undefined || handled < awaited.count) return;
  awaited.resolve();
  awaited = undefined;
};

answer(async (question) => {
  switch (question.kind) {
    case 'start':
      served = await contenderNamed(question.role.contender).serve(question.role.place, {
        echo: (data) => data,
        count,
      });
      return;
    case 'handled':
      if (handled >= question.count) return { handledAt };
      await new Promise<void>((resolve) => (awaited = { count: question.count, resolve }));
      return { handledAt };
    case 'close':
      await served?.close();
      return;
    case 'drive':
      throw new Error('A server drives nothing');
  }
});

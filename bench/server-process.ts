/** Runs the handlers of one contender in a process of its own. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { echoPattern, type Served, type Setup, type Work } from './contender.js';
import { contenderNamed } from './contenders/index.js';
import { answer, usage } from './messages.js';
import { PAYLOAD } from './payload.js';

let served: Served | undefined;
let handled = 0;
let handledAt = 0;

answer(async (question) => {
  switch (question.kind) {
    case 'serve':
      served = await contenderNamed(question.role.contender).serve(
        question.role.place,
        workFor(question.setup),
        question.setup,
      );
      return;
    case 'tally':
      return { handled, handledAt };
    case 'usage':
      return usage(question.collectGarbage);
    case 'close':
      await served?.close();
      return;
    case 'call':
    case 'drive':
      throw new Error('A server process has no callers');
  }
});

function workFor({ patterns = 1, holds = false }: Setup): Work {
  return {
    patterns: Array.from({ length: patterns }, (_, index) => echoPattern(index)),
    echo: (data) => data,
    count: () => {
      handled++;
      // On every event, because the question may come after the last one.
      handledAt = performance.timeOrigin + performance.now();
      if (holds) return new Promise<void>(() => undefined);
    },
    async *parts(amount) {
      for (let part = 0; part < amount; part++) {
        yield PAYLOAD;
        await nextTurn();
      }
    },
  };
}

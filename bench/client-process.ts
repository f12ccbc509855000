/** Runs callers of one contender and puts a load on the first of them, in a process of its own. */
import type { Caller } from './contender.js';
import { contenderNamed } from './contenders/index.js';
import { drive } from './loads/load.js';
import { answer, usage } from './messages.js';

const callers: Caller[] = [];

answer(async (question) => {
  switch (question.kind) {
    case 'call':
      while (callers.length < question.callers) {
        callers.push(await contenderNamed(question.role.contender).call(question.role.place));
      }
      return;
    case 'drive': {
      const [caller] = callers;
      if (!caller) throw new Error('Driven before it was started');
      return drive(caller, question.load);
    }
    case 'usage':
      return usage(question.collectGarbage);
    case 'close':
      await Promise.all(callers.map((caller) => caller.close()));
      return;
    case 'serve':
    case 'tally':
      throw new Error('A client handles nothing');
  }
});

/** Runs callers of one contender in a process of its own, and drives a load through the first of them. */
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
      if (!caller) throw new Error('Received "drive" before "call"');
      return drive(caller, question.load);
    }
    case 'usage':
      return usage(question.collectGarbage);
    case 'close':
      await Promise.all(callers.map((caller) => caller.close()));
      return;
    case 'serve':
    case 'tally':
      throw new Error('A client process has no handlers');
  }
});

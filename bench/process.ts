/** A process that serves or calls one contender, as the parent asks. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { echoPattern, type Caller, type Served, type Setup, type Work } from './contender.js';
import { contenderNamed } from './contenders/index.js';
import { wallClock, type Figures } from './figures.js';
import { drive } from './loads.js';
import type { Answer, Question } from './messages.js';
import { PAYLOAD } from './payload.js';

const callers: Caller[] = [];
let served: Served | undefined;
let handled = 0;
let handledAt = 0;

// The parent has ended, or wants this process to end.
process.once('disconnect', () => process.exit());
process.on('message', (question: Question) => {
  void (async () => {
    const said: Answer = await answer(question).then(
      (figures) => ({ figures: figures ?? {} }),
      (error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
    process.send?.(said);
    if (question.kind === 'close') process.disconnect();
  })();
});

async function answer(question: Question): Promise<Figures | void> {
  switch (question.kind) {
    case 'serve': {
      const { role, setup } = question;
      served = await contenderNamed(role.contender).serve(role.place, workFor(setup), setup);
      return;
    }
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
    case 'tally':
      return { handled, handledAt };
    case 'usage':
      return usage(question.collectGarbage);
    case 'close':
      await Promise.all(callers.map((caller) => caller.close()));
      await served?.close();
  }
}

function workFor({ patterns = 1, holds = false }: Setup): Work {
  return {
    patterns: Array.from({ length: patterns }, (_, index) => echoPattern(index)),
    echo: (data) => data,
    count: () => {
      handled++;
      // On every event, because the question may come after the last one.
      handledAt = wallClock();
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

/** The CPU time that this process has used, and the memory that it holds. */
function usage(collectGarbage: boolean): Figures {
  if (collectGarbage) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { heapUsed, rss } = process.memoryUsage();
  return { cpuUs: user + system, heapBytes: heapUsed, rssBytes: rss };
}

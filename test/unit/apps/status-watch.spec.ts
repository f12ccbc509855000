import type { MessageEvent } from '@nestjs/common';
import { lastValueFrom, toArray } from 'rxjs';
import type { Observable } from 'rxjs';
import { StatusWatch } from '../../../apps/requestor/src/watch/status-watch.js';
import { eventually } from '../../support/eventually.js';

interface Step {
  readonly step: number;
}

const LAST: Step = { step: 3 };
const VIEWERS = 50;

/** A process whose status depends on how often it was polled; `look` may throw. */
class Walk {
  looks = 0;
  readonly watch: StatusWatch<Step>;

  constructor(look: (looks: number) => Step | undefined) {
    this.watch = new StatusWatch<Step>({
      pollMs: 5,
      find: async () => look(this.looks++),
      isOver: ({ step }) => step === LAST.step,
    });
  }

  async events(): Promise<Observable<MessageEvent>> {
    const events = await this.watch.open('walk');
    if (!events) throw new Error('It is unknown');
    return events;
  }

  async looked(times: number): Promise<void> {
    await eventually(() => expect(this.looks).toBeGreaterThanOrEqual(times));
  }
}

const all = async (events: Observable<MessageEvent>): Promise<readonly unknown[]> =>
  (await lastValueFrom(events.pipe(toArray()))).map(({ type, data }) => type ?? data);

describe('StatusWatch', () => {
  it('emits each change once, and completes after the final status', async () => {
    const walk = new Walk((looks) => ({ step: Math.min(LAST.step, Math.floor(looks / 3)) }));
    expect(await all(await walk.events())).toEqual([{ step: 0 }, { step: 1 }, { step: 2 }, LAST]);
  });

  it('opens no stream for an unknown id', async () => {
    expect(await new Walk(() => undefined).watch.open('walk')).toBeUndefined();
  });

  it('polls once for all viewers, and sends the current status to a late viewer', async () => {
    let isAtItsEnd = false;
    const walk = new Walk(() => (isAtItsEnd ? LAST : { step: 1 }));
    const early = Array.from({ length: VIEWERS }, async () => all(await walk.events()));
    await walk.looked(VIEWERS + 5); // each viewer first checks that the id exists
    const late = all(await walk.events());
    const { looks } = walk;
    isAtItsEnd = true;
    for (const told of [...(await Promise.all(early)), await late]) expect(told).toEqual([{ step: 1 }, LAST]);
    expect(walk.looks).toBeLessThanOrEqual(looks + 2);
  });

  it('emits `stalled` while polling fails, and then the status again', async () => {
    const walk = new Walk((looks) => {
      if (looks === 3 || looks === 4) throw new Error('away');
      return looks < 6 ? { step: 1 } : LAST;
    });
    expect(await all(await walk.events())).toEqual([{ step: 1 }, 'stalled', { step: 1 }, LAST]);
  });

  it('stops polling when the last viewer unsubscribes', async () => {
    const [walk, clock] = [new Walk(() => ({ step: 1 })), new Walk(() => ({ step: 1 }))];
    const ticking = (await clock.events()).subscribe();
    const subscription = (await walk.events()).subscribe();
    await walk.looked(3);
    subscription.unsubscribe();
    const { looks } = walk;
    await clock.looked(clock.looks + 5);
    expect(walk.looks).toBe(looks);
    ticking.unsubscribe();
  });

  it('completes the streams of its viewers when the application shuts down', async () => {
    const walk = new Walk(() => ({ step: 1 }));
    const told = all(await walk.events());
    await walk.looked(3);
    walk.watch.onModuleDestroy();
    expect(await told).toEqual([{ step: 1 }]);
  });
});

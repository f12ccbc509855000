import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { ask, tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import { entriesOf, infoOf, pendingOf, settled } from '../../support/stream-view.js';
import { WorkerProcess } from '../../support/worker-process.js';
import type { WorkerTask } from '../../support/worker-process.js';
import type { Topic } from './topic.js';

const QUICK = { lease: 500, sweepInterval: 100, block: 250 };
let seen: { task: string; id: string; attempt: number }[] = [];

/** The surviving instance of the worker's service. */
@Controller()
class Survivor {
  @EventPattern<string>('work')
  work(@Payload() task: WorkerTask, @Ctx() ctx: RedisStreamContext): void {
    seen.push({ task: task.name, id: ctx.getMessageId(), attempt: ctx.getAttempt() });
  }

  @MessagePattern('work.request')
  answer(@Payload() task: WorkerTask, @Ctx() ctx: RedisStreamContext): string {
    seen.push({ task: task.name, id: ctx.getMessageId(), attempt: ctx.getAttempt() });
    return 'answered by the survivor';
  }
}

export const takeover: Topic = (stage) => {
  async function worker(): Promise<WorkerProcess> {
    const child = await WorkerProcess.start({ connection: stage.connection, option: QUICK });
    stage.owns(() => child.end());
    return child;
  }

  beforeEach(() => {
    seen = [];
  });

  describe('a consumer', () => {
    it('that is killed by SIGKILL has its events and requests taken over within lease and sweep', async () => {
      const doomed = await worker();
      const client = stage.client();
      await tell(client, 'work', { name: 'event', holdMs: 60_000 });
      const answer = ask(client, 'work.request', { name: 'request', holdMs: 60_000 });
      await eventually(() =>
        expect([...doomed.runs('started', 'event'), ...doomed.runs('started', 'request')]).toHaveLength(2),
      );
      const facts: unknown[] = [];
      const { server } = await stage.serve([Survivor], { option: { ...QUICK, consumerGroup: 'workers' } });
      server.on('reclaimed', (fact) => facts.push(fact.attempt));
      expect(seen).toEqual([]);
      await doomed.end('SIGKILL');
      await expect(answer).resolves.toBe('answered by the survivor');
      await eventually(() => expect(seen).toHaveLength(2), { within: 3_000 });
      expect(seen.map(({ attempt }) => attempt)).toEqual([2, 2]);
      expect(facts).toEqual([2, 2]);
      await settled(stage.at('work'), 'work', 'workers');
    });

    it('that dies with far more entries than a survivor has slots has all of them taken over at the pace of the handlers', async () => {
      await stage.at('work').xgroup('CREATE', 'work', 'workers', '0', 'MKSTREAM');
      const client = stage.client();
      await Promise.all(Array.from({ length: 250 }, (_, n) => tell(client, 'work', { name: `task-${n}` })));
      await stage.at('work').xreadgroup('GROUP', 'workers', 'dead', 'COUNT', 250, 'STREAMS', 'work', '>');
      const ids = (await entriesOf(stage.at('work'), 'work')).map(({ id }) => id);
      await stage.at('work').xclaim('work', 'workers', 'dead', 0, ...ids, 'IDLE', 60_000, 'JUSTID');
      // The next regular sweep is an hour away.
      const option = { consumerGroup: 'workers', concurrency: 8, lease: 500, sweepInterval: 3_600_000 };
      await stage.serve([Survivor], { option });
      await eventually(() => expect(new Set(seen.map(({ task }) => task)).size).toBe(250), { within: 10_000 });
      await settled(stage.at('work'), 'work', 'workers');
      expect(seen).toHaveLength(250);
    });

    it('that dies with suspects has each of them taken over alone, once Redis has the ack of the one before', async () => {
      await stage.at('work').xgroup('CREATE', 'work', 'workers', '0', 'MKSTREAM');
      const client = stage.client();
      await Promise.all(Array.from({ length: 5 }, (_, n) => tell(client, 'work', { name: `task-${n}` })));
      await stage.at('work').xreadgroup('GROUP', 'workers', 'dead', 'COUNT', 5, 'STREAMS', 'work', '>');
      const ids = (await entriesOf(stage.at('work'), 'work')).map(({ id }) => id);
      await stage.at('work').xclaim('work', 'workers', 'dead', 0, ...ids, 'IDLE', 60_000, 'JUSTID');
      const monitor = await stage.at('work').monitor();
      stage.owns(() => Promise.resolve(monitor.disconnect()));
      const steps: string[] = [];
      monitor.on('monitor', (_time: string, args: string[]) => {
        const [command = '', ...rest] = args;
        if (/^(xclaim|xack)$/i.test(command))
          for (const id of ids) if (rest.includes(id)) steps.push(`${command.toLowerCase()} ${id}`);
      });
      await stage.serve([Survivor], { option: { ...QUICK, consumerGroup: 'workers', maxAttempts: 3 } });
      await settled(stage.at('work'), 'work', 'workers');
      await eventually(() => expect(steps.at(-1)).toBe(`xack ${ids.at(-1)}`));
      expect(steps).toEqual(ids.flatMap((id) => [`xclaim ${id}`, `xack ${id}`]));
      expect(seen.map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2, 2]);
    });

    it('that only seems dead in a long handler keeps its entry while its process lives', async () => {
      const busy = await worker();
      await tell(stage.client(), 'work', { name: 'long', holdMs: 2_500 });
      await eventually(() => expect(busy.runs('started', 'long')).toHaveLength(1));
      await stage.serve([Survivor], { option: { ...QUICK, consumerGroup: 'workers' } });
      await eventually(() => expect(busy.runs('done', 'long')).toHaveLength(1));
      await settled(stage.at('work'), 'work', 'workers');
      expect(busy.runs('started', 'long')).toEqual([expect.objectContaining({ attempt: 1 })]);
      expect(seen).toEqual([]);
    });

    it('that wakes up as a zombie gets its signal aborted, and does no harm', async () => {
      const zombie = await worker();
      await tell(stage.client(), 'work', { name: 'contested', holdMs: 60_000 });
      await eventually(() => expect(zombie.runs('started', 'contested')).toHaveLength(1));
      await stage.serve([Survivor], { option: { ...QUICK, consumerGroup: 'workers' } });
      zombie.signal('SIGSTOP');
      await eventually(() => expect(seen).toEqual([expect.objectContaining({ task: 'contested', attempt: 2 })]));
      await settled(stage.at('work'), 'work', 'workers');
      zombie.signal('SIGCONT');
      await eventually(() => expect(zombie.runs('aborted', 'contested')).toHaveLength(1));
      expect(await stage.at('{work}:dead').exists('{work}:dead')).toBe(0);
      expect(await pendingOf(stage.at('work'), 'work', 'workers')).toBe(0);
    });

    it('that is stopped by SIGTERM finishes its work, leaves nothing pending and exits by itself', async () => {
      const polite = await worker();
      await tell(stage.client(), 'work', { name: 'last', holdMs: 500 });
      await eventually(() => expect(polite.runs('started', 'last')).toHaveLength(1));
      await polite.end('SIGTERM');
      expect(polite.runs('done', 'last')).toHaveLength(1);
      expect(await pendingOf(stage.at('work'), 'work', 'workers')).toBe(0);
      expect(await infoOf(stage.at('work'), 'CONSUMERS', 'work', 'workers')).toEqual([]);
    });

    it('that dies of the same message repeatedly makes that message a dead letter, but no innocent one', async () => {
      await stage.at('work').xgroup('CREATE', 'work', 'workers', '0', 'MKSTREAM');
      const client = stage.client();
      await tell(client, 'work', { name: 'poison', exit: true });
      const order = { connection: stage.connection, option: { ...QUICK, maxAttempts: 2 } };
      for (let life = 0; life < 2; life += 1) {
        const child = await WorkerProcess.start(order).catch(() => undefined);
        stage.owns(() => child?.end());
        await eventually(() => expect(child?.exited ?? true).toBe(true));
      }
      await tell(client, 'work', { name: 'innocent' });
      await stage.serve([Survivor], { option: { ...QUICK, maxAttempts: 2, consumerGroup: 'workers' } });
      await eventually(async () => expect(await stage.at('{work}:dead').xlen('{work}:dead')).toBe(1));
      await settled(stage.at('work'), 'work', 'workers');
      expect(seen.map(({ task }) => task)).toEqual(['innocent']);
      const [dead] = await entriesOf(stage.at('{work}:dead'), '{work}:dead');
      expect(dead?.fields['data']).toContain('poison');
    });
  });
};

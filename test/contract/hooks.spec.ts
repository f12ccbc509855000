import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { REDIS_STREAM_TRANSPORT, RedisStreamContext } from 'nestjs-redis-stream-transport';
import { of } from 'rxjs';
import { ask, askAll, failureOf, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';

const stage = useStage();
let journal: string[] = [];

@Controller()
class Traced {
  @MessagePattern('works')
  works(@Payload() data: unknown): unknown {
    journal.push('run works');
    return data;
  }

  @MessagePattern('streams')
  streams(): unknown {
    journal.push('run streams');
    return of(1, 2, 3);
  }

  @MessagePattern('fails')
  fails(): never {
    journal.push('run fails');
    throw new RpcException('no');
  }

  @EventPattern('event')
  event(@Payload() _data: unknown): void {
    journal.push('run event');
  }

  @EventPattern<string>('flaky')
  flaky(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): void {
    journal.push('run flaky');
    if (ctx.getAttempt() === 1) throw new Error('once');
  }

  @MessagePattern('headers')
  headers(@Ctx() ctx: RedisStreamContext): unknown {
    return { headers: { ...ctx.getHeaders() }, metadata: { ...ctx.getMetadata() }, one: ctx.getHeader('trace') };
  }
}

beforeEach(() => {
  journal = [];
});

async function servedWithHooks(): Promise<void> {
  await stage.serve([Traced], {
    option: { backoff: { delay: 10 } },
    prepare: (_app, server) => {
      server.setOnProcessingStartHook((transportId, context, done) => {
        journal.push(`start ${nameOf(transportId, context)}`);
        void done();
      });
      server.setOnProcessingEndHook((transportId, context) => {
        journal.push(`end ${nameOf(transportId, context)}`);
      });
    },
  });
}

function nameOf(transportId: unknown, context: unknown): string {
  expect(transportId).toBe(REDIS_STREAM_TRANSPORT);
  expect(context).toBeInstanceOf(RedisStreamContext);
  return (context as RedisStreamContext).getStream();
}

describe("Nest's processing hooks", () => {
  it.each(['works', 'streams'])('run once each around the answered request "%s"', async (pattern) => {
    await servedWithHooks();
    await askAll(stage.client(), pattern, 1);
    await eventually(() => expect(journal).toEqual([`start ${pattern}`, `run ${pattern}`, `end ${pattern}`]));
    await settled(stage.raw, pattern);
    expect(journal).toHaveLength(3);
  });

  it('run once each around a failed request', async () => {
    await servedWithHooks();
    await failureOf(ask(stage.client(), 'fails', 1));
    await settled(stage.raw, 'fails');
    await eventually(() => expect(journal).toEqual(['start fails', 'run fails', 'end fails']));
  });

  it('run once each around an event, and around every attempt of one that fails', async () => {
    await servedWithHooks();
    await tell(stage.client(), 'event', 1);
    await settled(stage.raw, 'event');
    await eventually(() => expect(journal).toEqual(['start event', 'run event', 'end event']));
    journal = [];
    await tell(stage.client(), 'flaky', 1);
    const attempt = ['start flaky', 'run flaky', 'end flaky'];
    await eventually(() => expect(journal).toEqual([...attempt, ...attempt]));
    await settled(stage.raw, 'flaky');
    expect(journal).toHaveLength(6);
  });
});

describe('a processing hook that fails', () => {
  const servedWith = (hook: (start: () => Promise<unknown>) => unknown): Promise<unknown> =>
    stage.serve([Traced], {
      option: { backoff: { delay: 10 }, maxAttempts: 2, concurrency: 1 },
      prepare: (_app, server) =>
        server.setOnProcessingStartHook((_transportId, _context, done) => hook(done) as ReturnType<typeof done>),
    });
  const broken = new Error('the hook is broken');

  it.each([
    ['throws', (): never => raise(broken)],
    ['rejects', (): Promise<never> => Promise.reject(broken)],
  ])(
    'fails the attempt and frees its slot again when the hook %s before it lets the handler run',
    async (_how, hook) => {
      await servedWith(hook);
      const client = stage.client();
      await tell(client, 'event', 1);
      await tell(client, 'event', 2);
      await eventually(async () => expect(await stage.raw.xlen('{event}:dead')).toBe(2));
      await settled(stage.raw, 'event');
      expect(journal).toEqual([]);
      expect(stage.log.text('error')).toContain('the hook is broken');
    },
  );

  it.each([
    ['throws', (start: () => unknown): never => (start(), raise(broken))],
    ['rejects', (start: () => unknown): Promise<never> => (start(), Promise.reject(broken))],
    ['starts it twice', (start: () => unknown): unknown => (start(), start())],
  ])('leaves the outcome to the handler when the hook runs the handler and %s', async (_how, hook) => {
    await servedWith(hook);
    const client = stage.client();
    await tell(client, 'event', 1);
    await tell(client, 'flaky', 2);
    await eventually(() => expect(journal).toHaveLength(3));
    await Promise.all([settled(stage.raw, 'event'), settled(stage.raw, 'flaky')]);
    expect(journal.toSorted()).toEqual(['run event', 'run flaky', 'run flaky']);
    expect(await stage.raw.exists('{event}:dead', '{flaky}:dead')).toBe(0);
  });
});

function raise(error: Error): never {
  throw error;
}

describe("Nest's dispatch hook", () => {
  it('adds metadata that the handler reads as headers and as metadata', async () => {
    await stage.serve([Traced]);
    const client = stage.client();
    client.setOnDispatchHook((packet) => {
      packet.metadata = { trace: 't-7', tenant: 'ünïcode' };
    });
    const sent = { trace: 't-7', tenant: 'ünïcode' };
    await expect(ask(client, 'headers', {})).resolves.toEqual({ headers: sent, metadata: sent, one: 't-7' });
  });

  it('runs once per request and per event', async () => {
    await stage.serve([Traced]);
    const client = stage.client();
    const dispatched: unknown[] = [];
    client.setOnDispatchHook((packet) => {
      dispatched.push(packet.pattern);
    });
    await ask(client, 'works', 1);
    await tell(client, 'event', 1);
    expect(dispatched).toEqual(['works', 'event']);
  });
});

describe('a release of Nest 11 without hooks around a handler', () => {
  it('still runs handlers', async () => {
    const prepare = (_app: unknown, server: object): void => {
      for (const hook of ['onProcessingStartHook', 'onProcessingEndHook']) Reflect.deleteProperty(server, hook);
    };
    await stage.serve([Traced], { prepare });
    const client = stage.client();
    expect(await ask(client, 'works', 1)).toBe(1);
    expect(await askAll(client, 'streams', 1)).toEqual([1, 2, 3]);
    await tell(client, 'event', 1);
    await settled(stage.raw, 'event');
    expect(journal.toSorted()).toEqual(['run event', 'run streams', 'run works']);
  });
});

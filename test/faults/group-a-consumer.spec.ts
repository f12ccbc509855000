import type { OnApplicationBootstrap } from '@nestjs/common';
import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, Payload, RpcException } from '@nestjs/microservices';
import type { RedisStreamClient, RedisStreamContext } from 'nestjs-redis-stream-transport';
import { EMPTY, NEVER, of, throwError } from 'rxjs';
import { setTimeout as pause } from 'node:timers/promises';
import { failureOf, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { entriesOf, infoOf, pendingOf, settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { overlaps, recordedService } from '../support/recorded-service.js';

const stage = useStage();
const SPARE = { ...QUICK, lease: 500 };
const FAST = { ...SPARE, backoff: { delay: 50, maxDelay: 100 } };

describe('a consumer with slow, stuck or failing handlers', () => {
  it('runs a handler of five leases once, with two instances', async () => {
    const slow = recordedService(() => pause(5 * SPARE.lease));
    await stage.serve(slow.handlers, { option: SPARE });
    await stage.serve(slow.handlers, { option: SPARE });
    await tell(stage.client(), 'job', 'long');
    await slow.untilRun(1);
    await eventually(() => expect(slow.runs[0]?.endedAt).toBeDefined());
    await settled(stage.raw, 'job');
    expect(slow.runs).toEqual([expect.objectContaining({ attempt: 1, aborted: false })]);
  });

  it('does not take over an entry that it runs itself, although the entry looks abandoned', async () => {
    const slow = recordedService(() => pause(1_200));
    await stage.serve(slow.handlers, { option: SPARE });
    await tell(stage.client(), 'job', 'mine');
    await slow.untilRun(1);
    const id = String(slow.runs[0]?.id);
    const [owner] = await infoOf(stage.raw, 'CONSUMERS', 'job', 'service');
    // Looks as if its lease was never renewed: idle for a minute, at every sweep for 800 ms.
    for (let sweep = 0; sweep < 10; sweep += 1) {
      await stage.raw.xclaim('job', 'service', String(owner?.['name']), 0, id, 'IDLE', 60_000, 'JUSTID');
      await pause(80);
    }
    await settled(stage.raw, 'job');
    expect(slow.runs).toHaveLength(1);
    expect(overlaps(slow.runs)).toEqual([]);
  });

  it('fails a handler that never settles at handlerTimeout, aborts its signal and frees its slot', async () => {
    const stuck = recordedService((name) => (name === 'stuck' ? new Promise(() => undefined) : undefined));
    const option = { ...FAST, handlerTimeout: 300, maxAttempts: 2, concurrency: 1 };
    await stage.serve(stuck.handlers, { option });
    const client = stage.client();
    await tell(client, 'job', 'stuck');
    await tell(client, 'job', 'next');
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    await settled(stage.raw, 'job');
    expect(stuck.of('stuck').map(({ attempt, aborted }) => ({ attempt, aborted }))).toEqual([
      { attempt: 1, aborted: true },
      { attempt: 2, aborted: true },
    ]);
    expect(stuck.of('next')).toHaveLength(1);
    const [letter] = await entriesOf(stage.raw, '{job}:dead');
    expect(letter?.fields['x-error']).toContain('handlerTimeout');
  });

  it.each<[string, boolean, () => unknown]>([
    [
      'a throw',
      false,
      () => {
        throw new Error('thrown');
      },
    ],
    ['a rejection', false, () => Promise.reject(new Error('rejected'))],
    [
      'an RpcException',
      false,
      () => {
        throw new RpcException('refused');
      },
    ],
    ['throwError', false, () => throwError(() => new Error('emitted'))],
    ['an Observable that never completes', false, () => NEVER],
    ['EMPTY', true, () => EMPTY],
    ['a value', true, () => 1],
    ['an Observable of three', true, () => of(1, 2, 3)],
  ])('treats %s as a success: %s', async (_shape, succeeds, act) => {
    const shaped = recordedService(act);
    await stage.serve(shaped.handlers, { option: { ...FAST, maxAttempts: 2, handlerTimeout: 200 } });
    await tell(stage.client(), 'job', 'shaped');
    if (!succeeds) await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    await settled(stage.raw, 'job');
    expect(shaped.runs.map(({ attempt }) => attempt)).toEqual(succeeds ? [1] : [1, 2]);
    expect(await stage.raw.xlen('{job}:dead')).toBe(succeeds ? 0 : 1);
  });

  it('retries a message that always fails with backoff, dead-letters it once, and delays no other', async () => {
    const fragile = recordedService((name) => {
      if (name === 'poison') throw new Error('never');
    });
    const backoff = { delay: 200, maxDelay: 400 };
    await stage.serve(fragile.handlers, { option: { ...SPARE, concurrency: 1, maxAttempts: 3, backoff } });
    const client = stage.client();
    await tell(client, 'job', 'poison');
    const others = Array.from({ length: 20 }, (_, n) => `other-${n}`);
    for (const name of others) await tell(client, 'job', name);
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    await settled(stage.raw, 'job');
    expect(fragile.names().filter((name) => name !== 'poison')).toEqual(others);
    const [first, second, third] = fragile.of('poison').map(({ startedAt }) => startedAt) as [number, number, number];
    // The upper half of the ceiling is jitter: 100-200 ms, then 200-400 ms.
    expect(second - first).toBeGreaterThanOrEqual(95);
    expect(third - second).toBeGreaterThanOrEqual(195);
    expect(await stage.raw.xlen('{job}:dead')).toBe(1);
  });

  it('keeps an entry pending while its dead letter cannot be stored, and stores the letter later', async () => {
    const gate = deferred();
    const fragile = recordedService(() => gate.promise);
    await stage.serve(fragile.handlers, { option: { ...FAST, maxAttempts: 1 } });
    await tell(stage.client(), 'job', 'poison');
    await fragile.untilRun(1);
    await stage.raw.config('SET', 'maxmemory', '1');
    try {
      gate.reject(new Error('never'));
      await eventually(() => expect(stage.log.text('warn')).toMatch(/could not be stored.*OOM/));
      expect(await pendingOf(stage.raw, 'job')).toBe(1);
      expect(await stage.raw.xlen('{job}:dead')).toBe(0);
    } finally {
      await stage.raw.config('SET', 'maxmemory', '0');
    }
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    await settled(stage.raw, 'job');
    expect(fragile.runs).toHaveLength(1);
  });

  it('runs both handlers of an event again when one fails, and acks the event when both have succeeded', async () => {
    const pair: string[] = [];

    @Controller()
    class Sound {
      @EventPattern('pair')
      hear(@Payload() _data: unknown): void {
        pair.push('sound');
      }
    }

    @Controller()
    class Flaky {
      @EventPattern('pair')
      async hear(@Payload() _data: unknown): Promise<void> {
        pair.push('flaky');
        expect(await pendingOf(stage.raw, 'pair')).toBe(1);
        if (pair.filter((name) => name === 'flaky').length < 3) throw new Error('not yet');
      }
    }
    await stage.serve([Sound, Flaky], { option: FAST });
    await tell(stage.client(), 'pair', 1);
    await eventually(() => expect(pair).toHaveLength(6));
    await settled(stage.raw, 'pair');
    expect(pair.filter((name) => name === 'sound')).toHaveLength(3);
  });

  it('loses nothing if two instances share a consumer name; by default every instance has its own', async () => {
    const consumers = new Set<string>();
    const both = recordedService(async (_name, ctx) => {
      consumers.add(ctx.getConsumer());
      await pause(20);
    });
    const shared = { ...SPARE, consumer: 'one-name' };
    const client = stage.client();
    const instances = [await stage.serve(both.handlers, { option: shared })];
    await order(client, 0, 50);
    instances.push(await stage.serve(both.handlers, { option: shared }));
    await order(client, 50, 100);
    await eventually(() => expect(new Set(both.names()).size).toBe(100));
    await settled(stage.raw, 'job');
    expect([...consumers]).toEqual(['one-name']);
    await Promise.all(instances.map(({ close }) => close()));
    consumers.clear();
    await stage.serve(both.handlers, { option: { ...SPARE, concurrency: 2 } });
    await stage.serve(both.handlers, { option: { ...SPARE, concurrency: 2 } });
    await order(client, 100, 150);
    await settled(stage.raw, 'job');
    expect(consumers.size).toBe(2);
  });

  it('removes the consumers of 50 dead processes, after it has handled what they hold', async () => {
    await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
    for (let n = 0; n < 50; n += 1) {
      await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', `dead-${n}`);
      if (n % 5 > 0) continue;
      await stage.raw.xadd('job', '*', 'data', `"left-${n}"`);
      await stage.raw.xreadgroup('GROUP', 'service', `dead-${n}`, 'COUNT', 1, 'STREAMS', 'job', '>');
    }
    const successor = recordedService();
    await stage.serve(successor.handlers, { option: { ...SPARE, block: 250, consumerTtl: 1_000 } });
    await eventually(() => expect(new Set(successor.names()).size).toBe(10));
    await settled(stage.raw, 'job');
    expect(successor.runs.map(({ attempt }) => attempt)).toEqual(successor.runs.map(() => 2));
    expect(successor.runs).toHaveLength(10);
    await eventually(async () => expect(await infoOf(stage.raw, 'CONSUMERS', 'job', 'service')).toHaveLength(1));
  });

  it('consumes nothing if its application fails at boot', async () => {
    @Injectable()
    class Broken implements OnApplicationBootstrap {
      onApplicationBootstrap(): never {
        throw new Error('no database');
      }
    }
    const idle = recordedService();
    await tell(stage.client(), 'job', 'kept');
    for (let crash = 0; crash < 3; crash += 1) {
      const { app, close } = await stage.prepare(idle.handlers, { option: SPARE, providers: [Broken] });
      expect(await failureOf(app.listen())).toMatchObject({ message: 'no database' });
      await close().catch(() => undefined);
    }
    expect(await stage.raw.xinfo('GROUPS', 'job')).toEqual([]);
    await stage.serve(idle.handlers, { option: SPARE });
    await idle.untilRun(1);
    expect(idle.runs).toEqual([expect.objectContaining({ name: 'kept', attempt: 1 })]);
  });

  it('ignores the outcome of a handler that goes on after its signal aborted', async () => {
    const late: RedisStreamContext[] = [];
    const stubborn = recordedService(async (_name, ctx) => {
      late.push(ctx);
      await pause(ctx.getAttempt() === 1 ? 700 : 0);
    });
    await stage.serve(stubborn.handlers, { option: { ...FAST, handlerTimeout: 200 } });
    await tell(stage.client(), 'job', 'stubborn');
    await eventually(() => expect(stubborn.runs[0]?.endedAt).toBeDefined());
    await settled(stage.raw, 'job');
    expect(stubborn.runs.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(late.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(await stage.raw.exists('{job}:dead')).toBe(0);
  });
});

async function order(client: RedisStreamClient, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, n) => from + n);
  await Promise.all(numbers.map((n) => tell(client, 'job', `n-${n}`)));
}

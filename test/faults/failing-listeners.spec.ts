import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { RedisStreamServer } from 'nestjs-redis-stream-transport';
import { NEVER, Observable } from 'rxjs';
import { ask, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { entriesOf, settled } from '../support/stream-view.js';
import { WorkerProcess } from '../support/worker-process.js';

const FIXTURE = fileURLToPath(new URL('../support/fixtures/rejecting-listener.ts', import.meta.url));
const FAST = { backoff: { delay: 20, maxDelay: 40 }, maxAttempts: 2 };

const stage = useStage();

@Controller()
class Pinged {
  @MessagePattern('pinged')
  pinged(@Payload() data: unknown): unknown {
    return data;
  }
}

describe('listeners that fail', () => {
  it('are logged and do not end the process, synchronous or not', async () => {
    const worker = await WorkerProcess.start({ connection: stage.connection, option: FAST }, FIXTURE);
    stage.owns(() => worker.end());
    const client = stage.client();
    await tell(client, 'fails', 1);
    await eventually(async () => expect(await stage.raw.xlen('{fails}:dead')).toBe(1));
    await settled(stage.raw, 'fails', 'workers');
    expect(await ask(client, 'ping', 'alive')).toBe('alive');
    expect(worker.exited).toBe(false);
    await eventually(() => {
      for (const line of ['the alarm is not reachable', 'the meter is not reachable', 'the listener is broken'])
        expect(worker.printed).toContain(line);
    });
    expect(worker.printed).not.toMatch(/unhandled/i);
  });
});

describe('an Observable whose teardown throws at the handler timeout', () => {
  let began: string[] = [];

  @Controller()
  class Slow {
    @EventPattern('slow')
    slow(@Payload() name: string): Observable<never> {
      began.push(name);
      if (name !== 'throws') return NEVER;
      return new Observable(() => () => {
        throw new Error('the teardown is broken');
      });
    }

    @MessagePattern('slow.request')
    request(): Observable<number> {
      return new Observable((subscriber) => {
        subscriber.next(1);
        return () => {
          throw new Error('the teardown is broken');
        };
      });
    }
  }

  beforeEach(() => {
    began = [];
  });

  it('fails its attempt and does not affect other timeouts of the same moment', async () => {
    await stage.serve([Slow], { option: { ...FAST, handlerTimeout: 300 } });
    const names = ['hangs 1', 'throws', 'hangs 2', 'throws', 'hangs 3'];
    // One read returns them all, so that their timeouts end together.
    const batch = stage.raw.multi();
    for (const name of names) batch.xadd('slow', '*', 'data', JSON.stringify(name));
    await batch.exec();
    await eventually(async () => expect(await stage.raw.xlen('{slow}:dead')).toBe(names.length));
    await settled(stage.raw, 'slow');
    expect(began.toSorted()).toEqual([...names, ...names].toSorted());
    for (const { fields } of await entriesOf(stage.raw, '{slow}:dead')) {
      expect(fields).toMatchObject({ 'x-attempts': '2', 'x-reason': expect.any(String) as string });
    }
  });

  it('ends a request with the timeout error', async () => {
    await stage.serve([Slow], { option: { ...FAST, handlerTimeout: 300 } });
    const values: unknown[] = [];
    const failure = await new Promise((resolve, reject) => {
      stage
        .client({ requestTimeout: 5_000 })
        .send('slow.request', {})
        .subscribe({
          next: (value) => values.push(value),
          error: resolve,
          complete: () => reject(new Error('no error')),
        });
    });
    expect(values).toEqual([1]);
    expect(failure).toMatchObject({ status: 'error', message: expect.stringContaining('handlerTimeout') as string });
    await settled(stage.raw, 'slow.request');
  });
});

describe('listeners of connection events', () => {
  it.each<[string, () => unknown]>([
    ['throw', () => assert.fail('the meter is broken')],
    ['reject', () => Promise.reject(new Error('the meter is broken'))],
  ])('that %s are logged and harm neither a server nor a client', async (_how, fail) => {
    const unhandled: unknown[] = [];
    const keep = (error: unknown): unknown => unhandled.push(error);
    process.on('unhandledRejection', keep).on('uncaughtException', keep);
    stage.owns(() => process.off('unhandledRejection', keep).off('uncaughtException', keep));
    const prepare = (_app: unknown, server: RedisStreamServer): void => server.on('ready', fail);
    await stage.serve([Pinged], { prepare });
    const client = stage.client();
    client.on('ready', fail);
    expect(await ask(client, 'pinged', 1)).toBe(1);
    await eventually(() => expect(stage.log.text('error').match(/the meter is broken/g)?.length).toBeGreaterThan(3));
    expect(unhandled).toEqual([]);
  });
});

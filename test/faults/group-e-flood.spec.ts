import type { ClientProxy } from '@nestjs/microservices';
import { RedisStreamRecordBuilder, RequestTimeoutError, TooManyPendingError } from 'nestjs-redis-stream-transport';
import { randomUUID } from 'node:crypto';
import { gzipSync, gunzipSync } from 'node:zlib';
import { ask, failureOf, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually, within } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { callsOf, entriesOf, settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { recordedService } from '../support/recorded-service.js';

const stage = useStage();
const CARD = '4111-1111-1111-1111';

describe('a service and its client', () => {
  it('ignore and trim a flood of forged replies', async () => {
    const gate = deferred();
    const recorded = recordedService((name) => gate.promise.then(() => name));
    await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client();
    const answer = ask(client, 'job.ask', 'asked');
    await recorded.untilRun(1);
    const [inbox] = await stage.raw.keys('*reply:*');
    for (let batch = 0; batch < 20; batch += 1) {
      const flood = stage.raw.pipeline();
      for (let n = 0; n < 1_000; n += 1) {
        flood.xadd(String(inbox), '*', 'id', randomUUID(), 'seq', 0, 'data', '"forged"', 'last', '1');
      }
      await flood.exec();
    }
    gate.resolve();
    expect(await answer).toBe('asked');
    await eventually(async () => expect(await stage.raw.xlen(String(inbox))).toBeLessThan(200));
  });

  it('do not run requests from an outage of the server once their callers have given up', async () => {
    const recorded = recordedService((name) => name);
    const first = await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client();
    expect(await ask(client, 'job.ask', 'before')).toBe('before');
    await first.close();
    const stale = Array.from({ length: 100 }, (_, n) =>
      failureOf(ask(client, 'job.ask', new RedisStreamRecordBuilder(`stale-${n}`).setTimeout(300).build())),
    );
    for (const error of await Promise.all(stale)) expect(error).toBeInstanceOf(RequestTimeoutError);
    const expired: unknown[] = [];
    await stage.serve(recorded.handlers, {
      option: QUICK,
      prepare: (_app, server) => server.on('requestExpired', (fact) => expired.push(fact)),
    });
    expect(await ask(client, 'job.ask', 'fresh')).toBe('fresh');
    await settled(stage.raw, 'job.ask');
    expect(recorded.names()).toEqual(['before', 'fresh']);
  });

  it('bound a flood of requests that no handler answers, and end each by its deadline', async () => {
    const silent = recordedService(() => new Promise(() => undefined));
    await stage.serve(silent.handlers, { option: { ...QUICK, concurrency: 10, shutdownTimeout: 100 } });
    const client = stage.client({ requestTimeout: 500, maxPending: 1_000 });
    await client.connect();
    const started = performance.now();
    const errors = await within(5_000, 'the end of all', Promise.all(unanswered(client, 5_000)));
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(errors.filter((error) => error instanceof TooManyPendingError)).toHaveLength(4_000);
    expect(errors.filter((error) => error instanceof RequestTimeoutError)).toHaveLength(1_000);
    // There is room again.
    expect(await failureOf(ask(client, 'job.ask', 'again'))).toBeInstanceOf(RequestTimeoutError);
  });

  it('keep forged lines and payloads out of the log', async () => {
    const recorded = recordedService(() => {
      throw new Error('never');
    });
    await stage.serve(recorded.handlers, { option: { ...QUICK, maxAttempts: 1 } });
    const client = stage.client();
    await tell(client, 'job', CARD);
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    await stage.raw.xadd('job', '*', 'data', `{"card":"${CARD}"`, 'a\n[Nest] 1 LOG forged', CARD);
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(2));
    await stage.raw.set('string', CARD);
    const refused = await failureOf(tell(client, 'string', CARD));
    expect(await failureOf(tell(client, 'a\n[Nest] LOG forged', CARD))).toMatchObject({ code: 'INVALID_MESSAGE' });
    const output = stage.log.text() + String(refused) + JSON.stringify(refused);
    expect(output).not.toContain(CARD);
    expect(output).not.toMatch(/^\[Nest\].*forged/m);
  });

  it('fail publishing when a serializer throws, and dead-letter what a deserializer cannot read, even a zip bomb', async () => {
    const recorded = recordedService();
    const serializer = {
      serialize: (packet: { data: unknown }): string => {
        if (packet.data === 'throws') throw new Error(`cannot write ${CARD}`);
        return JSON.stringify(gzipSync(JSON.stringify(packet.data)).toString('base64'));
      },
    };
    const deserializer = {
      deserialize: (packet: { data: unknown }): { data: unknown } => {
        const packed = Buffer.from(String(packet.data), 'base64');
        return { data: JSON.parse(gunzipSync(packed, { maxOutputLength: 10_000 }).toString('utf8')) as unknown };
      },
    };
    await stage.serve(recorded.handlers, { option: { ...QUICK, deserializer: deserializer as never } });
    const client = stage.client({ serializer: serializer as never });
    await failureOf(tell(client, 'job', 'throws'));
    await tell(client, 'job', 'packed');
    await recorded.untilRun(1);
    await tell(client, 'job', 'x'.repeat(1_000_000));
    await stage.raw.xadd('job', '*', 'data', '"no gzip"');
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(2));
    await settled(stage.raw, 'job');
    expect(recorded.names()).toEqual(['packed']);
    const letters = await entriesOf(stage.raw, '{job}:dead');
    expect(letters.map(({ fields }) => fields['x-reason'])).toEqual(['undecodable', 'undecodable']);
  });

  it('send fewer than 10 commands a second when idle, with default settings', async () => {
    await stage.serve(recordedService().handlers);
    const client = stage.client();
    await client.connect();
    await stage.untilReading();
    const before = await commandsProcessed();
    const started = performance.now();
    await eventually(() => expect(performance.now() - started).toBeGreaterThan(3_000));
    expect(((await commandsProcessed()) - before) / 3).toBeLessThan(10);
  });

  it('hold only what they have slots for, and renew it together, if the producer is much faster', async () => {
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    await stage.serve(recorded.handlers, { option: { ...QUICK, concurrency: 20 } });
    const client = stage.client();
    await Promise.all(Array.from({ length: 5_000 }, (_, n) => tell(client, 'job', n)));
    await recorded.untilRun(20);
    const before = await callsOf(stage.raw, 'evalsha');
    const started = performance.now();
    await eventually(() => expect(performance.now() - started).toBeGreaterThan(2_000));
    const [pending] = (await stage.raw.xpending('job', 'service')) as [number];
    expect(pending).toBe(20);
    expect(recorded.runs).toHaveLength(20);
    // One renewal per third of a lease for all held entries, not one per entry.
    expect((await callsOf(stage.raw, 'evalsha')) - before).toBeLessThan(15);
    gate.resolve();
    await settled(stage.raw, 'job', 'service', 15_000);
  });
});

function unanswered(client: ClientProxy, count: number): Promise<unknown>[] {
  return Array.from({ length: count }, (_, n) => failureOf(ask(client, 'job.ask', n)));
}

async function commandsProcessed(): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await stage.raw.info('stats'))?.[1]);
}

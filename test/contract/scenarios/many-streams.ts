import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamDeadLetters, RequestCancelledError } from 'nestjs-redis-stream-transport';
import { hashSlot } from '../../../lib/topology/keys.js';
import { ask, tell } from '../../support/calls.js';
import { eventually, outcomeOf } from '../../support/eventually.js';
import type { Service } from '../../support/stage.js';
import { callsOf, entriesOf, infoOf, pendingOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

/** In a cluster of three masters, each of them has some of the streams named like this. */
const PLACES = ['birch', 'cedar', 'elder', 'maple', 'oak', 'rowan'];
const EVENTS = PLACES.map((place) => `event.${place}`);
const REQUESTS = PLACES.map((place) => `request.${place}`);
const ENDLESS = PLACES.map((place) => `watch.${place}`);

const QUICK = { lease: 500, sweepInterval: 100, block: 500, backoff: { delay: 10, maxDelay: 20 } };
/** Usually milliseconds. The lease is far longer, so only a cancellation can end a run this soon. */
const SOON_MS = 1_000;

let handled: { stream: string; data: unknown; attempt: number }[] = [];
let signals: AbortSignal[] = [];
let isBroken = false;

@Controller()
class Anywhere {
  @EventPattern<string[]>(EVENTS)
  event(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    if (isBroken) throw new Error('not now');
    handled.push({ stream: ctx.getStream(), data, attempt: ctx.getAttempt() });
  }

  @MessagePattern(REQUESTS)
  request(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): unknown {
    return { data, stream: ctx.getStream() };
  }

  @MessagePattern(ENDLESS)
  wait(@Ctx() ctx: RedisStreamContext): Promise<void> {
    signals.push(ctx.signal);
    return new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve()));
  }
}

export const manyStreams: Topic = (stage, features) => {
  beforeEach(() => {
    handled = [];
    signals = [];
    isBroken = false;
  });

  const serve = (option = {}): Promise<Service> => stage.serve([Anywhere], { option: { ...QUICK, ...option } });
  const whenSettled = (streams: readonly string[]): Promise<void[]> =>
    Promise.all(streams.map((stream) => settled(stage.at(stream), stream)));

  describe('the streams of one server', () => {
    it('are spread over all servers of Redis', () => {
      for (const streams of [EVENTS, REQUESTS, ENDLESS]) {
        const ports = streams.map((stream) => stage.target.processOf(stream).port);
        expect(new Set(ports).size).toBe(stage.target.servers.length);
      }
    });

    it('have one reader, or one for each hash slot where a read must not span two', async () => {
      await serve({ block: 1_000 });
      const slots = new Set([...EVENTS, ...REQUESTS, ...ENDLESS].map(hashSlot));
      await stage.untilReading(features.multiStreamRead ? 1 : slots.size);
    });

    it('have their requests and events handled, and keep no request', async () => {
      await serve();
      const caller = stage.client();
      const calls = REQUESTS.flatMap((stream) => [1, 2, 3].map((data) => ({ stream, data })));
      await expect(Promise.all(calls.map(({ stream, data }) => ask(caller, stream, data)))).resolves.toEqual(calls);
      await Promise.all(EVENTS.flatMap((stream) => [1, 2].map((data) => tell(caller, stream, data))));
      await whenSettled([...REQUESTS, ...EVENTS]);
      expect(handled).toHaveLength(12);
      expect(new Set(handled.map(({ stream, data }) => `${stream} ${String(data)}`)).size).toBe(12);
      for (const stream of REQUESTS) expect(await stage.at(stream).xlen(stream)).toBe(0);
    });

    it('have their dead letters beside them, where they can be redriven', async () => {
      await serve({ maxAttempts: 2 });
      isBroken = true;
      const client = stage.client();
      await Promise.all(EVENTS.map((stream) => tell(client, stream, 'again')));
      await eventually(async () => {
        for (const stream of EVENTS) expect(await stage.at(stream).xlen(`{${stream}}:dead`)).toBe(1);
      });
      isBroken = false;
      const letters = new RedisStreamDeadLetters({ connection: stage.connection });
      stage.owns(() => letters.close());
      for (const stream of EVENTS) expect(await letters.redriveAll(stream)).toBe(1);
      await eventually(() => expect(handled).toHaveLength(EVENTS.length));
      await whenSettled(EVENTS);
      expect(handled.map(({ stream }) => stream).toSorted()).toEqual(EVENTS);
    });

    it('have the entries that a dead process left on each of them taken over', async () => {
      const client = stage.client();
      for (const stream of EVENTS) {
        const redis = stage.at(stream);
        await redis.xgroup('CREATE', stream, 'service', '0', 'MKSTREAM');
        await tell(client, stream, 'left behind');
        await redis.xreadgroup('GROUP', 'service', 'dead', 'COUNT', 1, 'STREAMS', stream, '>');
      }
      await serve();
      await whenSettled(EVENTS);
      expect(handled.map(({ stream, attempt }) => `${stream} ${attempt}`).toSorted()).toEqual(
        EVENTS.map((stream) => `${stream} 2`),
      );
    });

    it('keep neither a consumer nor pending entries when the server stops', async () => {
      const service = await serve();
      const client = stage.client();
      await Promise.all(EVENTS.map((stream) => tell(client, stream, 1)));
      await whenSettled(EVENTS);
      await service.close();
      for (const stream of EVENTS) expect(await infoOf(stage.at(stream), 'CONSUMERS', stream, 'service')).toEqual([]);
    });
  });

  describe('the streams of one client', () => {
    it('store the events of one turn in the order of the calls, with few commands', async () => {
      await stage.everywhere((redis) => redis.script('FLUSH'));
      const scripts = (): Promise<number[]> => stage.everywhere((redis) => callsOf(redis, 'evalsha'));
      const before = await scripts();
      const publisher = stage.client();
      const calls: Promise<unknown>[] = [];
      for (let n = 0; n < 300; n += 1) {
        for (const stream of EVENTS) calls.push(outcomeOf(tell(publisher, stream, n)));
      }
      for (const outcome of await Promise.all(calls)) expect(outcome).toHaveProperty('value');
      for (const stream of EVENTS) {
        const stored = (await entriesOf(stage.at(stream), stream)).map(({ fields }) => Number(fields['data']));
        expect(stored).toEqual(Array.from({ length: 300 }, (_, n) => n));
      }
      const sent = (await scripts()).map((count, server) => count - (before[server] ?? 0));
      expect(Math.max(...sent)).toBeLessThan(20);
    });

    it('store the events of the turn of close()', async () => {
      const publisher = stage.client();
      for (let n = 0; n < 100; n += 1) for (const stream of EVENTS) publisher.emit(stream, n);
      await publisher.close();
      for (const stream of EVENTS) expect(await stage.at(stream).xlen(stream)).toBe(100);
    });

    it('have the handlers of their requests aborted at once when the caller stops waiting', async () => {
      await stage.serve([Anywhere], { option: { lease: 30_000, shutdownTimeout: 100 } });
      const client = stage.client();
      const subscriptions = ENDLESS.map((pattern) => client.send(pattern, {}).subscribe({ error: () => undefined }));
      await eventually(() => expect(signals.length).toBe(ENDLESS.length));
      for (const subscription of subscriptions) subscription.unsubscribe();
      await eventually(() => expect(signals.filter(({ aborted }) => !aborted).length).toBe(0), { within: SOON_MS });
      for (const { reason } of signals) expect(reason).toBeInstanceOf(RequestCancelledError);
      for (const stream of ENDLESS) {
        await eventually(async () =>
          expect([await stage.at(stream).xlen(stream), await pendingOf(stage.at(stream), stream)]).toEqual([0, 0]),
        );
      }
    });
  });
};

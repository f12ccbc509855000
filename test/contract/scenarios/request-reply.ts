import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisStreamContext,
  RedisStreamRecord,
  RedisStreamRecordBuilder,
  RequestTimeoutError,
  TooManyPendingError,
  TransportClosedError,
} from 'nestjs-redis-stream-transport';
import { randomUUID } from 'node:crypto';
import { lastValueFrom, timeout, TimeoutError } from 'rxjs';
import { RedisClock } from '../../../lib/redis/redis-clock.js';
import { ask, failureOf, tell } from '../../support/calls.js';
import { isConnected } from '../../support/connected.js';
import { deferred } from '../../support/deferred.js';
import { eventually, within } from '../../support/eventually.js';
import { entriesOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

let gate = deferred();

const ran: unknown[] = [];

@Controller()
class Handlers {
  @MessagePattern('double')
  double(@Payload() n: number): number {
    return 2 * n;
  }

  @MessagePattern('gated')
  async gated(@Payload() data: unknown): Promise<unknown> {
    ran.push(data);
    await gate.promise;
    return data;
  }

  @MessagePattern({ cmd: 'sum', version: 1 })
  sum(@Payload() numbers: number[], @Ctx() ctx: RedisStreamContext): unknown {
    return { sum: numbers.reduce((a, b) => a + b, 0), pattern: ctx.getPattern() };
  }
}

/** Only requests meant to time out get a short deadline: on a busy machine an answer can take longer than that. */
const hurried = (data: unknown): RedisStreamRecord => new RedisStreamRecordBuilder(data).setTimeout(50).build();

export const requestReply: Topic = (stage) => {
  afterEach(() => gate.resolve());

  beforeEach(() => {
    gate = deferred();
    ran.length = 0;
  });

  describe('requests', () => {
    it('find their handler for any order of the keys of an object pattern', async () => {
      await stage.serve([Handlers]);
      const answer = await ask<{ sum: number }>(stage.client(), { version: 1, cmd: 'sum' }, [1, 2, 3]);
      expect(answer.sum).toBe(6);
      await expect(ask(stage.client(), { cmd: 'sum', version: 1 }, [1])).resolves.toMatchObject({ sum: 1 });
    });

    it('of two clients with one configuration, 40 at a time each, get 80 correct answers', async () => {
      await stage.serve([Handlers]);
      await stage.serve([Handlers]);
      const clients = [stage.client(), stage.client()];
      const numbers = Array.from({ length: 40 }, (_, n) => n);
      const answers = await Promise.all(clients.flatMap((client) => numbers.map((n) => ask(client, 'double', n))));
      expect(answers).toEqual([...numbers, ...numbers].map((n) => 2 * n));
    });

    it('that time out leave nothing behind, neither in the client nor in the stream', async () => {
      await stage.serve([Handlers]);
      const client = stage.client({ maxPending: 20 });
      for (let round = 0; round < 10; round += 1) {
        const calls = Array.from({ length: 20 }, (_, n) => failureOf(ask(client, 'gated', hurried(n))));
        for (const error of await Promise.all(calls)) {
          expect(error).toBeInstanceOf(RequestTimeoutError);
          expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT', outcome: 'unknown' });
        }
      }
      gate.resolve();
      await expect(ask(client, 'double', 4)).resolves.toBe(8);
      await eventually(async () => expect(await stage.at('gated').xlen('gated')).toBe(0));
    });

    it("that the caller gives up, by rxjs' timeout or by unsubscribing, free their place at once", async () => {
      await stage.serve([Handlers]);
      const client = stage.client({ maxPending: 3 });
      for (let round = 0; round < 5; round += 1) {
        const call = lastValueFrom(client.send('gated', round).pipe(timeout(30)));
        expect(await failureOf(call)).toBeInstanceOf(TimeoutError);
        client.send('gated', round).subscribe().unsubscribe();
      }
      const held = [1, 2, 3].map((n) => ask(client, 'gated', n));
      await eventually(() => expect(ran).toEqual(expect.arrayContaining([1, 2, 3])));
      gate.resolve();
      await expect(Promise.all(held)).resolves.toEqual([1, 2, 3]);
    });

    it('that are given up before a server reads them are deleted from the stream', async () => {
      const service = await stage.serve([Handlers]);
      await service.close();
      const call = stage.client().send('gated', 'stale').subscribe();
      await eventually(async () => expect(await stage.at('gated').xlen('gated')).toBe(1));
      call.unsubscribe();
      await eventually(async () => expect(await stage.at('gated').xlen('gated')).toBe(0));
    });

    it('that time out while no server runs are not run by the next one', async () => {
      const service = await stage.serve([Handlers]);
      const client = stage.client();
      await ask(client, 'double', 1);
      await service.close();
      expect(await failureOf(ask(client, 'gated', hurried('stale')))).toBeInstanceOf(RequestTimeoutError);
      const [entry] = await entriesOf(stage.at('gated'), 'gated');
      const expiresAt = parseInt(String(entry?.id), 10) + Number(entry?.fields.ttl);
      // The server's estimate of the clock of Redis is only as good as its round trips are short.
      const clock = new RedisClock();
      await clock.synchronise(stage.at('gated'));
      await eventually(() => expect(clock.now()).toBeGreaterThan(expiresAt + 500));
      await stage.serve([Handlers]);
      await settled(stage.at('gated'), 'gated');
      expect(await stage.at('gated').xlen('gated')).toBe(0);
      expect(ran).toEqual([]);
    });

    it('that wait for a connection are written with the rest of their timeout as ttl', async () => {
      const service = await stage.serve([Handlers]);
      await service.close();
      const proxy = await stage.proxied();
      proxy.set({ kind: 'blackhole', direction: 'both' });
      const client = stage.client({ requestTimeout: 60_000 }, proxy.connection);
      const call = client.send('gated', 'patient').subscribe();
      const asked = performance.now();
      await eventually(() => expect(proxy.connections).toBeGreaterThan(0));
      await eventually(() => expect(performance.now() - asked).toBeGreaterThan(100));
      const waited = performance.now() - asked;
      proxy.heal();
      await eventually(async () => expect(await stage.at('gated').xlen('gated')).toBe(1));
      const [entry] = await entriesOf(stage.at('gated'), 'gated');
      expect(Number(entry?.fields.ttl)).toBeGreaterThan(0);
      expect(Number(entry?.fields.ttl)).toBeLessThanOrEqual(Math.ceil(60_000 - waited));
      call.unsubscribe();
    });

    it('that time out while they wait for a connection are never written', async () => {
      const service = await stage.serve([Handlers]);
      const client = stage.client();
      await ask(client, 'double', 1);
      await service.close();
      await tell(client, 'gated', 'before');
      await stage.target.processOf('gated').kill();
      await eventually(() => expect(isConnected(client, 'gated')).toBe(false));
      const call = failureOf(ask(client, 'gated', hurried('stale')));
      expect(await call).toBeInstanceOf(RequestTimeoutError);
      await stage.target.restart('gated');
      await tell(client, 'gated', 'after');
      const stored = (await entriesOf(stage.at('gated'), 'gated')).map(({ fields }) => fields['data']);
      expect(stored.at(-1)).toBe('"after"');
      expect(stored).not.toContain('"stale"');
    });

    it('ignore a reply that arrives after the timeout', async () => {
      await stage.serve([Handlers]);
      const client = stage.client();
      expect(await failureOf(ask(client, 'gated', hurried('late')))).toBeInstanceOf(RequestTimeoutError);
      gate.resolve();
      await settled(stage.at('gated'), 'gated');
      await expect(ask(client, 'double', 21)).resolves.toBe(42);
      expect(stage.log.text('error')).toBe('');
    });

    it('that are pending when the client closes are rejected with a typed error', async () => {
      await stage.serve([Handlers]);
      const client = stage.client();
      const calls = [1, 2, 3].map((n) => failureOf(ask(client, 'gated', n)));
      await eventually(() => expect(ran).toHaveLength(3));
      await client.close();
      for (const error of await within(1_000, 'the rejections', Promise.all(calls))) {
        expect(error).toBeInstanceOf(TransportClosedError);
        expect(error).toMatchObject({ code: 'TRANSPORT_CLOSED' });
      }
    });

    it('are refused above maxPending, but only while that many are pending', async () => {
      await stage.serve([Handlers]);
      const client = stage.client({ maxPending: 3 });
      const calls = [1, 2, 3].map((n) => ask(client, 'gated', n));
      await eventually(() => expect(ran).toHaveLength(3));
      const error = await failureOf(ask(client, 'double', 1));
      expect(error).toBeInstanceOf(TooManyPendingError);
      expect(error).toMatchObject({ code: 'TOO_MANY_PENDING', retriable: true, outcome: 'not-stored' });
      gate.resolve();
      await Promise.all(calls);
      await expect(ask(client, 'double', 1)).resolves.toBe(2);
    });

    it('that are older than their ttl are not run', async () => {
      const expired: unknown[] = [];
      const { server } = await stage.serve([Handlers]);
      server.on('requestExpired', (fact) => expired.push(fact));
      const request = ['id', randomUUID(), 'reply', randomUUID(), 'ttl', '50', 'data', '"too late"'];
      // The age is counted from the id, on the clock of Redis: this entry is from 1970.
      const id = await stage.at('gated').xadd('gated', '5-1', ...request);
      await eventually(() =>
        expect(expired).toEqual([expect.objectContaining({ stream: 'gated', group: 'service', id })]),
      );
      await settled(stage.at('gated'), 'gated');
      expect(await stage.at('gated').xlen('gated')).toBe(0);
      expect(ran).toEqual([]);
    });

    it('are not confused by forged, repeated and unreadable replies', async () => {
      await stage.serve([Handlers]);
      const client = stage.client();
      const answer = ask(client, 'gated', 'honest');
      await eventually(() => expect(ran).toEqual(['honest']));
      const [inbox = ''] = await stage.keys('*reply:*');
      for (let n = 0; n < 100; n += 1) {
        await stage.at(inbox).xadd(inbox, '*', 'id', randomUUID(), 'seq', '0', 'data', '"forged"', 'last', '1');
      }
      await stage.at(inbox).xadd(inbox, '*', 'nonsense', 'yes');
      await stage.at(inbox).xadd(inbox, '*', 'id', 'no uuid', 'seq', 'NaN', 'data', '{', 'last', '7');
      gate.resolve();
      await expect(answer).resolves.toBe('honest');
      await expect(ask(client, 'double', 2)).resolves.toBe(4);
    });

    it('with a reply address that is not a uuid are not answered', async () => {
      await stage.serve([Handlers]);
      await stage.at('victim').set('victim', 'untouched');
      await stage.at('other.requests').xadd('other.requests', '*', 'data', '1');
      const client = stage.client();
      await ask(client, 'double', 1);
      const addresses = ['victim', 'other.requests', 'absent.key', 'reply:victim', '../*', `${randomUUID()}:x`, ''];
      const before = await keysAndLengths();
      for (const reply of addresses)
        await stage.at('double').xadd('double', '*', 'id', randomUUID(), 'reply', reply, 'data', '1');
      // A well-formed address without a client: the server never creates the reply stream.
      await stage.at('double').xadd('double', '*', 'id', randomUUID(), 'reply', randomUUID(), 'data', '1');
      await settled(stage.at('double'), 'double');
      await ask(client, 'double', 2);
      expect(await keysAndLengths()).toEqual(before);
      expect(await stage.at('victim').get('victim')).toBe('untouched');
    });
  });

  /** Everything a misdirected reply could change, except dead letters of refused requests and the caller's own inbox. */
  async function keysAndLengths(): Promise<Record<string, number>> {
    const keys = (await stage.keys()).filter((key) => !key.endsWith(':dead') && !/reply:[0-9a-f-]{36}$/.test(key));
    const lengths: Record<string, number> = {};
    for (const key of keys.sort())
      lengths[key] = key === 'victim' || key === 'double' ? 1 : await stage.at(key).xlen(key);
    const inboxes = (await stage.keys('*reply:*')).length;
    return { ...lengths, inboxes };
  }
};

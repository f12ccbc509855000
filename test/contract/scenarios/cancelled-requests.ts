import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamRecordBuilder, RequestTimeoutError } from 'nestjs-redis-stream-transport';
import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { ask, failureOf } from '../../support/calls.js';
import { deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { callsOf, entriesOf } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

let gate = deferred();

const ran: unknown[] = [];
let announced: { channel: string; text: string }[] = [];

@Controller()
class Handlers {
  @MessagePattern('gated')
  async gated(@Payload() data: unknown): Promise<unknown> {
    ran.push(data);
    await gate.promise;
    return data;
  }
}

const timeoutOf = (ms: number, data: unknown): unknown => new RedisStreamRecordBuilder(data).setTimeout(ms).build();

const cancelled = (id: string, channel = 'ctl'): { channel: string; text: string } => ({
  channel,
  text: JSON.stringify({ kind: 'cancel', id }),
});

export const cancelledRequests: Topic = (stage) => {
  afterEach(() => gate.resolve());

  beforeEach(async () => {
    gate = deferred();
    ran.length = 0;
    announced = [];
    const subscriber = stage.at('gated').duplicate({ connectionName: 'test-observer' });
    stage.owns(() => subscriber.disconnect());
    subscriber.on('pmessage', (_pattern: string, channel: string, text: string) => announced.push({ channel, text }));
    await subscriber.psubscribe('*');
  });

  /** Sends a request and waits until its handler runs. Returns the id of the request and a function that gives it up. */
  async function asked(client: RedisStreamClient, data: unknown): Promise<{ id: string; giveUp: () => void }> {
    const call = client.send('gated', data).subscribe({ error: () => undefined });
    await eventually(() => expect(ran).toContain(data));
    const entry = (await entriesOf(stage.at('gated'), 'gated')).find(
      ({ fields }) => fields['data'] === JSON.stringify(data),
    );
    return { id: String(entry?.fields['id']), giveUp: () => call.unsubscribe() };
  }

  /** Number of entries written to the server of the stream since it started. */
  const written = (): Promise<number> => callsOf(stage.at('gated'), 'xadd');

  describe('a request that its caller gives up', () => {
    it('is deleted, and announced to the server that runs it', async () => {
      await stage.serve([Handlers]);
      const { id, giveUp } = await asked(stage.client(), 'unsubscribed');
      giveUp();
      await eventually(() => expect(announced).toEqual([cancelled(id)]), { within: 500 });
      expect(await stage.at('gated').xlen('gated')).toBe(0);
    });

    it('is announced on the channel of its prefix', async () => {
      await stage.serve([Handlers], { option: { prefix: 'app:' } });
      const call = stage.client({ prefix: 'app:' }).send('gated', 1).subscribe();
      await eventually(() => expect(ran).toEqual([1]));
      call.unsubscribe();
      await eventually(() => expect(announced.map(({ channel }) => channel)).toEqual(['app:ctl']));
    });

    it('is deleted and announced when it times out', async () => {
      await stage.serve([Handlers]);
      const client = stage.client();
      await asked(client, 'first');
      const late = failureOf(ask(client, 'gated', timeoutOf(300, 'late')));
      await eventually(() => expect(ran).toContain('late'));
      const entry = (await entriesOf(stage.at('gated'), 'gated')).find(({ fields }) => fields['data'] === '"late"');
      expect(await late).toBeInstanceOf(RequestTimeoutError);
      await eventually(() => expect(announced).toEqual([cancelled(String(entry?.fields['id']))]), { within: 500 });
      expect(await stage.at('gated').xlen('gated')).toBe(1);
    });

    it('is deleted when it times out and no server reads it, also a thousand at a time', async () => {
      const service = await stage.serve([Handlers]);
      await service.close();
      const client = stage.client();
      const before = await written();
      const calls = Array.from({ length: 1_000 }, (_, n) => failureOf(ask(client, 'gated', timeoutOf(1_000, n))));
      await eventually(async () => expect(await written()).toBeGreaterThanOrEqual(before + 1_000));
      for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(RequestTimeoutError);
      await eventually(async () => expect(await stage.at('gated').xlen('gated')).toBe(0));
      expect(announced).toEqual([]);
    });

    it('is deleted even when it is given up before Redis confirms it', async () => {
      const service = await stage.serve([Handlers]);
      const client = stage.client();
      // From then on the client knows that the stream is served, and writes requests at once.
      (await asked(client, 'first')).giveUp();
      await service.close();
      const before = await written();
      for (let round = 0; round < 20; round += 1) {
        const call = client.send('gated', round).subscribe();
        await new Promise((resolve) => setImmediate(resolve));
        call.unsubscribe();
      }
      await eventually(async () => expect(await written()).toBeGreaterThanOrEqual(before + 20));
      await eventually(async () => expect(await stage.at('gated').xlen('gated')).toBe(0));
    });

    it('is deleted and announced when the client closes', async () => {
      await stage.serve([Handlers]);
      const client = stage.client();
      const ids = [(await asked(client, 'a')).id, (await asked(client, 'b')).id];
      await client.close();
      await eventually(() => expect(announced).toEqual(ids.map((id) => cancelled(id))));
      expect(await stage.at('gated').xlen('gated')).toBe(0);
    });

    it('is cancelled together with others of its turn', async () => {
      await stage.serve([Handlers]);
      const client = stage.client();
      const requests = [];
      for (let n = 0; n < 100; n += 1) requests.push(await asked(client, n));
      const before = await callsOf(stage.at('gated'), 'evalsha');
      for (const { giveUp } of requests) giveUp();
      await eventually(() => expect(announced).toHaveLength(100));
      expect(announced).toEqual(requests.map(({ id }) => cancelled(id)));
      expect(await stage.at('gated').xlen('gated')).toBe(0);
      expect((await callsOf(stage.at('gated'), 'evalsha')) - before).toBeLessThan(10);
    });

    it('is not one that was answered already', async () => {
      await stage.serve([Handlers]);
      gate.resolve();
      const client = stage.client();
      expect(await ask(client, 'gated', 1)).toBe(1);
      await client.close();
      expect(announced).toEqual([]);
    });
  });

  describe('a caller without the right to announce', () => {
    const LESS: [string, string[]][] = [
      ['XPENDING', ['-xpending']],
      ['PUBLISH', ['-publish']],
      ['the control channel', ['resetchannels']],
      ['scripts', ['-eval', '-evalsha']],
    ];

    it.each(LESS)('still deletes the requests that it gives up, and logs this once: %s', async (_, rights) => {
      const connection = await stage.login('lesser', '+@all', ...rights);
      await stage.serve([Handlers]);
      const client = stage.client({}, connection);
      for (const data of ['a', 'b', 'c']) {
        const { giveUp } = await asked(client, data);
        giveUp();
        await eventually(async () => expect(await stage.at('gated').xlen('gated')).toBe(0));
      }
      await client.close();
      expect(announced).toEqual([]);
      const lines = stage.log.lines.filter(({ text }) => text.includes('cancelled requests'));
      expect(lines.map(({ level }) => level)).toEqual(['log']);
    });
  });
};

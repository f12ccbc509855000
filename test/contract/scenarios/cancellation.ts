import { RequestCancelledError, RequestTimeoutError, TransportClosedError } from 'nestjs-redis-stream-transport';
import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { TimeoutError, firstValueFrom, lastValueFrom, take, timeout, toArray } from 'rxjs';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, failureOf, tell } from '../../support/calls.js';
import { QUIETLY, abortedAfter, endless } from '../../support/endless.js';
import type { Endless } from '../../support/endless.js';
import { eventually, within } from '../../support/eventually.js';
import type { Service } from '../../support/stage.js';
import { pendingOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

/** Usually milliseconds. The lease is far longer, so only a cancellation can end a run this soon. */
const SOON_MS = 600;
const OPTION = { lease: 30_000, shutdownTimeout: 100 };

let open: Endless;

/** Resolves as soon as the caller of a running request has stopped waiting. */
type Leaving = (client: RedisStreamClient, pattern: string) => Promise<void>;

const unsubscribes: Leaving = async (client, pattern) => {
  const subscription = client.send(pattern, {}).subscribe(QUIETLY);
  await open.untilRunning(1);
  subscription.unsubscribe();
};

const closesItsClient: Leaving = async (client, pattern) => {
  const failure = failureOf(lastValueFrom(client.send(pattern, {})));
  await open.untilRunning(1);
  await client.close();
  expect(await failure).toBeInstanceOf(TransportClosedError);
};

const givesUpWithTimeout: Leaving = async (client, pattern) => {
  expect(await failureOf(firstValueFrom(client.send(pattern, {}).pipe(timeout(1_000))))).toBeInstanceOf(TimeoutError);
};

const waitsForItsRequestTimeout: Leaving = async (client, pattern) => {
  expect(await failureOf(firstValueFrom(client.send(pattern, {})))).toBeInstanceOf(RequestTimeoutError);
};

const takesThreeValues: Leaving = async (client, pattern) => {
  const values = lastValueFrom(client.send(pattern, {}).pipe(take(3), toArray()));
  expect(await within(5_000, 'three values', values)).toEqual([0, 1, 2]);
};

export const cancellation: Topic = (stage) => {
  beforeEach(() => {
    open = endless();
    stage.owns(() => open.stop());
  });

  const serve = (option = {}): Promise<Service> => stage.serve(open.handlers, { option: { ...OPTION, ...option } });

  async function expectNothingLeft(stream: string): Promise<void> {
    await eventually(
      async () => {
        expect({ entries: await stage.at(stream).xlen(stream) }).toEqual({ entries: 0 });
        expect({ pending: await pendingOf(stage.at(stream), stream) }).toEqual({ pending: 0 });
      },
      { within: 2_000 },
    );
  }

  /** Subscribers of a channel on all servers: each server counts its own. */
  async function subscribersOf(channel: string): Promise<number> {
    const counts = await stage.everywhere((redis) => redis.pubsub('NUMSUB', channel));
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  describe('a request whose caller stops waiting', () => {
    it.each<[string, Leaving, { requestTimeout?: number }]>([
      ['unsubscribes', unsubscribes, {}],
      ['gives up with timeout()', givesUpWithTimeout, {}],
      ['waits for its requestTimeout', waitsForItsRequestTimeout, { requestTimeout: 1_000 }],
      ['closes its client', closesItsClient, {}],
    ])('aborts the signal of its handler at once when the caller %s', async (_how, leave, option) => {
      await serve();
      const client = stage.client(option);
      await client.connect();
      await leave(client, 'wait');
      const leftAt = performance.now();
      expect(open.runs).toHaveLength(1);
      expect(await abortedAfter(open.runs[0], leftAt, 3_000)).toBeLessThan(SOON_MS);
      expect(open.runs[0]?.signal.reason).toBeInstanceOf(RequestCancelledError);
      await expectNothingLeft('wait');
    });

    it.each<[string, Leaving]>([
      ['unsubscribes', unsubscribes],
      ['takes three values', takesThreeValues],
      ['closes its client', closesItsClient],
    ])('ends an endless reply at once when the caller %s', async (_how, leave) => {
      await serve();
      await leave(stage.client(), 'ticks');
      const leftAt = performance.now();
      const [run] = open.runs;
      await eventually(() => expect(run?.unsubscribedAt).toBeDefined(), { within: 3_000 });
      expect(Number(run?.unsubscribedAt) - leftAt).toBeLessThan(SOON_MS);
      expect(run?.signal.reason).toBeInstanceOf(RequestCancelledError);
      await expectNothingLeft('ticks');
    });

    it('frees its slot although its handler ignores the signal', async () => {
      await serve({ concurrency: 1 });
      const client = stage.client();
      await unsubscribes(client, 'deaf');
      const answer = within(2_000, 'the next answer', ask(client, 'ping', 'next'));
      expect(await answer).toBe('next');
      await expectNothingLeft('deaf');
    });

    it('ends the processing hooks of Nest too, once', async () => {
      const heard: string[] = [];
      await stage.serve(open.handlers, {
        option: OPTION,
        prepare: (_app, server) => {
          server.setOnProcessingStartHook((_transport, _context, done) => {
            heard.push('start');
            void done();
          });
          server.setOnProcessingEndHook(() => heard.push('end'));
        },
      });
      await unsubscribes(stage.client(), 'deaf');
      await eventually(() => expect(heard).toEqual(['start', 'end']), { within: 3_000 });
      await expectNothingLeft('deaf');
      expect(heard).toHaveLength(2);
    });

    it('is not answered, and leaves other requests of the same client alone', async () => {
      await serve();
      const client = stage.client();
      const other = client.send('wait', 'stays').subscribe(QUIETLY);
      await open.untilRunning(1);
      const subscription = client.send('wait', 'leaves').subscribe(QUIETLY);
      await open.untilRunning(2);
      subscription.unsubscribe();
      await abortedAfter(open.runs[1], performance.now(), 3_000);
      expect(open.runs[0]?.signal.aborted).toBe(false);
      await eventually(async () => expect(await pendingOf(stage.at('wait'), 'wait')).toBe(1));
      other.unsubscribe();
      await expectNothingLeft('wait');
    });

    it('is cancelled on either of two instances', async () => {
      await serve();
      await serve();
      const client = stage.client();
      const subscriptions = [1, 2, 3, 4, 5, 6].map((n) => client.send('wait', n).subscribe(QUIETLY));
      await open.untilRunning(6);
      for (const subscription of subscriptions) subscription.unsubscribe();
      const leftAt = performance.now();
      for (const run of open.runs) expect(await abortedAfter(run, leftAt, 3_000)).toBeLessThan(SOON_MS);
      await expectNothingLeft('wait');
    });

    it('is still cancelled after the server has lost its connections', async () => {
      await serve();
      const client = stage.client();
      await ask(client, 'ping', 1);
      await stage.killConnections();
      await stage.everywhere((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
      await eventually(() => expect(ask(client, 'ping', 2)).resolves.toBe(2));
      await eventually(async () => expect(await subscribersOf('ctl')).toBe(1));
      await unsubscribes(client, 'wait');
      expect(await abortedAfter(open.runs[0], performance.now(), 3_000)).toBeLessThan(SOON_MS);
    });
  });

  describe('an event', () => {
    it('is never cancelled, whatever its sender does', async () => {
      await serve();
      const client = stage.client();
      await tell(client, 'tide', 'high');
      await open.untilRunning(1);
      client.emit('tide', 'low').subscribe().unsubscribe();
      await open.untilRunning(2);
      await client.close();
      await pause(300);
      expect(open.runs.map(({ signal }) => signal.aborted)).toEqual([false, false]);
      open.stop();
      await settled(stage.at('tide'), 'tide');
      expect(open.runs).toHaveLength(2);
    });
  });
};

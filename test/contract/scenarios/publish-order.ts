import { lastValueFrom } from 'rxjs';
import type { ClientProxy } from '@nestjs/microservices';
import { PublishOutcomeUnknownError } from 'nestjs-redis-stream-transport';
import { tell } from '../../support/calls.js';
import { eventually, outcomeOf, within } from '../../support/eventually.js';
import { callsOf, entriesOf } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const STREAM = 'numbers';
/** The default of the client. */
const MAX_PENDING = 10_000;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Emits all values in this turn, in order. Resolves when each has an outcome. */
async function burst(client: ClientProxy, values: readonly unknown[]): Promise<unknown[]> {
  const calls = values.map((value) => outcomeOf(lastValueFrom(client.emit(STREAM, value), { defaultValue: true })));
  return within(20_000, 'the outcomes', Promise.all(calls));
}

const failed = (outcomes: readonly unknown[]): unknown[] =>
  outcomes.filter((outcome) => typeof outcome === 'object' && outcome !== null && 'error' in outcome);

export const publishOrder: Topic = (stage) => {
  async function stored<T = number>(): Promise<T[]> {
    return (await entriesOf(stage.at(STREAM), STREAM)).map(({ fields }) => JSON.parse(String(fields['data'])) as T);
  }

  describe('events of one client to one stream', () => {
    it.each([2, 128, 129, 130, 257, 1_000])(
      'of one turn, %d of them, are stored in order by a Redis without cached scripts',
      async (count) => {
        await stage.at(STREAM).script('FLUSH');
        const client = stage.client();
        await client.connect();
        expect(failed(await burst(client, numbers(count)))).toEqual([]);
        expect(await stored()).toEqual(numbers(count));
      },
    );

    it('are stored in order when they are emitted before the connection is ready', async () => {
      await stage.at(STREAM).script('FLUSH');
      expect(failed(await burst(stage.client(), numbers(513)))).toEqual([]);
      expect(await stored()).toEqual(numbers(513));
    });

    it('are stored in order with several turns in flight', async () => {
      await stage.at(STREAM).script('FLUSH');
      const client = stage.client();
      await client.connect();
      const calls: Promise<unknown>[] = [];
      for (let n = 0; n < 2_000;) {
        for (const end = n + 1 + (n % 7); n < end; n += 1) calls.push(outcomeOf(tell(client, STREAM, n)));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(failed(await Promise.all(calls))).toEqual([]);
      const order = await stored();
      expect(order).toEqual(numbers(order.length));
    });

    it('are stored in order for a user without the right to run scripts', async () => {
      const client = stage.client({}, await stage.login('plain', '+@all', '-eval', '-evalsha'));
      await client.connect();
      expect(failed(await burst(client, numbers(1_001)))).toEqual([]);
      expect(await stored()).toEqual(numbers(1_001));
    });

    it('are stored in order although some are much larger than others', async () => {
      const client = stage.client();
      await client.connect();
      const values = numbers(300).map((n) => ({ n, text: 'x'.repeat(n % 50 === 7 ? 100_000 : n) }));
      expect(failed(await burst(client, values))).toEqual([]);
      expect((await stored<{ n: number }>()).map(({ n }) => n)).toEqual(numbers(300));
    });

    it('are sent in scripts of about 64 kB, and large ones without a script', async () => {
      const client = stage.client();
      await client.connect();
      await burst(client, [1, 2]);
      const before = await callsOf(stage.at(STREAM), 'evalsha');
      await burst(
        client,
        numbers(64).map(() => 'x'.repeat(4_000)),
      );
      const scripts = (await callsOf(stage.at(STREAM), 'evalsha')) - before;
      expect(scripts).toBeGreaterThanOrEqual(4);
      expect(scripts).toBeLessThanOrEqual(6);
      await burst(
        client,
        numbers(20).map(() => 'x'.repeat(20_000)),
      );
      expect(await callsOf(stage.at(STREAM), 'evalsha')).toBe(before + scripts);
    });

    it('that are confirmed are in order while the connection is lost repeatedly', async () => {
      const client = stage.client();
      await client.connect();
      const outcomes: { n: number; outcome: unknown }[] = [];
      const calls: Promise<void>[] = [];
      let isOver = false;
      const troubled = (async () => {
        for (let round = 0; round < 12; round += 1) {
          await new Promise((resolve) => setTimeout(resolve, 60));
          // In one step, as in a restart: between the two nothing is promised.
          const trouble = stage.at(STREAM).multi().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
          await (round % 3 === 0 ? trouble.script('FLUSH') : trouble).exec();
        }
        isOver = true;
      })();
      for (let n = 0; !isOver;) {
        // A client that is without Redis for long refuses what is more than `maxPending`.
        const isTooFast = calls.length - outcomes.length > MAX_PENDING / 2;
        for (const end = n + (isTooFast ? 0 : 150); n < end; n += 1) {
          const own = n;
          calls.push(outcomeOf(tell(client, STREAM, own)).then((outcome) => void outcomes.push({ n: own, outcome })));
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await troubled;
      await within(20_000, 'the outcomes', Promise.all(calls));
      const order = await stored();
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(new Set(order).size).toBe(order.length);
      const confirmed = outcomes.filter(({ outcome }) => 'value' in (outcome as object)).map(({ n }) => n);
      expect(confirmed.length).toBeGreaterThan(100);
      expect(confirmed.filter((n) => !order.includes(n))).toEqual([]);
      const errors = failed(outcomes.map(({ outcome }) => outcome)) as { error: unknown }[];
      const unexpected = errors
        .map(({ error }) => error)
        .filter((error) => !(error instanceof PublishOutcomeUnknownError));
      expect(new Set(unexpected.map(String))).toEqual(new Set());
    }, 40_000);

    it('fail in time when Redis goes silent at the first of them', async () => {
      const proxy = await stage.proxied();
      const client = stage.client({ publishTimeout: 300 }, proxy.connection);
      await client.connect();
      proxy.set({ kind: 'blackhole', direction: 'both' });
      const started = performance.now();
      const outcomes = await burst(client, numbers(300));
      expect(performance.now() - started).toBeLessThan(1_000);
      const codes = failed(outcomes).map((outcome) => (outcome as { error: { code: string } }).error.code);
      expect(codes).toHaveLength(300);
      expect(new Set(codes)).toEqual(new Set(['PUBLISH_OUTCOME_UNKNOWN', 'TRANSPORT_UNAVAILABLE']));
      // Messages that only waited for the first batch were never sent, and their errors say so.
      const unsent = numbers(300).filter((n) => codes[n] === 'TRANSPORT_UNAVAILABLE');
      proxy.heal();
      await eventually(() => tell(client, STREAM, 'after'));
      expect((await stored()).filter((n) => unsent.includes(n))).toEqual([]);
    });
  });
};

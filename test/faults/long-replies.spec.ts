import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { Observable } from 'rxjs';
import type { Subscriber } from 'rxjs';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, failureOf } from '../support/calls.js';
import { eventually, within } from '../support/eventually.js';
import { liveBytes } from '../support/garbage.js';
import { repliesTo, writeRequest } from '../support/raw-request.js';
import type { RawRequest } from '../support/raw-request.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';
import type { Fields } from '../support/stream-view.js';

/** Maximum number of values of one reply that may wait to be sent. */
const MOST_WAITING = 10_000;
const NAMES_THE_BOUND = /10[,_. ]?000/;
/** Tens of milliseconds on an idle machine. */
const PROMPT_MS = 1_000;
const MB = 1_048_576;

const stage = useStage();
const sources: Source[] = [];

beforeEach(() => {
  sources.length = 0;
});

/** Counts what a handler produces, and records whether it was unsubscribed. */
class Source {
  produced = 0;
  isUnsubscribed = false;
  readonly values: Observable<string>;

  constructor(produce: (source: Source, subscriber: Subscriber<string>) => void) {
    sources.push(this);
    this.values = new Observable((subscriber) => {
      subscriber.add(() => (this.isUnsubscribed = true));
      produce(this, subscriber);
    });
  }

  next(subscriber: Subscriber<string>): void {
    this.produced += 1;
    subscriber.next(`value ${this.produced} ${'x'.repeat(100)}`);
  }
}

/** Emits `amount` values, `step` of them in each turn of the event loop. */
function pouring(amount: number, step: number): Observable<string> {
  return new Source((source, subscriber) => {
    const pour = (): void => {
      for (let n = 0; n < step && !subscriber.closed; n += 1) source.next(subscriber);
      if (source.produced >= amount) subscriber.complete();
      else if (!subscriber.closed) setImmediate(pour);
    };
    pour();
  }).values;
}

@Controller()
class Producer {
  /** As fast as possible, until the subscriber is closed. */
  @MessagePattern('flood')
  flood(@Payload() amount: number): Observable<string> {
    return new Source((source, subscriber) => {
      while (source.produced < amount && !subscriber.closed) source.next(subscriber);
      subscriber.complete();
    }).values;
  }

  /** More values in each turn of the event loop than Redis takes. */
  @MessagePattern('torrent')
  torrent(@Payload() amount: number): Observable<string> {
    return pouring(amount, 2_000);
  }

  /** Like `torrent`, for one of many replies. */
  @MessagePattern('brook')
  brook(@Payload() amount: number): Observable<string> {
    return pouring(amount, 300);
  }

  /** Far fewer values than Redis takes. */
  @MessagePattern('river')
  river(@Payload() amount: number): Observable<string> {
    return new Source((source, subscriber) => {
      const flow = async (): Promise<void> => {
        while (source.produced < amount && !subscriber.closed) {
          for (let n = 0; n < 200; n += 1) source.next(subscriber);
          await pause(20);
        }
        subscriber.complete();
      };
      void flow();
    }).values;
  }

  @MessagePattern('ping')
  ping(@Payload() data: unknown): unknown {
    return data;
  }
}

/** Requests without callers in this process, so that a test measures only the server. */
async function requestsFor(stream: string, amounts: readonly number[]): Promise<RawRequest[]> {
  const requests: RawRequest[] = [];
  for (const amount of amounts) requests.push(await writeRequest(stage.raw, stream, amount));
  stage.owns(() => stage.raw.del(...requests.map(({ replyStream }) => replyStream)));
  return requests;
}

/** Sends one ping after another until `isOver`, and returns the longest time, in milliseconds. */
async function slowestPing(client: RedisStreamClient, isOver: () => boolean): Promise<number> {
  let slowest = 0;
  for (let n = 0; n < 5 || !isOver(); n += 1) {
    const asked = performance.now();
    expect(await ask(client, 'ping', n)).toBe(n);
    slowest = Math.max(slowest, performance.now() - asked);
    await pause(5);
  }
  return slowest;
}

/** Waits for the last part of a reply. */
async function endOf(request: RawRequest): Promise<Fields> {
  return eventually(
    async () => {
      const last = (await repliesTo(stage.raw, request, 1)).at(-1);
      expect(last).toMatchObject({ last: '1' });
      return last as Fields;
    },
    { within: 40_000 },
  );
}

/** A client that has already sent a request. */
async function warmClient(): Promise<RedisStreamClient> {
  const client = stage.client();
  await ask(client, 'ping', 'warm');
  return client;
}

describe('a reply whose source is faster than Redis', () => {
  it.each(['flood', 'torrent'])(
    'fails for its caller with an error that names the bound, and unsubscribes its source: a %s',
    async (pattern) => {
      await stage.serve([Producer]);
      const [request] = (await requestsFor(pattern, [500_000])) as [RawRequest];
      expect(await endOf(request)).toMatchObject({ err: expect.stringMatching(NAMES_THE_BOUND) as string });
      const [source] = sources as [Source];
      expect(source.isUnsubscribed).toBe(true);
      expect(source.produced).toBeLessThan(500_000);
      if (pattern === 'flood') expect(source.produced).toBeLessThanOrEqual(MOST_WAITING + 1);
      await settled(stage.raw, pattern);
      expect(await stage.raw.xlen(pattern)).toBe(0);
    },
    60_000,
  );

  it('reaches a client as an ordinary error', async () => {
    await stage.serve([Producer]);
    const failure = await failureOf(
      within(
        20_000,
        'the end of the reply',
        new Promise((resolve, reject) => {
          stage
            .client()
            .send('flood', 500_000)
            .subscribe({ error: reject, complete: () => resolve(undefined) });
        }),
      ),
    );
    expect(failure).toMatchObject({ status: 'error', message: expect.stringMatching(NAMES_THE_BOUND) as string });
  }, 60_000);

  it('delays no other reply', async () => {
    await stage.serve([Producer]);
    const client = await warmClient();
    const [request] = (await requestsFor('torrent', [500_000])) as [RawRequest];
    let isOver = false;
    const end = endOf(request).finally(() => (isOver = true));
    expect(await slowestPing(client, () => isOver)).toBeLessThan(PROMPT_MS);
    await end;
  }, 60_000);

  it('uses no more memory than its bound allows', async () => {
    await stage.serve([Producer]);
    const before = liveBytes();
    const [request] = (await requestsFor('torrent', [500_000])) as [RawRequest];
    let isOver = false;
    const end = endOf(request).finally(() => (isOver = true));
    end.catch(() => undefined);
    do {
      expect((liveBytes() - before) / MB).toBeLessThan(60);
      await pause(200);
    } while (!isOver);
    await end;
  }, 60_000);
});

describe('long replies that stay below the bound', () => {
  it('take turns with others: twenty replies of 9,000 values delay no other reply', async () => {
    await stage.serve([Producer]);
    const client = await warmClient();
    const requests = await requestsFor(
      'flood',
      Array.from({ length: 20 }, () => 9_000),
    );
    let isOver = false;
    const ends = Promise.all(requests.map(endOf)).finally(() => (isOver = true));
    expect(await slowestPing(client, () => isOver)).toBeLessThan(PROMPT_MS);
    for (const { err } of await ends) expect(err).toBeUndefined();
  }, 60_000);

  it('are complete, however long they are, if Redis keeps up with their source', async () => {
    await stage.serve([Producer]);
    let count = 0;
    await within(
      30_000,
      'the end of the reply',
      new Promise((resolve, reject) => {
        stage
          .client()
          .send<string>('river', 3 * MOST_WAITING)
          .subscribe({ next: () => (count += 1), error: reject, complete: () => resolve(undefined) });
      }),
    );
    expect(count).toBe(3 * MOST_WAITING);
    expect(sources[0]?.produced).toBe(3 * MOST_WAITING);
  }, 60_000);

  it('keep the order of their values while they take turns', async () => {
    await stage.serve([Producer]);
    const requests = await requestsFor('flood', [3_000, 3_000, 3_000]);
    await Promise.all(requests.map(endOf));
    for (const request of requests) {
      const parts = await repliesTo(stage.raw, request);
      expect(parts.map(({ seq }) => Number(seq))).toEqual(parts.map((_, n) => n));
      expect(parts.filter(({ data }) => data !== undefined)).toHaveLength(3_000);
    }
  });
});

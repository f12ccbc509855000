import 'reflect-metadata';
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { Redis } from 'ioredis';
import type { DeadLetterListDto } from '../../apps/requestor/src/dead-letters/dead-letter.dto.js';
import { createHttpApp } from '../../apps/shared/http/http-app.js';
import { Environment } from '../../apps/shared/platform/environment.js';
import { ProviderModule } from '../../apps/sms-provider/src/provider.module.js';
import { readSettings } from '../../apps/sms-provider/src/settings.js';
import type { AppProcess } from '../../scripts/launcher/app-process.js';
import { eventually } from '../support/eventually.js';
import { EndlessAnswers, HttpServer } from '../support/http-server.js';
import { DemoStack } from './support/demo-stack.js';
import { get, inParallel, post } from './support/http.js';
import type { Answer } from './support/http.js';
import { phoneNumber, postSms, providerSent, smsStatus, untilStatus } from './support/sms-api.js';
import type { Receipt } from './support/sms-api.js';

const REFUSED_NUMBER = '+420600000000';
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const MAX_ATTEMPTS = 8;
const LEASE_MS = 2_000;
/** What a connection may buffer between a server that keeps writing and a client that has stopped reading. */
const MOST_BYTES_UNDER_WAY = 16 * 1_048_576;

/** A provider in this process, which starts faster than one of its own. */
const providerWith = async (failRate: number): Promise<Server> => {
  const settings = readSettings(new Environment({ FAIL_RATE: String(failRate) }));
  const app = await createHttpApp(ProviderModule.with(settings));
  return (await app.init()).getHttpServer();
};

describe('the SMS flow', () => {
  let stack: DemoStack;
  let redis: Redis;
  let provider: AppProcess;
  let base: string;

  beforeAll(async () => {
    stack = await DemoStack.start({
      requestors: 2,
      responders: 3,
      requestorEnv: { REQUEST_TIMEOUT_MS: '3000', PUBLISH_TIMEOUT_MS: '1000' },
      responderEnv: {
        LEASE_MS: String(LEASE_MS),
        MAX_ATTEMPTS: String(MAX_ATTEMPTS),
        RETRY_DELAY_MS: '100',
        RETRY_MAX_DELAY_MS: '800',
      },
    });
    provider = await stack.startProvider({ FAIL_NUMBERS: REFUSED_NUMBER });
    base = stack.requestor(0);
    redis = new Redis(stack.redisUrl);
    redis.on('error', () => undefined); // one of the tests kills Redis
  }, 60_000);

  afterAll(async () => {
    redis?.disconnect();
    await stack?.stop();
  }, 30_000);

  /** Number of calls that the provider gets while `act` runs. */
  const callsDuring = async (act: () => Promise<void>): Promise<{ calls: number; unique: number }> => {
    const before = await providerSent(stack.providerUrl);
    await act();
    const after = await providerSent(stack.providerUrl);
    return { calls: after.calls - before.calls, unique: after.unique - before.unique };
  };

  const nothingPending = (stream: string, group: string): Promise<void> =>
    eventually(async () => {
      const groups = (await redis.xinfo('GROUPS', stream)) as unknown[][];
      const fields = groups.find((each) => each[1] === group) ?? [];
      expect({ pending: fields[fields.indexOf('pending') + 1] }).toEqual({ pending: 0 });
    });

  /** The id of the dead letter of this SMS, once there is one. */
  const deadLetter = (uuid: string): Promise<string> =>
    eventually(
      async () => {
        const { body } = await get<DeadLetterListDto>(`${base}/dead-letters/SMS?order=newest`);
        const letter = body.letters.find((each) => each.uuid === uuid);
        if (!letter) throw new Error('No dead letter yet');
        return letter.id;
      },
      { within: 20_000, every: 50 },
    );

  const redrive = (letter: string): Promise<Answer<unknown>> => post(`${base}/dead-letters/SMS/${letter}/redrive`, {});

  /** Runs `act` while servers that it starts answer in place of the usual provider, one after the other. */
  const withServers = async (act: (serve: (server: Server) => Promise<void>) => Promise<void>): Promise<void> => {
    await provider.stop();
    let current: HttpServer | undefined;
    const stop = async (): Promise<void> => current?.stop();
    try {
      await act(async (server) => {
        await stop();
        current = await HttpServer.open(server, stack.providerPort);
      });
    } finally {
      await stop();
      provider = await stack.startProvider({ FAIL_NUMBERS: REFUSED_NUMBER });
    }
  };

  /** Runs `act` while a provider with this share of failures answers instead of the usual one. */
  const withProvider = (
    failRate: number,
    act: (swap: (rate: number) => Promise<void>) => Promise<void>,
  ): Promise<void> =>
    withServers(async (serve) => {
      const swap = async (rate: number): Promise<void> => serve(await providerWith(rate));
      await swap(failRate);
      await act(swap);
    });

  it('sends each of 200 messages once with three workers, and bills each once', async () => {
    const text = (index: number): string => `message ${index} ✓`;
    let receipts: Receipt[] = [];
    const made = await callsDuring(async () => {
      const answers = await inParallel(200, 16, (index) =>
        postSms(stack.requestor(index), phoneNumber(index), text(index)),
      );
      expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
      receipts = answers.map(({ body }) => body);
      await eventually(async () => expect((await providerSent(stack.providerUrl)).unique).toBe(200), {
        within: 20_000,
      });
      await nothingPending('SMS', 'sms-worker');
    });
    expect(made).toEqual({ calls: 200, unique: 200 });
    expect(new Set(receipts.map(({ uuid }) => uuid)).size).toBe(200);

    const { messages } = await providerSent(stack.providerUrl);
    const sentAs = new Map(messages.map((message) => [message.key, message]));
    for (const [index, { uuid, status }] of receipts.entries()) {
      expect(status).toBe('queued');
      expect(sentAs.get(uuid)).toMatchObject({ number: phoneNumber(index), text: text(index) });
    }
    await eventually(async () => expect(await redis.hlen('{sms}:ledger')).toBe(200));
    expect(await redis.hgetall('{sms}:ledger:totals')).toEqual({ messages: '200', cents: '1000' });

    const [first] = receipts;
    const status = await smsStatus(base, first?.uuid ?? '');
    expect(status).toMatchObject({ status: 'sent', attempts: 1, providerMessageId: expect.stringMatching(/^msg-/) });
  }, 60_000);

  it('bills an SMS once however often its success is announced', async () => {
    const totals = await redis.hgetall('{sms}:ledger:totals');
    const [uuid = ''] = await redis.hkeys('{sms}:ledger');
    const event = {
      uuid,
      number: phoneNumber(0),
      providerMessageId: 'msg-1',
      attempt: 1,
      at: new Date().toISOString(),
    };
    for (let i = 0; i < 10; i++) await redis.xadd('SMS_OK', '*', 'data', JSON.stringify(event));
    await nothingPending('SMS_OK', 'billing');
    expect(await redis.hgetall('{sms}:ledger:totals')).toEqual(totals);
  });

  it('answers 50 malformed bodies with 400 and field errors, stores nothing and stays healthy', async () => {
    const malformed: readonly unknown[] = [
      {},
      { number: '+420601123456' },
      { text: 'no number' },
      { number: '420601123456', text: 'no plus' },
      { number: '+0601123456', text: 'no such country' },
      { number: '+42060112345678901', text: 'too long a number' },
      { number: 420_601_123_456, text: 'a number that is none' },
      { number: '+420601123456', text: '' },
      { number: '+420601123456', text: 'x'.repeat(1_601) },
      { number: '+420601123456', text: { nested: true } },
      { number: ['+420601123456'], text: null },
      { number: '+420601123456', text: 'a NUL \u0000 in it' },
      { number: '+420601123456', text: '\u001b[31mred' },
      [],
      '{"number": "+420601123456", "text": "cut short',
    ];
    const length = await redis.xlen('SMS');
    const answers = await inParallel(50, 8, (index) =>
      post<{ errors?: object }>(`${stack.requestor(index)}/sms`, malformed[index % malformed.length]),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 400));
    expect(answers[0]?.body.errors).toEqual({ number: [expect.any(String)], text: [expect.any(String)] });
    expect(answers[7]?.body.errors).toEqual({ text: [expect.any(String)] });
    expect(await redis.xlen('SMS')).toBe(length);
    for (const each of stack.requestors) expect(await get(`${each}/health`)).toMatchObject({ status: 200 });
  });

  it('creates one SMS for one Idempotency-Key, on any requestor and for any number of calls at once', async () => {
    const headers = { 'idempotency-key': 'order-4711' };
    const made = await callsDuring(async () => {
      const answers = await inParallel(20, 20, (index) =>
        postSms(stack.requestor(index), phoneNumber(1), 'once', headers),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
      const uuids = new Set(answers.map(({ body }) => body.uuid));
      expect(uuids.size).toBe(1);
      const [uuid = ''] = uuids;
      expect(answers[0]?.headers.get('location')).toBe(`/sms/${uuid}`);
      await untilStatus(base, uuid, 'sent');
      await nothingPending('SMS', 'sms-worker');
    });
    expect(made).toEqual({ calls: 1, unique: 1 });
  });

  it('answers 422 to an Idempotency-Key that was used for another SMS, and stores nothing', async () => {
    const headers = { 'idempotency-key': 'order-4712' };
    const [number, text] = [phoneNumber(10), 'for one customer alone'];
    const { body: first } = await postSms(base, number, text, headers);
    await untilStatus(base, first.uuid, 'sent');
    const length = await redis.xlen('SMS');
    const others: readonly (readonly [string, string])[] = [
      [phoneNumber(11), text],
      [number, 'something else'],
      [phoneNumber(11), 'something else'],
    ];
    for (const [index, [otherNumber, otherText]] of others.entries()) {
      const { status, body } = await postSms(stack.requestor(index), otherNumber, otherText, headers);
      expect({ status, body }).toEqual({
        status: 422,
        body: {
          statusCode: 422,
          error: 'Unprocessable Entity',
          message: expect.stringContaining('Idempotency-Key was used for another'),
        },
      });
    }
    expect(await redis.xlen('SMS')).toBe(length);
    const again = await post<Receipt>(`${stack.requestor(1)}/sms`, { text, number, ignored: true }, headers);
    expect(again).toMatchObject({ status: 202, body: first });
    expect(await redis.xlen('SMS')).toBe(length);
  });

  it('honors an Idempotency-Key that an earlier version stored without a fingerprint', async () => {
    const message = { uuid: randomUUID(), number: phoneNumber(12), text: 'from before' };
    const name = createHash('sha256').update('order-4713').digest('hex');
    const fields = { message: JSON.stringify(message), state: 'published', until: '0' };
    await redis.hset(`{sms}:idempotency:${name}`, fields);
    const length = await redis.xlen('SMS');
    const answer = await postSms(base, message.number, message.text, { 'idempotency-key': 'order-4713' });
    expect(answer).toMatchObject({ status: 202, body: { ...message, status: 'queued' } });
    expect(await redis.xlen('SMS')).toBe(length);
  });

  it('gives up at once when the provider refuses', async () => {
    const { body } = await postSms(base, REFUSED_NUMBER, 'nobody home');
    const status = await untilStatus(base, body.uuid, 'failed');
    expect(status).toMatchObject({ attempts: 1, error: expect.stringContaining('422') });
    expect((await get(`${base}/key/${body.uuid}`)).body).toEqual({ uuid: body.uuid, value: 'FAIL' });
    await eventually(async () => expect(await redis.hexists('{sms}:failures', body.uuid)).toBe(1));
  });

  it(
    'retries while the provider is temporarily unavailable',
    () =>
      withProvider(1, async (swap) => {
        const { body } = await postSms(base, phoneNumber(2), 'patience');
        await eventually(async () => expect((await smsStatus(base, body.uuid)).attempts).toBeGreaterThanOrEqual(2));
        await swap(0);
        const { attempts } = await untilStatus(base, body.uuid, 'sent');
        expect(attempts).toBeGreaterThanOrEqual(3);
      }),
    30_000,
  );

  it(
    'gives up when all attempts are used up, and sends the SMS after all when its dead letter is redriven',
    () =>
      withProvider(1, async (swap) => {
        const { body } = await postSms(base, phoneNumber(3), 'in vain');
        const status = await untilStatus(base, body.uuid, 'failed');
        expect(status).toMatchObject({ attempts: MAX_ATTEMPTS, error: expect.stringContaining('503') });
        await nothingPending('SMS', 'sms-worker');
        await swap(0);
        expect(await redrive(await deadLetter(body.uuid))).toMatchObject({ status: 202 });
        expect(await untilStatus(base, body.uuid, 'sent')).toMatchObject({ attempts: 1 });
        await eventually(async () => expect(await redis.hexists('{sms}:ledger', body.uuid)).toBe(1));
      }),
    30_000,
  );

  it(
    'shows what a provider says without its control characters and without the number',
    () =>
      withServers(async (serve) => {
        const number = phoneNumber(9);
        const error = `${number} is blocked\n\u001b[31m[Nest] ERROR forged`;
        await serve(createServer((_request, response) => response.writeHead(422).end(JSON.stringify({ error }))));
        const { body } = await postSms(base, number, 'not taken');
        const status = await untilStatus(base, body.uuid, 'failed');
        expect(status.error).toBe(
          String.raw`the provider answered 422: … is blocked\u000a\u001b[31m[Nest] ERROR forged`,
        );
        await eventually(async () => {
          const failure = await redis.hget('{sms}:failures', body.uuid);
          expect(JSON.parse(failure ?? 'null')).toMatchObject({ number, reason: status.error });
        });
      }),
    30_000,
  );

  it(
    'bills an SMS that the provider accepts under an id of 60 kB, and stores the beginning of the id',
    () =>
      withServers(async (serve) => {
        const id = `msg-${'9'.repeat(60_000)}`;
        await serve(createServer((_request, response) => response.end(JSON.stringify({ id }))));
        const { body } = await postSms(base, phoneNumber(10), 'a long receipt');
        const status = await untilStatus(base, body.uuid, 'sent');
        expect(status.providerMessageId).toBe(`${id.slice(0, 199)}…`);
        await eventually(async () => expect(await redis.hexists('{sms}:ledger', body.uuid)).toBe(1));
      }),
    30_000,
  );

  it(
    'gives up on a provider that answers without an end, and goes on with another',
    () =>
      withServers(async (serve) => {
        const endless = new EndlessAnswers();
        await serve(createServer(endless.answer));
        const receipts = await inParallel(5, 5, (index) => postSms(base, phoneNumber(20 + index), 'endless'));
        for (const { body } of receipts) {
          const status = await untilStatus(base, body.uuid, 'failed');
          expect(status).toMatchObject({ attempts: MAX_ATTEMPTS, error: "the provider's answer exceeds 65536 bytes" });
        }
        expect(endless.bytes).toBeLessThan(receipts.length * MAX_ATTEMPTS * MOST_BYTES_UNDER_WAY);
        await serve(await providerWith(0));
        await untilStatus(base, (await postSms(base, phoneNumber(25), 'at last')).body.uuid, 'sent');
      }),
    60_000,
  );

  it('sends each change until the final status as a server-sent event', async () => {
    const { body } = await postSms(base, phoneNumber(4), 'watch me');
    const events = await get<string>(`${stack.requestor(1)}/sms/${body.uuid}/events`);
    expect(events.headers.get('content-type')).toContain('text/event-stream');
    const states = [...events.body.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Receipt);
    expect(states.at(-1)).toMatchObject({ uuid: body.uuid, status: 'sent' });
    expect(await get(`${base}/sms/${UNKNOWN}/events`)).toMatchObject({ status: 404 });
  });

  it('lists dead letters, and redrives one once its cause is fixed', async () => {
    const letters = `${base}/dead-letters/SMS_OK`;
    const announce = async (change: object): Promise<string> => {
      const uuid = randomUUID();
      const at = new Date().toISOString();
      const event = { uuid, number: phoneNumber(8), providerMessageId: 'msg-8', attempt: 1, at, ...change };
      await redis.xadd('SMS_OK', '*', 'data', JSON.stringify(event));
      return uuid;
    };
    const listed = (query: string): Promise<DeadLetterListDto> =>
      eventually(
        async () => {
          const { body } = await get<DeadLetterListDto>(`${letters}?${query}`);
          if (body.letters.length === 0) throw new Error('No dead letter yet');
          return body;
        },
        { within: 25_000, every: 50 },
      );
    expect(await get(letters)).toMatchObject({ status: 200, body: { letters: [], next: null } });

    const malformed = await announce({ number: 'call me' });
    const first = await listed('count=1');
    expect(first.letters).toEqual([
      {
        id: first.next,
        uuid: malformed,
        group: 'billing',
        reason: 'unrecoverable',
        error: expect.stringContaining('Invalid event'),
        attempts: 1,
        failedAt: expect.stringMatching(/Z$/),
      },
    ]);

    await redis.rename('{sms}:ledger', '{sms}:ledger.away');
    await redis.set('{sms}:ledger', 'no ledger');
    const uncharged = await announce({});
    const [letter] = (await listed(`after=${first.next}`)).letters;
    expect(letter).toMatchObject({ uuid: uncharged, reason: 'failed', attempts: MAX_ATTEMPTS + 5 });
    const [, fields] = (await redis.xrevrange('{SMS_OK}:dead', '+', '-', 'COUNT', 1))[0] ?? [];
    expect(fields?.[fields.indexOf('x-error') + 1]).toContain('WRONGTYPE');

    await redis.rename('{sms}:ledger.away', '{sms}:ledger');
    const redriven = await post(`${letters}/${letter?.id}/redrive`, {});
    expect(redriven).toMatchObject({ status: 202, body: { id: letter?.id, status: 'redriven' } });
    await eventually(async () => expect(await redis.hexists('{sms}:ledger', uncharged)).toBe(1));
    await nothingPending('SMS_OK', 'billing');
    expect((await get<DeadLetterListDto>(letters)).body.letters.map(({ uuid }) => uuid)).toEqual([malformed]);

    for (const path of [`SMS_OK/${letter?.id}`, 'SMS_OK/nonsense', 'secret/1-1']) {
      expect(await post(`${base}/dead-letters/${path}/redrive`, {})).toMatchObject({ status: 404 });
    }
    expect(await get(`${base}/dead-letters/secret`)).toMatchObject({ status: 404 });
    expect(await get(`${letters}?count=101`)).toMatchObject({
      status: 400,
      body: { errors: { count: [expect.stringContaining('100')] } },
    });
    const { body: api } = await get<{ paths: object }>(`${base}/docs-json`);
    expect(Object.keys(api.paths)).toEqual(
      expect.arrayContaining(['/dead-letters/{stream}', '/dead-letters/{stream}/{id}/redrive']),
    );
  }, 60_000);

  it('returns nothing for a key that is not an SMS', async () => {
    await redis.mset('secret', 'top secret', UNKNOWN, 'top secret');
    for (const key of ['secret', UNKNOWN, 'SMS', '%7Bsms%7D%3Aledger']) {
      expect((await get(`${base}/key/${key}`)).body).toEqual({ uuid: decodeURIComponent(key), value: null });
    }
    expect(await get(`${base}/sms/${UNKNOWN}`)).toMatchObject({ status: 404 });
    expect(await get(`${base}/sms/secret`)).toMatchObject({ status: 404 });
  });

  it('keeps messages that it accepts while all workers are dead, and sends them when workers are back', async () => {
    const made = await callsDuring(async () => {
      await stack.killResponders();
      const answers = await inParallel(20, 4, (index) =>
        postSms(stack.requestor(index), phoneNumber(index), `late ${index}`),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
      const uuids = answers.map(({ body }) => body.uuid);
      expect(await get(`${base}/sms/${uuids[0]}`)).toMatchObject({ status: 504 });
      expect((await get(`${base}/key/${uuids[0]}`)).body).toEqual({ uuid: uuids[0], value: null });

      await stack.startResponders();
      for (const uuid of uuids) await untilStatus(base, uuid, 'sent');
      await nothingPending('SMS', 'sms-worker');
    });
    expect(made).toEqual({ calls: 20, unique: 20 });
  }, 60_000);

  it('sends a message that a worker was sending when it was killed', async () => {
    await provider.stop();
    provider = await stack.startProvider({ LATENCY_MS: '1500' });
    const { body } = await postSms(base, phoneNumber(5), 'in flight');
    await untilStatus(base, body.uuid, 'sending');
    await stack.killResponders();
    await stack.startResponders();
    const { attempts } = await untilStatus(base, body.uuid, 'sent');
    expect(attempts).toBe(2);
    expect((await providerSent(stack.providerUrl)).unique).toBe(1);
  }, 60_000);

  it('sends a dead letter that is redriven after its entry has been trimmed', async () => {
    await provider.stop();
    provider = await stack.startProvider({ LATENCY_MS: '60000' });
    const { body } = await postSms(base, phoneNumber(13), 'in the end');
    await untilStatus(base, body.uuid, 'sending');
    await stack.killResponders();
    // As if each of its attempts had killed its worker.
    const [[id, consumer] = ['', '']] = (await redis.xpending('SMS', 'sms-worker', '-', '+', 1)) as [string, string][];
    await redis.xclaim('SMS', 'sms-worker', consumer, 0, id, 'RETRYCOUNT', MAX_ATTEMPTS + 5, 'JUSTID');
    await provider.stop('SIGKILL');
    provider = await stack.startProvider({ FAIL_NUMBERS: REFUSED_NUMBER });
    await stack.startResponders();
    const letter = await deadLetter(body.uuid);
    await redis.xtrim('SMS', 'MAXLEN', 0);
    expect(await redrive(letter)).toMatchObject({ status: 202 });
    await untilStatus(base, body.uuid, 'sent');
  }, 60_000);

  it('answers 503 while Redis is down, and recovers with all its data', async () => {
    const [known = ''] = await redis.hkeys('{sms}:ledger');
    await stack.killRedis();
    await Promise.all(
      stack.requestors.map(async (each) => {
        const key = { 'idempotency-key': 'order-4714' };
        const answers = [
          await postSms(each, phoneNumber(6), 'nowhere to go'),
          await postSms(each, phoneNumber(6), 'nowhere to go', key),
          await get(`${each}/sms/${known}`),
          await get(`${each}/key/${known}`),
        ];
        for (const { status, body } of answers) {
          // Own words: errors of the Redis client name addresses and commands.
          expect({ status, body }).toEqual({
            status: 503,
            body: {
              statusCode: 503,
              error: 'Service Unavailable',
              message: expect.stringMatching(/^Redis [A-Za-z ,;:-]+$/),
            },
          });
        }
        expect(await get(`${each}/health`)).toMatchObject({
          status: 503,
          body: { mode: 'health', status: 'down', statusCode: 503, message: 'Redis does not answer' },
        });
      }),
    );
    await stack.restartRedis();
    await eventually(async () => expect(await get(`${base}/health`)).toMatchObject({ status: 200 }));
    const { status, body } = await postSms(base, phoneNumber(7), 'back again');
    expect(status).toBe(202);
    await untilStatus(base, body.uuid, 'sent');
    expect(await smsStatus(base, known)).toMatchObject({ status: 'sent' });
  }, 60_000);
});

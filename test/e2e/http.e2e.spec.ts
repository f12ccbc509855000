import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { lastValueFrom } from 'rxjs';
import { StreamController } from '../../apps/requestor/src/demo/stream.controller.js';
import { StreamModule } from '../../apps/requestor/src/demo/stream.module.js';
import { SETTINGS, readSettings } from '../../apps/requestor/src/settings.js';
import { STREAM_NOTE } from '../../apps/shared/contracts/demo/demo.patterns.js';
import type { ErrorBody } from '../../apps/shared/http/error.filter.js';
import { Environment } from '../../apps/shared/platform/environment.js';
import { SettingsModule } from '../../apps/shared/platform/settings.module.js';
import { DemoStack } from './support/demo-stack.js';
import { get, post, send } from './support/http.js';
import type { Answer, RawRequest } from './support/http.js';

const DRAFT = { name: 'Spring sale', subject: 'Sale', body: 'Half price until Sunday.' };
const JSON_DRAFT = JSON.stringify(DRAFT);
const FORM_DRAFT = new URLSearchParams(DRAFT).toString();
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const EVIL = 'http://evil.example';
const ALLOWED = 'gateway.test';

describe('the HTTP side of the requestor', () => {
  let stack: DemoStack;
  let redis: Redis;
  let base: string;
  let port: string;

  beforeAll(async () => {
    stack = await DemoStack.start({
      requestors: 1,
      responders: 0,
      requestorEnv: { ALLOWED_HOSTS: `other.test, ${ALLOWED}`, REQUEST_TIMEOUT_MS: '500' },
    });
    base = stack.requestor(0);
    ({ port } = new URL(base));
    redis = new Redis(stack.redisUrl);
  }, 60_000);

  afterAll(async () => {
    redis?.disconnect();
    await stack?.stop();
  }, 30_000);

  /** Number of campaigns that `act` has started. */
  const started = async (act: () => Promise<void>): Promise<number> => {
    const before = await redis.xlen('campaign');
    await act();
    return (await redis.xlen('campaign')) - before;
  };

  const submit = (headers: Record<string, string>, body = JSON_DRAFT): Promise<Answer<ErrorBody>> =>
    send<ErrorBody>(`${base}/api/v1/campaigns`, { headers: { 'content-type': JSON_TYPE, ...headers }, body });

  it.each<[string, Record<string, string>]>([
    ['a form of another site', { origin: EVIL, 'sec-fetch-site': 'cross-site', 'content-type': FORM_TYPE }],
    ['plain text of another site', { origin: EVIL, 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' }],
    ['JSON of another site', { origin: EVIL, 'sec-fetch-site': 'cross-site' }],
    ['a browser that sends no Sec-Fetch-Site', { origin: EVIL }],
    ['a sandboxed page', { origin: 'null' }],
    ['another port of this host', { 'sec-fetch-site': 'same-site' }],
    ['another port of this host in a browser without Sec-Fetch-Site', { origin: 'http://127.0.0.1:1' }],
    ['two values of Sec-Fetch-Site', { 'sec-fetch-site': 'same-origin, cross-site' }],
  ])('answers 403 to %s, and starts nothing', async (_, headers) => {
    const made = await started(async () => {
      expect(await submit(headers)).toMatchObject({
        status: 403,
        body: { statusCode: 403, error: 'Forbidden', message: expect.stringContaining('other sites') },
      });
    });
    expect(made).toBe(0);
  });

  it.each([
    [FORM_TYPE, FORM_DRAFT],
    [FORM_TYPE, ''],
    ['text/plain', JSON_DRAFT],
    ['text/plain; application/json', JSON_DRAFT],
    ['multipart/form-data; boundary=x', JSON_DRAFT],
    ['application/jsonp', JSON_DRAFT],
  ])('answers 415 to a body of the type %s, and starts nothing', async (type, body) => {
    const made = await started(async () => {
      expect(await submit({ 'content-type': type }, body)).toMatchObject({
        status: 415,
        body: { statusCode: 415, error: 'Unsupported Media Type', message: expect.stringContaining(JSON_TYPE) },
      });
    });
    expect(made).toBe(0);
  });

  it('answers 415 to a body without a type', async () => {
    const answer = await send(`${base}/api/v1/campaigns`, { body: JSON_DRAFT });
    expect(answer).toMatchObject({ status: 415 });
  });

  it('answers 421 to a host that it does not serve, whatever the request', async () => {
    const requests: readonly [string, RawRequest][] = [
      ['', { method: 'GET' }],
      ['docs', { method: 'GET' }],
      ['health', { method: 'GET' }],
      ['api/v1/campaign/create', { method: 'GET' }],
      ['api/v1/campaigns', { headers: { 'content-type': JSON_TYPE }, body: JSON_DRAFT }],
    ];
    const made = await started(async () => {
      for (const [path, request] of requests) {
        for (const host of ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example:${port}`]) {
          const headers = { ...request.headers, host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
          expect(await send(`${base}/${path}`, { ...request, headers })).toMatchObject({
            status: 421,
            body: { statusCode: 421, error: 'Misdirected Request', message: expect.stringContaining('ALLOWED_HOSTS') },
          });
        }
      }
    });
    expect(made).toBe(0);
  });

  it('is no different in this from the SMS provider, which lists phone numbers and texts', async () => {
    await stack.startProvider({ ALLOWED_HOSTS: 'sms-provider' });
    const hosts = { 'evil.example': 421, [`evil.example:${stack.providerPort}`]: 421, 'sms-provider': 200 };
    for (const [host, status] of Object.entries(hosts)) {
      expect(await send(`${stack.providerUrl}/sent`, { method: 'GET', headers: { host } })).toMatchObject({ status });
    }
    const headers = { 'content-type': JSON_TYPE, 'idempotency-key': 'a', origin: EVIL };
    const sms = JSON.stringify({ number: '+420601123456', text: 'Sale' });
    expect(await send(`${stack.providerUrl}/send`, { headers, body: sms })).toMatchObject({ status: 403 });
    expect(await get(`${stack.providerUrl}/sent`)).toMatchObject({ status: 200, body: { unique: 0 } });
  });

  it('serves its own pages, programs, and the hosts of ALLOWED_HOSTS', async () => {
    const allowed: readonly Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'same-origin', origin: base },
      { host: `localhost:${port}`, 'sec-fetch-site': 'same-origin', origin: `http://localhost:${port}` },
      { host: `[::1]:${port}`, origin: `http://[::1]:${port}` },
      { host: ALLOWED, 'sec-fetch-site': 'same-origin', origin: `https://${ALLOWED}` },
      { host: ALLOWED.toUpperCase(), 'content-type': 'Application/JSON; charset=utf-8' },
    ];
    const made = await started(async () => {
      for (const headers of allowed) expect(await submit(headers)).toMatchObject({ status: 202 });
    });
    expect(made).toBe(allowed.length);
  });

  it('starts a campaign on the old GET route for its own pages alone', async () => {
    const create = (path: string, site: string, method = 'GET'): Promise<Answer<unknown>> =>
      send(`${base}/${path}`, { method, headers: { 'sec-fetch-site': site } });
    const path = 'api/v1/campaign/create';
    const refused = await started(async () => {
      for (const each of [path, 'API/v1/Campaign/create', `${path}/`, `${path}?a=b`]) {
        expect(await create(each, 'cross-site')).toMatchObject({ status: 403 });
      }
      // The router takes no encoded letters.
      expect(await create('api/v1/campaign/%63reate', 'cross-site')).toMatchObject({ status: 404 });
      expect(await create(path, 'same-site')).toMatchObject({ status: 403 });
      expect(await create(path, 'cross-site', 'HEAD')).toMatchObject({ status: 403 });
    });
    expect(refused).toBe(0);
    const looked = await started(async () => {
      const head = await create(path, 'none', 'HEAD');
      expect(head).toMatchObject({ status: 405 });
      expect(head.headers.get('allow')).toBe('GET');
    });
    expect(looked).toBe(0);
    const made = await started(async () => {
      for (const site of ['none', 'same-origin']) expect(await create(path, site)).toMatchObject({ status: 202 });
      expect(await get(`${base}/${path}`)).toMatchObject({ status: 202 });
    });
    expect(made).toBe(3);
  });

  it('answers 400 to an order with a body that is no JSON, and to a path that cannot be decoded', async () => {
    const answer = { status: 400, body: { statusCode: 400, error: 'Bad Request', message: expect.any(String) } };
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect(await post(`${base}/api/v1/campaigns/${unknown}/pause`, '{"cut short')).toMatchObject(answer);
    expect(await send(`${base}/sms/%E0%A4%A`, { method: 'GET' })).toMatchObject(answer);
  });

  it('takes orders without a body, but not from forms', async () => {
    const redrive = `${base}/dead-letters/SMS/redrive`;
    expect(await send(redrive, {})).toMatchObject({ status: 202, body: { redriven: 0 } });
    expect(await post(redrive, {})).toMatchObject({ status: 202, body: { redriven: 0 } });
    expect(await send(redrive, { headers: { 'content-type': FORM_TYPE } })).toMatchObject({ status: 415 });
    expect(await send(redrive, { headers: { origin: EVIL } })).toMatchObject({ status: 403 });
  });

  it.each(['sms', 'api/v1/campaigns', 'stream/echo', 'stream/emit'])(
    'answers 400 to a body of 40,000 nested arrays at /%s',
    async (path) => {
      const nested = `${'['.repeat(40_000)}${']'.repeat(40_000)}`;
      for (const body of [nested, `{"number":"+420601123456","text":${nested}}`]) {
        expect(await post(`${base}/${path}`, body)).toMatchObject({
          status: 400,
          body: { statusCode: 400, error: 'Bad Request', message: 'The body is nested deeper than 32 levels' },
        });
      }
    },
  );

  it('answers every error with a status, its name and a sentence', async () => {
    const unknown = '00000000-0000-4000-8000-000000000000';
    const answers = {
      400: await post<ErrorBody>(`${base}/sms`, '{"number": "+420601123456", "text": "cut short'),
      404: await get<ErrorBody>(`${base}/nowhere`),
      413: await post<ErrorBody>(`${base}/sms`, JSON.stringify({ text: 'x'.repeat(200_000) })),
      504: await get<ErrorBody>(`${base}/sms/${unknown}`),
    };
    for (const [status, { body, ...answer }] of Object.entries(answers)) {
      expect({ status: answer.status, code: body.statusCode }).toEqual({
        status: Number(status),
        code: Number(status),
      });
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(body).toEqual({
        statusCode: expect.any(Number),
        error: expect.stringMatching(/^[A-Z]/),
        message: expect.any(String),
      });
    }
  });

  it('limits the events that anyone can emit to 4 kB', async () => {
    expect(await post(`${base}/stream/emit`, { note: 'x'.repeat(4_000) })).toMatchObject({ status: 202 });
    expect(await post(`${base}/stream/emit`, { note: 'x'.repeat(4_100) })).toMatchObject({ status: 413 });
  });

  it('answers 504 to a request of the demo that no responder takes, and 400 to one without a body', async () => {
    for (const path of ['object', 'array', 'empty', 'tally']) {
      expect(await get(`${base}/stream/${path}`)).toMatchObject({ status: 504, body: { error: 'Gateway Timeout' } });
    }
    expect(await post(`${base}/stream/echo`, {})).toMatchObject({ status: 504 });
    const events = await redis.xlen(STREAM_NOTE);
    for (const path of ['echo', 'emit']) {
      expect(await send(`${base}/stream/${path}`, {})).toMatchObject({
        status: 400,
        body: { statusCode: 400, error: 'Bad Request', message: 'The request has no body' },
      });
    }
    expect(await redis.xlen(STREAM_NOTE)).toBe(events);
  });

  it('uses the database that the URL of Redis names, in the demo, too', async () => {
    const settings = readSettings(new Environment({ REDIS_URL: `${stack.redisUrl}/3` }));
    const imports = [SettingsModule.of(SETTINGS, settings), StreamModule];
    const app = await NestFactory.createApplicationContext({ module: class Demo {}, imports }, { logger: false });
    try {
      await lastValueFrom(app.get(StreamController).emit({ note: 'hello' }), { defaultValue: undefined });
    } finally {
      await app.close();
    }
    const third = redis.duplicate({ db: 3 });
    expect(await third.keys('*')).toContain(STREAM_NOTE);
    third.disconnect();
  });

  it('sends headers that restrict what a browser does with a response', async () => {
    const answers = [
      await get(base),
      await get(`${base}/health`),
      await get(`${base}/nowhere`),
      await send(base, { method: 'GET', headers: { host: 'evil.example' } }),
      await get(`${base}/docs`),
      await get(`${base}/docs/swagger-ui.css`),
    ];
    for (const { headers } of answers) {
      expect(headers.get('content-security-policy')).toMatch(/default-src 'self'.*frame-ancestors 'none'/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('x-powered-by')).toBeNull();
    }
    const [page, , , , docs] = answers.map(({ headers }) => headers.get('content-security-policy'));
    expect(page).not.toContain('unsafe');
    expect(docs).toContain("style-src 'self' 'unsafe-inline'");
  });
});

import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import type { ErrorBody } from '../../../apps/shared/http/error.filter.js';
import { createHttpApp } from '../../../apps/shared/http/http-app.js';
import { Environment } from '../../../apps/shared/platform/environment.js';
import { ProviderModule } from '../../../apps/sms-provider/src/provider.module.js';
import { readSettings } from '../../../apps/sms-provider/src/settings.js';
import { HttpServer } from '../../support/http-server.js';

const SMS = { number: '+420601123456', text: 'Hello ✓' };
const REFUSED = '+420600000000';

describe('the SMS provider', () => {
  const running: (readonly [app: INestApplication, server: HttpServer])[] = [];

  afterEach(async () => {
    for (const [app, server] of running.splice(0)) {
      await server.stop();
      await app.close();
    }
  });

  const start = async (variables: Readonly<Record<string, string>> = {}): Promise<string> => {
    const app = await createHttpApp(ProviderModule.with(readSettings(new Environment(variables))));
    const server = await HttpServer.open((await app.init()).getHttpServer(), 0);
    running.push([app, server]);
    return server.url;
  };

  const send = async (
    url: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = { 'idempotency-key': 'a' },
  ): Promise<{ readonly status: number; readonly body: Readonly<Record<string, string>> }> => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const type = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/send`, { method: 'POST', headers: { ...type, ...headers }, body: text });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };

  it('sends one message for each idempotency key, and lists the messages', async () => {
    const url = await start();
    const first = await send(url, SMS);
    expect(first).toEqual({ status: 200, body: { id: expect.stringMatching(/^msg-[\w-]{36}$/) } });
    expect(await send(url, { ...SMS, text: 'repeated' })).toEqual(first);
    const response = await fetch(`${url}/sent`);
    expect(await response.json()).toEqual({
      calls: 2,
      unique: 1,
      messages: [{ ...SMS, id: first.body['id'], key: 'a', at: expect.stringMatching(/Z$/) }],
    });
    expect([...response.headers.keys()].sort()).toEqual([
      'connection',
      'content-length',
      'content-type',
      'date',
      'keep-alive',
    ]);
  });

  const nested = `{"number":"1","text":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;

  it.each<[string, unknown, number, string]>([
    ['a message without a text', { number: '1' }, 400, 'Validation failed'],
    ['a number that is no text', { number: 1, text: 'x' }, 400, 'Validation failed'],
    ['a list', [SMS], 400, 'Validation failed'],
    ['JSON that is cut short', '{"number":', 400, 'JSON'],
    ['a body that is nested deeply', nested, 400, 'nested deeper'],
    ['a body of more than 64 kB', { ...SMS, text: 'x'.repeat(65_536) }, 413, 'too large'],
    ['a number that cannot receive SMS', { ...SMS, number: REFUSED }, 422, `${REFUSED} cannot receive SMS`],
  ])('refuses %s with the body that every error has, and goes on', async (_what, body, status, message) => {
    const url = await start({ FAIL_NUMBERS: REFUSED });
    const refused = await send(url, body);
    expect(refused).toMatchObject({
      status,
      body: { statusCode: status, error: expect.any(String), message: expect.stringContaining(message) },
    });
    expect(await send(url, SMS)).toMatchObject({ status: 200 });
  });

  it('refuses a call without an idempotency key', async () => {
    const body: ErrorBody = {
      statusCode: 400,
      error: 'Bad Request',
      message: 'The header Idempotency-Key is missing',
    };
    expect(await send(await start(), SMS, {})).toEqual({ status: 400, body });
  });

  it('is temporarily unavailable as often as it is set to be', async () => {
    expect(await send(await start({ FAIL_RATE: '1' }), SMS)).toMatchObject({
      status: 503,
      body: { statusCode: 503, error: 'Service Unavailable', message: expect.stringContaining('try again') },
    });
  });

  it('has no other routes', async () => {
    const url = await start();
    for (const path of ['', 'send', 'elsewhere']) expect((await fetch(`${url}/${path}`)).status).toBe(404);
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ mode: 'health', status: 'up' });
  });
});

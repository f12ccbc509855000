import 'reflect-metadata';
import type { IncomingMessage, RequestListener } from 'node:http';
import { Environment } from '../../../apps/shared/platform/environment.js';
import { MAX_OUTSIDE_CHARACTERS } from '../../../apps/shared/platform/outside-text.js';
import { readSettings } from '../../../apps/responder/src/settings.js';
import { SmsGateway, SmsNotTakenError, SmsRefusedError } from '../../../apps/responder/src/sms/sms-gateway.js';
import { failureOf } from '../../support/calls.js';
import { eventually, within } from '../../support/eventually.js';
import { amidCollections } from '../../support/garbage.js';
import { EndlessAnswers, HttpServer } from '../../support/http-server.js';

const SMS = { uuid: '7f1c8a52-26c0-4f4b-9a2e-3f0a0f0e6b11', number: '+420601123456', text: 'Hello ✓' };
const CALL_TIMEOUT_MS = 400;

describe('the SMS gateway', () => {
  const servers: HttpServer[] = [];

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  const gatewayTo = async (answer: RequestListener): Promise<SmsGateway> => {
    const server = await HttpServer.start(answer);
    servers.push(server);
    const variables = { REDIS_URL: 'redis://127.0.0.1', ROLES: 'sms-worker', SMS_PROVIDER_URL: server.url };
    return new SmsGateway(
      readSettings(new Environment({ ...variables, SMS_CALL_TIMEOUT_MS: String(CALL_TIMEOUT_MS) })),
    );
  };

  const send = (gateway: SmsGateway): Promise<string> => gateway.send(SMS, new AbortController().signal);

  const answering =
    (status: number, body: string): RequestListener =>
    (_request, response) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);

  const saying = (status: number, error: string): RequestListener => answering(status, JSON.stringify({ error }));
  const naming = (id: unknown): RequestListener => answering(200, JSON.stringify({ id }));

  it('sends number and text under the uuid as idempotency key', async () => {
    const seen: unknown[] = [];
    const read = async (request: IncomingMessage): Promise<string> => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk;
      return body;
    };
    const gateway = await gatewayTo((request, response) => {
      void read(request).then((body) => {
        seen.push(request.method, request.url, request.headers['idempotency-key'], JSON.parse(body));
        response.end('{"id":"msg-1"}');
      });
    });
    expect(await send(gateway)).toBe('msg-1');
    expect(seen).toEqual(['POST', '/send', SMS.uuid, { number: SMS.number, text: SMS.text }]);
  });

  it('waits five seconds for the provider unless it is set otherwise', () => {
    const variables = { REDIS_URL: 'redis://127.0.0.1', ROLES: 'sms-worker', SMS_PROVIDER_URL: 'http://127.0.0.1' };
    expect(readSettings(new Environment(variables)).smsCallTimeoutMs).toBe(5_000);
  });

  it('frees the slots of five SMS to a provider that hangs, whatever the garbage collector collects', async () => {
    const gateway = await gatewayTo(() => undefined);
    const failures = Promise.all(Array.from({ length: 5 }, () => failureOf(send(gateway))));
    const reason = `no answer from the provider: it took longer than ${CALL_TIMEOUT_MS} ms`;
    for (const failure of await within(4_000, 'the end of the calls', amidCollections(failures))) {
      expect(failure).toEqual(new SmsNotTakenError(reason));
    }
  });

  it('stops at once when the run of the handler is aborted', async () => {
    const gateway = await gatewayTo(() => undefined);
    const run = new AbortController();
    const failure = failureOf(gateway.send(SMS, run.signal));
    await eventually(() => expect(servers[0]?.connections).toBe(1));
    run.abort(new Error('the lease is lost'));
    expect(await within(CALL_TIMEOUT_MS / 2, 'the end of the call', failure)).toEqual(
      new SmsNotTakenError('no answer from the provider: the lease is lost'),
    );
  });

  it('does not read an answer without an end', async () => {
    const endless = new EndlessAnswers();
    const gateway = await gatewayTo(endless.answer);
    const failure = await within(2_000, 'the end of the call', failureOf(send(gateway)));
    expect(failure).toEqual(new SmsNotTakenError("the provider's answer exceeds 65536 bytes"));
    await eventually(() => expect(servers[0]?.connections).toBe(0));
  });

  it('counts an SMS as sent under an id that is too long, which it clips', async () => {
    const id = await send(await gatewayTo(naming('9'.repeat(60_000))));
    expect(id).toBe(`${'9'.repeat(MAX_OUTSIDE_CHARACTERS - 1)}…`);
  });

  it('counts an SMS as sent under an id with control characters, which it escapes', async () => {
    expect(await send(await gatewayTo(naming('msg\n\u001b[2J\u0000')))).toBe(String.raw`msg\u000a\u001b[2J\u0000`);
  });

  it.each(['', 'OK', 'null', '[]', '{}', '"id"', '{"id":""}', '{"id":7}', '{"id":{"toString":"x"}}', '{"id":"cut sh'])(
    'does not count an SMS as sent when the provider answers 200 with %j',
    async (body) => {
      const failure = await failureOf(send(await gatewayTo(answering(200, body))));
      expect(failure).toEqual(new SmsNotTakenError('the provider answered 200 without an id'));
    },
  );

  it.each([
    ['a phone number', 'the number +420601123456 is blocked', 'the number … is blocked'],
    ['a phone number in groups', 'call (00420) 601 123-456, or 601.123.456', 'call (…, or …'],
    ['a forged line of the log', 'no\n[Nest] 1 - LOG all is well', String.raw`no\u000a[Nest] 1 - LOG all is well`],
    ['colors', '\u001b[31mred\u001b[0m', String.raw`\u001b[31mred\u001b[0m`],
    ['a novel', 'very '.repeat(1_000), `${'very '.repeat(40).slice(0, -1)}…`],
  ])("repeats the provider's error without %s", async (_what, error, expected) => {
    const failure = await failureOf(send(await gatewayTo(saying(422, error))));
    expect(failure).toEqual(new SmsRefusedError(`the provider answered 422: ${expected}`));
  });

  it("repeats the rest of the provider's error", async () => {
    const failure = await failureOf(
      send(await gatewayTo(saying(422, 'error 20003 – číslo neexistuje, 3 of 10 tries'))),
    );
    expect(failure).toHaveProperty(
      'message',
      'the provider answered 422: error 20003 – číslo neexistuje, 3 of 10 tries',
    );
  });

  it('prefers the message of an error to its name', async () => {
    const error = { statusCode: 422, error: 'Unprocessable Entity', message: 'the number is blocked' };
    const failure = await failureOf(send(await gatewayTo(answering(422, JSON.stringify(error)))));
    expect(failure).toEqual(new SmsRefusedError('the provider answered 422: the number is blocked'));
  });

  it.each([
    [400, SmsRefusedError],
    [422, SmsRefusedError],
    [302, SmsNotTakenError],
    [408, SmsNotTakenError],
    [429, SmsNotTakenError],
    [500, SmsNotTakenError],
    [503, SmsNotTakenError],
  ])('tells a refusal from a failure by the status: %d', async (status, kind) => {
    const failure = await failureOf(send(await gatewayTo(saying(status, 'no'))));
    expect(failure).toBeInstanceOf(kind);
    expect(failure).toHaveProperty('message', `the provider answered ${status}: no`);
  });
});

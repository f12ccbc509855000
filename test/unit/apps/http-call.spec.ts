import { getEventListeners } from 'node:events';
import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { AnswerTooLargeError, NoAnswerError, call } from '../../../apps/shared/platform/http-call.js';
import type { HttpAnswer } from '../../../apps/shared/platform/http-call.js';
import { freePort } from '../../../scripts/free-port.js';
import { failureOf } from '../../support/calls.js';
import { eventually, within } from '../../support/eventually.js';
import { amidCollections } from '../../support/garbage.js';
import { EndlessAnswers, HttpServer } from '../../support/http-server.js';
import { openResources } from '../../support/leak-check.js';

const MAX_BYTES = 65_536;
const LONG_MS = 60_000;
const SHORT_MS = 500;
const MB = 1_048_576;

const SILENCE: RequestListener = () => undefined;
const HALF_AN_ANSWER: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).write('{"id":');
};
const STALLS: readonly (readonly [string, RequestListener])[] = [
  ['before its answer', SILENCE],
  ['in the middle of its answer', HALF_AN_ANSWER],
];

describe('an HTTP call', () => {
  const servers: HttpServer[] = [];

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  const serving = async (answer: RequestListener): Promise<HttpServer> => {
    const server = await HttpServer.start(answer);
    servers.push(server);
    return server;
  };

  const ask = (server: HttpServer, timeoutMs = LONG_MS, signal?: AbortSignal): Promise<HttpAnswer> =>
    call(new URL(server.url), signal ? { signal } : {}, { timeoutMs, maxAnswerBytes: MAX_BYTES });

  it('returns the status and the body', async () => {
    const server = await serving(({ method, url }, response) => {
      response.writeHead(method === 'POST' ? 201 : 404).end(`${method} ${url}: příliš žluťoučký 🐎`);
    });
    const limits = { timeoutMs: LONG_MS, maxAnswerBytes: MAX_BYTES };
    expect(await call(new URL(`${server.url}/send`), { method: 'POST', body: 'text' }, limits)).toEqual({
      status: 201,
      isOk: true,
      body: 'POST /send: příliš žluťoučký 🐎',
    });
    expect(await ask(server)).toMatchObject({ status: 404, isOk: false });
  });

  it.each(STALLS)(
    'ends by its timer when the server stalls %s, whatever is collected meanwhile',
    async (_when, stall) => {
      const server = await serving(stall);
      const started = performance.now();
      const { signal } = new AbortController();
      const failures = Promise.all(Array.from({ length: 5 }, () => failureOf(ask(server, SHORT_MS, signal))));
      for (const failure of await within(5_000, 'the end of the calls', amidCollections(failures))) {
        expect(failure).toBeInstanceOf(NoAnswerError);
        expect(failure).toHaveProperty('message', 'it took longer than 500 ms');
      }
      expect(performance.now() - started).toBeGreaterThanOrEqual(SHORT_MS - 5);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
      await eventually(() => expect(server.connections).toBe(0));
    },
  );

  it.each(STALLS)('ends at once with its caller when the server stalls %s', async (_when, stall) => {
    const server = await serving(stall);
    const caller = new AbortController();
    const failure = amidCollections(failureOf(ask(server, LONG_MS, caller.signal)));
    await eventually(() => expect(server.connections).toBe(1));
    setTimeout(() => caller.abort(new Error('the lease is lost')), 300);
    expect(await within(2_000, 'the end of the call', failure)).toEqual(new NoAnswerError('the lease is lost'));
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
    await eventually(() => expect(server.connections).toBe(0));
  });

  it('is not made for a caller that has already given up', async () => {
    let calls = 0;
    const server = await serving(() => (calls += 1));
    const failure = await failureOf(ask(server, LONG_MS, AbortSignal.abort(new Error('the lease is lost'))));
    expect(failure).toEqual(new NoAnswerError('the lease is lost'));
    expect(calls).toBe(0);
  });

  it('leaves neither a timer nor a listener behind', async () => {
    const server = await serving((_request, response) => response.end('{}'));
    const { Timeout: timers = 0 } = openResources();
    const { signal } = new AbortController();
    for (let i = 0; i < 20; i++) await ask(server, LONG_MS, signal);
    await eventually(() => expect(openResources()['Timeout'] ?? 0).toBeLessThanOrEqual(timers));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends when the answer is too large, and closes the connection', async () => {
    const endless = new EndlessAnswers();
    const server = await serving(endless.answer);
    const before = process.memoryUsage().rss;
    const failures = Promise.all(Array.from({ length: 5 }, () => failureOf(ask(server))));
    for (const failure of await within(5_000, 'the end of the calls', failures)) {
      expect(failure).toBeInstanceOf(AnswerTooLargeError);
      expect(failure).toMatchObject({ message: 'the answer exceeds 65536 bytes', maxBytes: MAX_BYTES });
    }
    await eventually(() => expect(server.connections).toBe(0));
    // What was on its way when the calls ended: buffers of five sockets.
    expect(endless.bytes).toBeLessThan(64 * MB);
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * MB);
  });

  it('measures a compressed answer by what it becomes', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MB));
    const server = await serving((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    expect(await within(5_000, 'the end of the call', failureOf(ask(server)))).toBeInstanceOf(AnswerTooLargeError);
  });

  it.each([
    [MAX_BYTES, true],
    [MAX_BYTES + 1, false],
  ])('is allowed an answer of exactly the limit: %d bytes, %s', async (bytes, isAllowed) => {
    const server = await serving((_request, response) => response.end('x'.repeat(bytes)));
    if (isAllowed) expect((await ask(server)).body).toHaveLength(bytes);
    else expect(await failureOf(ask(server))).toBeInstanceOf(AnswerTooLargeError);
  });

  it.each<[string, RequestListener]>([
    ['hangs up', ({ socket }) => socket.destroy()],
    [
      'hangs up in the middle of its answer',
      ({ socket }, response) => response.writeHead(200).write('{', () => socket.destroy()),
    ],
    ['does not speak HTTP', ({ socket }) => socket.end('\u001b[31mHello\r\n\r\n')],
  ])('reports on one line that the server %s', async (_what, answer) => {
    const failure = await within(5_000, 'the end of the call', failureOf(ask(await serving(answer))));
    expect(failure).toBeInstanceOf(NoAnswerError);
    expect((failure as NoAnswerError).message).toMatch(/^\P{Cc}+$/u);
  });

  it.each(['127.0.0.1', 'localhost'])('names the reason if nothing listens on %s', async (host) => {
    const url = new URL(`http://${host}:${await freePort()}`);
    const failure = await failureOf(call(url, {}, { timeoutMs: LONG_MS, maxAnswerBytes: MAX_BYTES }));
    expect(failure).toBeInstanceOf(NoAnswerError);
    expect((failure as NoAnswerError).message).toContain('ECONNREFUSED');
  });
});

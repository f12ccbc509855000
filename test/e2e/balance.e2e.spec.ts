import { Redis } from 'ioredis';
import type { DemoReply } from '../../apps/shared/contracts/demo/demo.patterns.js';
import { eventually } from '../support/eventually.js';
import { DemoStack } from './support/demo-stack.js';
import { get, inParallel, post } from './support/http.js';

const REQUESTS = 200;
const EVENTS = 100;
/** A fair share is half; less than this means that one of the two instances is idle. */
const LEAST_SHARE = 0.1;

describe('two requestors and two responders', () => {
  let stack: DemoStack;

  beforeAll(async () => {
    stack = await DemoStack.start({ requestors: 2, responders: 2, responderEnv: { ROLES: 'billing' } });
  }, 60_000);

  afterAll(() => stack?.stop(), 30_000);

  it('answer with each shape of payload unchanged', async () => {
    const payloads = {
      object: { greeting: 'hello', nested: { list: [1, 'two', null, true] } },
      array: [1, 'two', { three: 3 }],
      empty: {},
    };
    for (const [shape, payload] of Object.entries(payloads)) {
      for (const base of stack.requestors) {
        const { status, body } = await get<DemoReply>(`${base}/stream/${shape}`);
        expect({ status, body }).toEqual({
          status: 200,
          body: { instance: expect.stringMatching(/^responder-[12]$/), payload },
        });
      }
    }
  });

  it('answer 502 when a responder fails', async () => {
    const tally = '{stream-demo}:tally';
    const redis = new Redis(stack.redisUrl);
    await redis.set(tally, 'no hash');
    try {
      expect(await get(`${stack.requestor(0)}/stream/tally`)).toMatchObject({
        status: 502,
        body: { statusCode: 502, error: 'Bad Gateway', message: 'The responder failed' },
      });
    } finally {
      await redis.del(tally);
      redis.disconnect();
    }
  });

  it('share the requests, and each reply reaches the requestor that sent the request', async () => {
    const answers = await inParallel(REQUESTS, 16, async (ticket) => {
      const { body } = await post<DemoReply>(`${stack.requestor(ticket)}/stream/echo`, { ticket });
      return body;
    });
    expect(answers.map(({ payload }) => payload)).toEqual(answers.map((_, ticket) => ({ ticket })));
    for (const name of ['responder-1', 'responder-2']) {
      const share = answers.filter(({ instance }) => instance === name).length / REQUESTS;
      expect(share).toBeGreaterThanOrEqual(LEAST_SHARE);
    }
  });

  it('handle each event once, whichever responder gets it', async () => {
    const answers = await inParallel(EVENTS, 16, (index) => post(`${stack.requestor(index)}/stream/emit`, { index }));
    expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
    await eventually(async () => {
      const { body } = await get<Record<string, number>>(`${stack.requestor(0)}/stream/tally`);
      expect(Object.values(body).reduce((sum, count) => sum + count, 0)).toBe(EVENTS);
      expect(Object.keys(body).sort()).toEqual(['responder-1', 'responder-2']);
    });
  });

  it('serve an API page and report that they are healthy', async () => {
    for (const [index, base] of stack.requestors.entries()) {
      const health = await get(`${base}/health`);
      expect(health).toMatchObject({
        status: 200,
        body: { mode: 'health', status: 'up', instance: `requestor-${index + 1}` },
      });
      expect(await get(`${base}/docs`)).toMatchObject({ status: 200, body: expect.stringContaining('swagger') });
      expect(await get(`${base}/docs-json`)).toMatchObject({
        body: { paths: { '/sms': { post: expect.anything() } } },
      });
    }
  });
});

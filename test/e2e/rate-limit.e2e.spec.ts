import { eventually } from '../support/eventually.js';
import { DemoStack } from './support/demo-stack.js';
import { get, inParallel } from './support/http.js';

const LIMIT = 20;
const FLOOD = 3 * LIMIT;

describe('a gateway that one address floods', () => {
  let stack: DemoStack;
  let base: string;

  beforeAll(async () => {
    stack = await DemoStack.start({ requestors: 1, responders: 0, requestorEnv: { RATE_LIMIT: String(LIMIT) } });
    base = stack.requestor(0);
  }, 60_000);

  afterAll(() => stack?.stop(), 30_000);

  const flood = async (): Promise<number[]> => {
    // Different routes: the limit is one for all of them.
    const paths = ['key/unknown', 'dead-letters', 'dead-letters/SMS'];
    const answers = await inParallel(FLOOD, FLOOD, (index) => get(`${base}/${paths[index % paths.length]}`));
    return answers.map(({ status }) => status);
  };

  it('answers 429 beyond the limit, says when to come back, and serves again then', async () => {
    const statuses = await flood();
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(LIMIT);
    expect(statuses).toContain(429);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));

    const refused = await get(`${base}/key/unknown`);
    expect(refused).toMatchObject({
      status: 429,
      body: { statusCode: 429, error: 'Too Many Requests', message: expect.stringContaining('too many requests') },
    });
    expect(refused.headers.get('retry-after')).toBe('1');
    await eventually(async () => expect(await get(`${base}/key/unknown`)).toMatchObject({ status: 200 }));
  });

  it('goes on serving its page, its health and its event streams', async () => {
    let isFlooding = true;
    const statuses: number[] = [];
    const flooding = (async () => {
      while (isFlooding) statuses.push(...(await flood()));
    })();
    for (const path of ['', 'page.css', 'docs', 'health']) {
      for (let i = 0; i < LIMIT; i++) {
        const { status } = await get(`${base}/${path}`);
        expect({ path, status }).toEqual({ path, status: 200 });
      }
    }
    expect(await get(`${base}/sms/unknown/events`)).toMatchObject({ status: 404 });
    isFlooding = false;
    await flooding;
    expect(statuses).toContain(429);
  });
});

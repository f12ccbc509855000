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

  /** Status of an event stream, which is closed again at once. */
  const opened = async (path: string): Promise<number> => {
    const closing = new AbortController();
    const { status } = await fetch(`${base}/${path}`, { signal: closing.signal });
    closing.abort();
    return status;
  };

  it('counts the event streams of single messages and campaigns, since each of them asks for its own', async () => {
    const paths = ['sms/unknown/events', 'api/v1/campaigns/unknown/events'];
    const answers = await inParallel(FLOOD, FLOOD, (index) => get(`${base}/${paths[index % paths.length]}`));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404, 429]));
    await eventually(async () => expect(await get(`${base}/key/unknown`)).toMatchObject({ status: 200 }));
  });

  it('goes on serving its page, its health and the events of its page', async () => {
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
    for (let i = 0; i < LIMIT; i++) expect(await opened('api/v1/campaigns/events')).toBe(200);
    isFlooding = false;
    await flooding;
    expect(statuses).toContain(429);
  });
});

import { Redis } from 'ioredis';
import { postCampaign, untilCampaign } from './support/campaign-api.js';
import { eventually } from '../support/eventually.js';
import { DemoStack } from './support/demo-stack.js';
import { inParallel } from './support/http.js';
import { phoneNumber, postSms, providerSent, untilStatus } from './support/sms-api.js';
import type { Receipt } from './support/sms-api.js';

const MEGABYTE = 1_048_576;
/** Share of the limit that new work may fill. */
const SHARE_FOR_NEW_WORK = 0.75;
/** Attempts of the transporter before an SMS would become a dead letter. */
const MAX_ATTEMPTS = 10;
const STREAMS = ['SMS', 'SMS_OK', 'SMS_FAIL', 'notification', 'email-notification', 'campaign'];
/** An attempt that fails would be repeated soon, and a test that uses them up ends soon. */
const SOON = { LEASE_MS: '1000', RETRY_DELAY_MS: '50', RETRY_MAX_DELAY_MS: '300' };

describe('a Redis that is full', () => {
  let stack: DemoStack;
  let redis: Redis;
  let base: string;

  const start = async (plan: Parameters<typeof DemoStack.start>[0], latencyMs = 0): Promise<void> => {
    stack = await DemoStack.start(plan);
    await stack.startProvider({ LATENCY_MS: String(latencyMs) });
    base = stack.requestor(0);
    redis = new Redis(stack.redisUrl);
    // The first SMS creates the streams and the groups.
    await untilStatus(base, (await postSms(base, phoneNumber(0), 'the first one')).body.uuid, 'sent');
  };

  afterEach(async () => {
    redis?.disconnect();
    await stack?.stop();
  }, 30_000);

  const info = async (section: string, field: string): Promise<number> =>
    Number(new RegExp(`^${field}:(?:count=)?(\\d+)`, 'm').exec(await redis.info(section))?.[1] ?? 0);

  /** Leaves this much for new work, and a third of all on top of it for the workers. */
  const limitTo = async (bytes: number): Promise<void> => {
    const limit = Math.round(((await info('memory', 'used_memory')) + bytes) / SHARE_FOR_NEW_WORK);
    await redis.config('SET', 'maxmemory', limit, 'maxmemory-policy', 'noeviction');
  };

  const refusals = (): Promise<number> => info('errorstats', 'errorstat_OOM');

  const deadLetters = async (): Promise<number[]> =>
    Promise.all(STREAMS.map((stream) => redis.xlen(`{${stream}}:dead`)));

  it('gets no new SMS while the workers still have memory to send those it has, and then gets some again', async () => {
    await start({ requestors: 1, responders: 1, responderEnv: SOON });
    await stack.killResponders();
    await limitTo(6 * MEGABYTE);
    const accepted: Receipt[] = [];
    const key = { 'idempotency-key': 'a full house' };
    for (let isFull = false; !isFull;) {
      const answers = await inParallel(20, 20, (index) =>
        postSms(base, phoneNumber(accepted.length + index), 'y'.repeat(1_500)),
      );
      for (const { status, body } of answers) {
        if (status === 202) accepted.push(body);
        else
          expect({ status, body }).toMatchObject({
            status: 503,
            body: { message: expect.stringMatching(/^Redis is almost full/) },
          });
        isFull ||= status !== 202;
      }
    }
    expect(await postSms(base, phoneNumber(1), 'refused', key)).toMatchObject({ status: 503 });
    await stack.startResponders();
    await eventually(async () => expect((await providerSent(stack.providerUrl)).unique).toBe(accepted.length + 1), {
      within: 60_000,
      every: 200,
    });
    await eventually(
      async () => expect(await postSms(base, phoneNumber(1), 'accepted', key)).toMatchObject({ status: 202 }),
      { within: 30_000, every: 200 },
    );
    expect(await deadLetters()).toEqual(STREAMS.map(() => 0));
    expect(await refusals()).toBe(0);
  }, 120_000);

  it('uses up no attempts of SMS, which are sent once Redis has memory again', async () => {
    await start({ requestors: 1, responders: 1, responderEnv: SOON });
    await stack.killResponders();
    const answers = await inParallel(10, 10, (index) => postSms(base, phoneNumber(index), 'in the end'));
    await redis.config('SET', 'maxmemory', 1, 'maxmemory-policy', 'noeviction');
    await stack.startResponders();
    const enough = (await refusals()) + answers.length * (MAX_ATTEMPTS + 1);
    await eventually(async () => expect(await refusals()).toBeGreaterThan(enough), { within: 60_000, every: 200 });
    expect(await deadLetters()).toEqual(STREAMS.map(() => 0));
    await redis.config('SET', 'maxmemory', 0);
    for (const { body } of answers) {
      expect(await untilStatus(base, body.uuid, 'sent')).toMatchObject({ attempts: 1 });
    }
    expect(await deadLetters()).toEqual(STREAMS.map(() => 0));
  }, 120_000);

  it('never gets the whole of a campaign that has no room in it, and still all of it is sent', async () => {
    const users = 8_000;
    await start({ requestors: 1, responders: 1, campaign: { users } }, 200);
    await limitTo(24 * MEGABYTE);
    const draft = { name: 'Spring', subject: 'Sale', body: '漢'.repeat(1_600), channels: ['sms'] };
    const { body } = await postCampaign(base, draft);
    expect(await untilCampaign(base, body.id, 'done', 120_000)).toMatchObject({ sent: users, failed: 0 });
    expect(await deadLetters()).toEqual(STREAMS.map(() => 0));
    expect(await refusals()).toBe(0);
  }, 240_000);
});

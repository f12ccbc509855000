import { Redis } from 'ioredis';
import type { CampaignStatus } from '../../apps/shared/contracts/campaign/campaign-status.js';
import type { User } from '../../apps/shared/contracts/campaign/user.js';
import type {
  DeadLetterCountDto,
  DeadLetterDetailDto,
  DeadLetterListDto,
} from '../../apps/requestor/src/dead-letters/dead-letter.dto.js';
import type { MailListDto } from '../../apps/requestor/src/campaigns/mails/mail.dto.js';
import { eventually } from '../support/eventually.js';
import { campaignStatus, postCampaign, untilCampaign } from './support/campaign-api.js';
import { DemoStack } from './support/demo-stack.js';
import { get, inParallel, post, remove } from './support/http.js';

const USERS = 400;
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const UNSTORABLE = '00000000-0000-4000-8000-000000000001';
const DRAFT = { name: 'Spring sale', subject: 'Sale', body: 'Half price until Sunday.' };

describe('the campaign API', () => {
  let stack: DemoStack;
  let redis: Redis;
  let base: string;
  let campaigns: string;

  beforeAll(async () => {
    stack = await DemoStack.start({
      requestors: 2,
      responders: 2,
      campaign: { users: USERS },
      requestorEnv: { REQUEST_TIMEOUT_MS: '3000', PUBLISH_TIMEOUT_MS: '1000' },
    });
    base = stack.requestor(0);
    campaigns = `${base}/api/v1/campaigns`;
    redis = new Redis(stack.redisUrl);
    redis.on('error', () => undefined); // one of the tests kills Redis
  }, 90_000);

  afterAll(async () => {
    redis?.disconnect();
    await stack?.stop();
  }, 30_000);

  it('answers malformed bodies with 400 and errors by field, and stores nothing', async () => {
    const malformed: readonly unknown[] = [
      {},
      { ...DRAFT, name: '' },
      { ...DRAFT, subject: 'x'.repeat(201) },
      { ...DRAFT, body: 'x'.repeat(1_601) },
      { ...DRAFT, audience: { limit: 0 } },
      { ...DRAFT, audience: [] },
      { ...DRAFT, channels: ['pigeon'] },
      { ...DRAFT, channels: [] },
      { ...DRAFT, name: 'a NUL \u0000 in it' },
      { ...DRAFT, subject: 'Sale\r\nBcc: eve@example.com' },
      { ...DRAFT, body: '\u001b[2J' },
      [DRAFT],
      '{"name": "cut short',
    ];
    const length = await redis.xlen('campaign');
    const answers = await inParallel(malformed.length, 4, (index) =>
      post<{ errors?: object }>(`${stack.requestor(index)}/api/v1/campaigns`, malformed[index]),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 400));
    expect(Object.keys(answers[0]?.body.errors ?? {})).toEqual(['name', 'subject', 'body']);
    expect(answers[4]?.body.errors).toEqual({ 'audience.limit': ['limit must be at least 1'] });
    const badKey = await postCampaign(base, DRAFT, { 'idempotency-key': 'x'.repeat(256) });
    expect(badKey).toMatchObject({ status: 400, body: { errors: { 'Idempotency-Key': [expect.any(String)] } } });
    expect(await redis.xlen('campaign')).toBe(length);
  });

  it('creates one campaign for one Idempotency-Key, on any requestor and for any number of calls at once', async () => {
    const headers = { 'idempotency-key': 'order-4711' };
    const draft = { ...DRAFT, audience: { limit: 1 } };
    // The same key for another resource does not count.
    await post(`${base}/sms`, { number: '+420601123456', text: 'Sale' }, headers);
    const length = await redis.xlen('campaign');
    const answers = await inParallel(20, 20, (index) => postCampaign(stack.requestor(index), draft, headers));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const [first] = answers;
    const id = first?.body.id ?? '';
    for (const { body } of answers) expect(body).toEqual({ id, name: DRAFT.name, status: 'queued' });
    expect(first?.headers.get('location')).toBe(`/api/v1/campaigns/${id}`);
    expect(await redis.xlen('campaign')).toBe(length + 1);
    expect(await untilCampaign(base, id, 'done')).toMatchObject({ audience: 1, sent: 1 });

    for (const change of [{ body: 'Full price.' }, { audience: { limit: 2 } }, { channels: ['email', 'sms'] }]) {
      expect(await postCampaign(base, { ...draft, ...change }, headers)).toMatchObject({
        status: 422,
        body: { statusCode: 422, error: 'Unprocessable Entity', message: expect.stringContaining('Idempotency-Key') },
      });
    }
    // The same campaign in other words: the default written out, and the fields in another order.
    const same = {
      channels: ['email'],
      audience: { limit: 1 },
      body: DRAFT.body,
      subject: DRAFT.subject,
      name: DRAFT.name,
    };
    expect(await postCampaign(base, same, headers)).toMatchObject({ status: 202, body: { id } });
    expect(await redis.xlen('campaign')).toBe(length + 1);
  });

  it('knows a campaign from the moment it is accepted, on any requestor', async () => {
    for (let i = 0; i < 10; i++) {
      const { body } = await postCampaign(stack.requestor(i), { ...DRAFT, audience: { limit: 1 } });
      const { status, body: known } = await get<CampaignStatus>(
        `${stack.requestor(i + 1)}/api/v1/campaigns/${body.id}`,
      );
      expect({ status, id: known.id, name: known.name }).toEqual({ status: 200, id: body.id, name: DRAFT.name });
    }
  });

  it('starts a campaign with a random name on the old route', async () => {
    const answer = await get<{ id: string; name: string; status: string }>(`${base}/api/v1/campaign/create`);
    const { id, name } = answer.body;
    expect(answer).toMatchObject({
      status: 202,
      body: { status: 'queued', name: expect.stringMatching(/^\w+ \w+ \d+$/) },
    });
    expect(answer.headers.get('location')).toBe(`/api/v1/campaigns/${id}`);
    expect(await untilCampaign(base, id, 'done')).toMatchObject({ name, audience: USERS, sent: USERS, failed: 0 });
    const { body: all } = await get<CampaignStatus[]>(campaigns);
    expect(all[0]).toMatchObject({ id, name, status: 'done' });
    const { body } = await get<MailListDto>(`${base}/api/v1/mails?limit=100`);
    expect(body.hasSink).toBe(true);
    expect(body.mails).toHaveLength(100);
    expect(body.mails.map(({ subject }) => subject)).toContain(`News from ${name}`);
  }, 60_000);

  it('sends each change until the end as a server-sent event whose figures add up', async () => {
    const { body } = await postCampaign(base, DRAFT);
    const events = await get<string>(`${stack.requestor(1)}/api/v1/campaigns/${body.id}/events`);
    expect(events.headers.get('content-type')).toContain('text/event-stream');
    const seen = [...events.body.matchAll(/^data: (\{.*)$/gm)].map(
      ([, data]) => JSON.parse(data ?? '') as CampaignStatus,
    );
    expect(seen.length).toBeGreaterThan(1);
    for (const { audience, queued, sent, failed } of seen) expect(queued + sent + failed).toBe(audience);
    expect(seen.at(-1)).toMatchObject({ id: body.id, status: 'done', audience: USERS, sent: USERS, etaSeconds: null });
    expect(await get(`${campaigns}/${UNKNOWN}/events`)).toMatchObject({ status: 404 });
  }, 60_000);

  it('pauses, resumes and cancels a campaign where its state allows it, and answers with the state otherwise', async () => {
    await stack.campaign.killSink(); // otherwise the campaign might be done before it is paused
    const { body } = await postCampaign(base, DRAFT);
    const order = (action: string): Promise<{ status: number; body: unknown }> =>
      post(`${campaigns}/${body.id}/${action}`, {});
    await eventually(async () =>
      expect(await order('pause')).toMatchObject({ status: 200, body: { id: body.id, paused: true } }),
    );
    expect(await order('pause')).toMatchObject({ status: 200, body: { id: body.id, paused: true } });
    for (let i = 0; i < 2; i++) {
      expect(await order('resume')).toMatchObject({ status: 200, body: { id: body.id, paused: false } });
    }
    expect(await order('pause')).toMatchObject({
      status: 200,
      body: { paused: true, ratePerSecond: 0, etaSeconds: null },
    });
    expect(await order('cancel')).toMatchObject({ status: 200, body: { status: 'cancelled', paused: false } });
    for (const action of ['pause', 'resume', 'cancel']) {
      expect(await order(action)).toMatchObject({
        status: 409,
        body: { message: expect.stringContaining('cancelled'), campaign: { status: 'cancelled' } },
      });
    }
    await stack.campaign.startSink();
    for (const id of [UNKNOWN, 'nonsense']) {
      expect(await post(`${campaigns}/${id}/pause`, {})).toMatchObject({ status: 404 });
      expect(await get(`${campaigns}/${id}`)).toMatchObject({ status: 404 });
    }
  }, 60_000);

  it('returns a user by id', async () => {
    const users = `${base}/api/v1/users`;
    const { status, body } = await get<User>(`${users}/${USERS}`);
    expect({ status, id: body.id }).toEqual({ status: 200, id: USERS });
    for (const id of [USERS + 1, '2147483648', '9'.repeat(40)]) {
      expect(await get(`${users}/${id}`)).toMatchObject({ status: 404 });
    }
    for (const id of ['me', '0', '-1', '1.5', '1e2', '0x10', '%00']) {
      expect(await get(`${users}/${id}`)).toMatchObject({
        status: 400,
        body: { errors: { id: [expect.any(String)] } },
      });
    }
  });

  it('counts the dead letters of each stream, and redrives all of one stream', async () => {
    const count = async (stream: string): Promise<number | undefined> => {
      const { body } = await get<DeadLetterCountDto[]>(`${base}/dead-letters`);
      return body.find((each) => each.stream === stream)?.count;
    };
    for (let i = 0; i < 2; i++) await redis.xadd('notification', '*', 'data', '{"campaignId":"none"}');
    await eventually(async () => expect(await count('notification')).toBe(2));
    const { body } = await get<DeadLetterListDto>(`${base}/dead-letters/notification`);
    expect(body.letters.map(({ uuid, reason }) => [uuid, reason])).toEqual([
      [null, 'unrecoverable'],
      [null, 'unrecoverable'],
    ]);
    for (const { error } of body.letters) expect(error).toContain('Invalid event: campaignId must be a UUID');

    const redriven = await post(`${base}/dead-letters/notification/redrive`, {});
    expect(redriven).toMatchObject({ status: 202, body: { redriven: 2 } });
    await eventually(async () => expect(await count('notification')).toBe(2)); // they still fail
    expect(await post(`${base}/dead-letters/campaign/redrive`, {})).toMatchObject({
      status: 202,
      body: { redriven: 0 },
    });
    expect(await post(`${base}/dead-letters/secret/redrive`, {})).toMatchObject({ status: 404 });
  });

  it('gives up at once on a campaign that the database cannot store', async () => {
    // No requestor accepts it; other producers may write to the stream, too.
    const campaign = { id: UNSTORABLE, ...DRAFT, name: 'a NUL \u0000 in it', channels: ['email'] };
    const record = { name: campaign.name, channels: 'email', createdAt: new Date().toISOString() };
    await redis.hset(`{campaign}:accepted:${UNSTORABLE}`, record);
    await redis.xadd('campaign', '*', 'data', JSON.stringify(campaign));
    const letters = `${base}/dead-letters/campaign`;
    await eventually(async () => {
      const { body } = await get<DeadLetterListDto>(letters);
      expect(body.letters).toMatchObject([{ group: 'campaign', reason: 'unrecoverable', attempts: 1 }]);
    });
    const failed = await campaignStatus(base, UNSTORABLE);
    expect(failed).toMatchObject({ status: 'failed', audience: 0, startedAt: null, finishedAt: expect.any(String) });
    expect(await post(`${campaigns}/${UNSTORABLE}/pause`, {})).toMatchObject({
      status: 409,
      body: { message: 'A campaign that has failed cannot be paused', campaign: failed },
    });
    // Otherwise it would start when its dead letter is redriven.
    expect(await post(`${campaigns}/${UNSTORABLE}/cancel`, {})).toMatchObject({ body: { status: 'cancelled' } });
    expect(await post(`${campaigns}/${UNSTORABLE}/cancel`, {})).toMatchObject({ status: 409 });
  });

  it('shows a dead letter without its recipient, and deletes one or all of a stream for good', async () => {
    const letters = `${base}/dead-letters/email-notification`;
    const broken = { campaignId: UNKNOWN, userId: 0, name: 'Ada', email: 'ada@example.com' };
    for (let i = 0; i < 3; i++) {
      await redis.xadd('email-notification', '*', 'data', JSON.stringify(broken), 'mid', `message ${i}`);
    }
    const listed = async (query = ''): Promise<DeadLetterListDto> =>
      (await get<DeadLetterListDto>(`${letters}${query}`)).body;
    await eventually(async () => expect((await listed()).letters).toHaveLength(3));
    const ids = (await listed()).letters.map(({ id }) => id);
    const newest = await listed('?order=newest&count=2');
    expect(newest.letters.map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 2));
    expect((await listed(`?order=newest&after=${newest.next}`)).letters.map(({ id }) => id)).toEqual(ids.slice(0, 1));

    const [id] = ids;
    const answer = await get<DeadLetterDetailDto>(`${letters}/${id}`);
    expect(answer).toMatchObject({
      status: 200,
      body: { id, group: 'email', reason: 'unrecoverable', attempts: 1, campaignId: UNKNOWN },
    });
    expect(answer.body.messageId).toMatch(/^message \d$/);
    expect(answer.body.fields).toEqual([
      { name: 'data', bytes: JSON.stringify(broken).length },
      { name: 'mid', bytes: 9 },
    ]);
    expect(JSON.stringify(answer.body)).not.toContain('ada@example.com');

    expect(await remove(`${letters}/${id}`)).toMatchObject({ status: 200, body: { deleted: 1 } });
    for (const gone of [`${letters}/${id}`, `${letters}/nonsense`, `${base}/dead-letters/secret/1-1`]) {
      expect(await remove(gone)).toMatchObject({ status: 404 });
      expect(await get(gone)).toMatchObject({ status: 404 });
    }
    expect((await listed()).letters.map((letter) => letter.id)).toEqual(ids.slice(1));
    expect(await remove(letters)).toMatchObject({ status: 200, body: { deleted: 2 } });
    expect(await listed()).toEqual({ letters: [], next: null });
    expect(await remove(letters)).toMatchObject({ status: 200, body: { deleted: 0 } });
    expect(await remove(`${base}/dead-letters/secret`)).toMatchObject({ status: 404 });
    expect(await get(`${letters}?order=random`)).toMatchObject({
      status: 400,
      body: { errors: { order: ['order must be oldest or newest'] } },
    });
    const { body: api } = await get<{ paths: Record<string, object> }>(`${base}/docs-json`);
    expect(Object.keys(api.paths['/dead-letters/{stream}'] ?? {})).toEqual(['get', 'delete']);
    expect(Object.keys(api.paths['/dead-letters/{stream}/{id}'] ?? {})).toEqual(['get', 'delete']);
  });

  it('serves the page with its content types, under a policy that allows no other origin', async () => {
    const types = {
      '': 'text/html',
      'page.js': 'text/javascript',
      'page.css': 'text/css',
      'icon.svg': 'image/svg+xml',
    };
    for (const [file, type] of Object.entries(types)) {
      const { status, headers } = await get(`${base}/${file}`);
      expect({ status, type: headers.get('content-type') }).toEqual({
        status: 200,
        type: expect.stringContaining(type),
      });
      expect(headers.get('content-security-policy')).toContain("default-src 'self'");
      expect(headers.get('cache-control')).toBe('no-cache');
      // Otherwise `fetch` asks for `no-cache`, which rules out a 304.
      const kept = { 'if-none-match': headers.get('etag') ?? '', 'cache-control': 'max-age=0' };
      const again = await fetch(`${base}/${file}`, { headers: kept });
      expect(again.status).toBe(304);
    }
    for (const path of ['..%2fsrc/main.ts', '.env', 'src/main.ts']) {
      expect(await get(`${base}/${path}`)).toMatchObject({ status: 404 });
    }
  });

  it('answers 504 while no responder runs, and shows what it accepted meanwhile as not started', async () => {
    await stack.killResponders();
    const { status, body } = await postCampaign(base, DRAFT);
    expect(status).toBe(202);
    const paths = ['campaigns', `campaigns/${body.id}`, 'users/1'];
    const answers = await Promise.all(paths.map((path) => get(`${base}/api/v1/${path}`)));
    expect(answers.map((answer) => answer.status)).toEqual([504, 504, 504]);
    await redis.xtrim('campaign', 'MAXLEN', 0); // so that no responder starts it
    await stack.startResponders();
    expect(await campaignStatus(base, body.id)).toMatchObject({
      id: body.id,
      name: DRAFT.name,
      status: 'queued',
      channels: ['email'],
      audience: 0,
      startedAt: null,
    });
    expect(await post(`${campaigns}/${body.id}/pause`, {})).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('started'), campaign: { status: 'queued' } },
    });
  }, 60_000);

  it('cancels a campaign that no responder has started, and the responder that gets it later drops it', async () => {
    await stack.killResponders();
    const { body } = await postCampaign(base, DRAFT);
    const [newest] = await redis.xrevrange('campaign', '+', '-', 'COUNT', 1);
    const [entry, fields] = newest ?? ['', []];
    await redis.xdel('campaign', entry); // as if many campaigns were ahead of it
    await stack.startResponders();
    const order = (action: string): Promise<{ status: number; body: unknown }> =>
      post(`${campaigns}/${body.id}/${action}`, {});
    const cancelled = { id: body.id, status: 'cancelled', audience: 0, finishedAt: expect.any(String) as string };
    expect(await order('cancel')).toMatchObject({ status: 200, body: cancelled });
    expect(await campaignStatus(base, body.id)).toMatchObject(cancelled);
    expect(await order('cancel')).toMatchObject({
      status: 409,
      body: { statusCode: 409, message: 'A campaign that is cancelled cannot be cancelled', campaign: cancelled },
    });

    const pages = await redis.xlen('notification');
    await redis.xadd('campaign', '*', ...fields);
    await eventually(async () => {
      const { body: all } = await get<CampaignStatus[]>(campaigns);
      expect(all.find(({ id }) => id === body.id)).toMatchObject({ ...cancelled, startedAt: null });
    });
    const { body: next } = await postCampaign(base, { ...DRAFT, audience: { limit: 1 } });
    await untilCampaign(base, next.id, 'done');
    expect(await redis.xlen('notification')).toBe(pages + 1); // the page of the next campaign alone
    expect(await campaignStatus(base, body.id)).toMatchObject({ ...cancelled, startedAt: null });
  }, 60_000);

  it('keeps a cancellation that no responder answers, for a campaign that has not started', async () => {
    await stack.campaign.killSink(); // otherwise the first campaign might be done before it is cancelled
    const { body: started } = await postCampaign(base, DRAFT);
    await untilCampaign(base, started.id, 'sending');
    await stack.killResponders();
    const { body: waiting } = await postCampaign(base, DRAFT);
    const pages = await redis.xlen('notification');
    const cancel = (id: string): Promise<{ status: number }> => post(`${campaigns}/${id}/cancel`, {});
    const kept = { status: 504, body: { statusCode: 504, message: expect.stringContaining('not started, it never') } };
    const unknown = { status: 504, body: { message: 'No responder answered in time' } };
    const ids = [waiting.id, started.id, UNKNOWN];
    expect(await Promise.all(ids.map(cancel))).toMatchObject([kept, kept, unknown]);

    await stack.startResponders();
    await eventually(async () => {
      const { body: all } = await get<CampaignStatus[]>(campaigns); // what the responders know
      expect(all.find(({ id }) => id === waiting.id)).toMatchObject({ status: 'cancelled', startedAt: null });
    });
    const { body: next } = await postCampaign(base, { ...DRAFT, audience: { limit: 1 } });
    await untilCampaign(base, next.id, 'sending');
    expect(await redis.xlen('notification')).toBe(pages + 1); // the page of the next campaign alone
    expect(await campaignStatus(base, started.id)).toMatchObject({ status: 'sending' });
    expect(await cancel(started.id)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    await stack.campaign.startSink();
    await untilCampaign(base, next.id, 'done');
  }, 60_000);

  it('answers 503 while Redis is down, and recovers afterwards', async () => {
    await stack.killRedis();
    expect(await postCampaign(base, DRAFT)).toMatchObject({ status: 503 });
    expect(await get(campaigns)).toMatchObject({ status: 503 });
    expect(await get(`${base}/dead-letters`)).toMatchObject({ status: 503 });
    await stack.restartRedis();
    await eventually(async () => expect(await get(`${base}/health`)).toMatchObject({ status: 200 }));
    const { body } = await postCampaign(base, { ...DRAFT, audience: { limit: 1 } });
    expect(await untilCampaign(base, body.id, 'done')).toMatchObject({ sent: 1 });
  }, 60_000);
});

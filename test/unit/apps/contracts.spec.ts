import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import {
  CampaignRequested,
  EmailRequested,
  MAX_USER_ID,
  NotificationPage,
  SmsRequested,
  fittingSms,
} from '../../../apps/shared/contracts/index.js';

const ID = '7d3c8a52-0a0e-4b53-9d5c-3f4f6d1d9a10';
const CAMPAIGN = { id: ID, name: 'Spring', subject: 'Sale', body: 'Half\nprice', channels: ['email'] };
const SMS = { uuid: ID, number: '+420601123456', text: 'Your parcel\nis waiting.' };
const EMAIL = { campaignId: ID, userId: MAX_USER_ID, name: 'Ada', email: 'ada@example.com' };
const RECIPIENT = { userId: MAX_USER_ID, name: 'Ada', email: 'ada@example.com', phone: '+420601123456' };

const EMOJI = '😀';
/** One character on the screen, two code points. */
const SUN = '☀️';

type EventClass = new () => object;

/** Names of the fields that break the contract. */
const broken = async (type: EventClass, event: object): Promise<string[]> =>
  (await validate(plainToInstance(type, event))).map(({ property }) => property);

describe('the contract of an event', () => {
  it.each<[EventClass, object]>([
    [CampaignRequested, CAMPAIGN],
    [SmsRequested, SMS],
    [EmailRequested, EMAIL],
    [NotificationPage, { campaignId: ID, recipients: [RECIPIENT] }],
    [NotificationPage, { campaignId: ID, recipients: [RECIPIENT, { ...RECIPIENT, email: 'none', phone: 'n/a' }] }],
    [SmsRequested, { ...SMS, text: EMOJI.repeat(1_600) }],
    [SmsRequested, { ...SMS, text: SUN.repeat(800) }],
  ])('%p is kept by %j', async (type, event) => {
    expect(await broken(type, event)).toEqual([]);
  });

  it.each<[what: string, text: unknown]>([
    ['nothing', ''],
    ['no string', 7],
    ['1,601 characters of two UTF-16 units each', EMOJI.repeat(1_601)],
    ['1,602 code points, half of them variation selectors', SUN.repeat(801)],
    ['the first half of an emoji', 'cut \ud83d'],
    ['the second half of an emoji', '\ude00 cut'],
  ])('is broken by an SMS of %s', async (_what, text) => {
    expect(await broken(SmsRequested, { ...SMS, text })).toEqual(['text']);
  });

  // Postgres can store none of these.
  it.each<[EventClass, object, string]>([
    [CampaignRequested, { ...CAMPAIGN, name: 'a\u0000b' }, 'name'],
    [CampaignRequested, { ...CAMPAIGN, subject: 'a\u0000b' }, 'subject'],
    [CampaignRequested, { ...CAMPAIGN, body: 'a\u0000b' }, 'body'],
    [SmsRequested, { ...SMS, text: 'a\u0000b' }, 'text'],
    [SmsRequested, { ...SMS, text: '\u001b[31mred' }, 'text'],
    [EmailRequested, { ...EMAIL, userId: MAX_USER_ID + 1 }, 'userId'],
    [NotificationPage, { campaignId: ID, recipients: [{ ...RECIPIENT, userId: MAX_USER_ID + 1 }] }, 'recipients'],
  ])('%p is broken by %j', async (type, event, field) => {
    expect(await broken(type, event)).toEqual([field]);
  });
});

describe('the text of an SMS', () => {
  it.each([
    ['short', 'short'],
    [EMOJI.repeat(1_600), EMOJI.repeat(1_600)],
    [`x${EMOJI.repeat(1_600)}`, `x${EMOJI.repeat(1_599)}`],
    ['x'.repeat(1_601), 'x'.repeat(1_600)],
  ])('is cut between two characters', (text, fitting) => {
    expect(fittingSms(text)).toBe(fitting);
  });
});

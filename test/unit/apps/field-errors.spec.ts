import 'reflect-metadata';
import type { BadRequestException } from '@nestjs/common';
import { ValidationPipe } from '@nestjs/common';
import { CreateCampaignDto } from '../../../apps/requestor/src/campaigns/campaign.dto.js';
import { fieldErrors } from '../../../apps/shared/http/field-errors.js';

const pipe = new ValidationPipe({ whitelist: true, exceptionFactory: fieldErrors });
const draft = { name: 'Spring', subject: 'Sale', body: 'Half price' };

/** Names of the refused fields. */
const refused = async (body: object): Promise<string[]> => {
  const error: unknown = await pipe.transform(body, { type: 'body', metatype: CreateCampaignDto }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error === undefined
    ? []
    : Object.keys(((error as BadRequestException).getResponse() as { errors: object }).errors);
};

describe('the body of a campaign', () => {
  it.each<object>([
    draft,
    { ...draft, audience: {}, channels: ['sms', 'email'] },
    { ...draft, audience: { limit: 1 } },
    { ...draft, audience: null, channels: null },
    { ...draft, unknown: true },
    { ...draft, body: 'Dear {{name}},\r\n\thalf price\n' },
    { ...draft, name: 'Frühling 🌷', subject: 'Sale\u2028\u00a0today' },
  ])('is accepted as %j', async (body) => {
    expect(await refused(body)).toEqual([]);
  });

  it.each<[object, string[]]>([
    [{}, ['name', 'subject', 'body']],
    [{ ...draft, name: 'x'.repeat(201) }, ['name']],
    [{ ...draft, subject: 5 }, ['subject']],
    [{ ...draft, body: ['text'] }, ['body']],
    [{ ...draft, audience: { limit: 0 } }, ['audience.limit']],
    [{ ...draft, audience: { limit: 1.5 } }, ['audience.limit']],
    [{ ...draft, audience: { limit: '5' } }, ['audience.limit']],
    [{ ...draft, audience: 5 }, ['audience']],
    [{ ...draft, audience: [{ limit: 5 }] }, ['audience']],
    [{ ...draft, channels: [] }, ['channels']],
    [{ ...draft, channels: ['email', 'email'] }, ['channels']],
    [{ ...draft, channels: ['pigeon'] }, ['channels']],
    [{ ...draft, channels: 'email' }, ['channels']],
    [{ ...draft, name: 'Spr\u0000ing' }, ['name']],
    [{ ...draft, name: 'Spring\n' }, ['name']],
    [{ ...draft, subject: 'Sale\r\nBcc: eve@example.com' }, ['subject']],
    [{ ...draft, subject: 'Sale\ttoday' }, ['subject']],
    [{ ...draft, body: 'Half\u0000price' }, ['body']],
    [{ ...draft, body: '\u001b[2J' }, ['body']],
    [{ ...draft, body: 'Half\u007fprice' }, ['body']],
    [{ ...draft, body: 'Half\u0085price' }, ['body']],
  ])('is refused as %j, with the path of each field', async (body, fields) => {
    expect(await refused(body)).toEqual(fields);
  });
});

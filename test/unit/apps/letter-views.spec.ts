import { randomUUID } from 'node:crypto';
import type { DeadLetter } from 'nestjs-redis-stream-transport';
import { redact } from '../../../apps/requestor/src/dead-letters/redact.js';
import { detailOf, summaryOf } from '../../../apps/requestor/src/dead-letters/letter-views.js';

const UUID = randomUUID();

const letterWith = (change: Partial<DeadLetter>): DeadLetter => ({
  id: '1763700000000-0',
  stream: 'SMS',
  group: 'sms-worker',
  entryId: '1763600000000-3',
  attempts: 6,
  reason: 'failed',
  error: 'the provider did not answer',
  failedAt: new Date('2026-01-01T00:00:00.000Z'),
  data: { uuid: UUID, number: '+420601123456', text: 'Half price' },
  fields: new Map([
    ['data', Buffer.from('{"number":"+420601123456"}')],
    ['mid', Buffer.from(UUID)],
  ]),
  ...change,
});

describe('a text about a letter', () => {
  it.each([
    ['no such mailbox: ada@example.com', 'no such mailbox: …'],
    ['550 <ada@example.com> (Ada): unknown', '550 … (Ada): unknown'],
    ['invalid number +420601123456', 'invalid number …'],
    ['invalid number +420 601 123-456.', 'invalid number ….'],
    ['call 00420601123456', 'call …'],
    ['first line\n  second line\t', 'first line second line'],
  ])('loses addresses, phone numbers and line breaks: %j', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it.each([
    'There is no campaign 00000000-0000-4000-8000-000000000000',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'entry 1763700000000-0 at 2026-01-01T00:00:00.000Z failed after 15000 ms',
    'connect ECONNREFUSED 127.0.0.1:3092',
  ])('keeps ids, times and addresses of machines: %j', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('is clipped between characters, and a long one takes no longer than a short one', () => {
    expect(redact('😀'.repeat(301))).toBe(`${'😀'.repeat(300)}…`);
    const started = performance.now();
    for (const hard of ['a', '<a@', '+1', '@']) redact(hard.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('the view of a letter', () => {
  it('holds what an operator needs, and neither payload nor recipient', () => {
    expect(detailOf(letterWith({}))).toEqual({
      id: '1763700000000-0',
      uuid: UUID,
      group: 'sms-worker',
      reason: 'failed',
      error: 'the provider did not answer',
      attempts: 6,
      failedAt: '2026-01-01T00:00:00.000Z',
      entryId: '1763600000000-3',
      messageId: UUID,
      campaignId: null,
      fields: [
        { name: 'data', bytes: 26 },
        { name: 'mid', bytes: 36 },
      ],
    });
  });

  it.each([
    ['notification', { campaignId: UUID, recipients: [] }, UUID],
    ['campaign', { id: UUID, name: 'Spring' }, UUID],
    ['SMS', { id: UUID }, null],
    ['notification', { campaignId: 'ada@example.com' }, null],
    ['notification', null, null],
    ['notification', undefined, null],
    ['notification', 'text', null],
  ])('of %s with the payload %j names the campaign', (stream, data, expected) => {
    expect(detailOf(letterWith({ stream, data })).campaignId).toBe(expected);
  });

  it('does not fail for a letter of another hand, with a message id and fields of its own', () => {
    const fields = new Map<string, Buffer>();
    for (let n = 0; n < 60; n++) fields.set(`ada${n}@example.com`, Buffer.from('x'));
    fields.set('mid', Buffer.from('+420601123456'));
    const view = detailOf(letterWith({ failedAt: new Date(''), data: { uuid: 7 }, fields }));
    expect(view).toMatchObject({ failedAt: null, uuid: null, messageId: '…' });
    expect(view.fields).toHaveLength(50);
    expect(view.fields[0]).toEqual({ name: '…', bytes: 1 });
  });

  it('clips the error in the list as well', () => {
    expect(summaryOf(letterWith({ error: `refused ada@example.com ${'x'.repeat(400)}` })).error).toMatch(
      /^refused … x+…$/,
    );
  });
});

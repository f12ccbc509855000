import { randomUUID } from 'node:crypto';
import { personalised } from '../../../apps/responder/src/intents/campaign-texts.js';
import { intentOf, smsReference } from '../../../apps/responder/src/notification/sms-reference.js';

describe('messages of a campaign', () => {
  it.each([
    ['Hello {{name}}!', 'Ada', 'Hello Ada!'],
    ['{{name}}, {{name}}', 'Ada', 'Ada, Ada'],
    ['no name', 'Ada', 'no name'],
    ['Hello {{name}}', '$& $1', 'Hello $& $1'],
    ['Hello {{name}}', '{{name}}', 'Hello {{name}}'],
  ])('%j for %j reads %j', (text, name, expected) => {
    expect(personalised(text, name)).toBe(expected);
  });

  it('an SMS finds its way back to its intent', () => {
    const intent = { campaignId: randomUUID(), userId: 2_147_483_647, channel: 'sms' as const };
    expect(intentOf(smsReference(intent))).toEqual(intent);
  });

  it.each([undefined, '', 'order/17', 'campaign/17/17', `campaign/${randomUUID()}/17/18`, `campaign/${randomUUID()}/`])(
    'an SMS with the reference %j belongs to no campaign',
    (reference) => {
      expect(intentOf(reference)).toBeUndefined();
    },
  );
});

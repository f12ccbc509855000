import { randomUUID } from 'node:crypto';
import { personalised } from '../../../apps/responder/src/campaigns/intents/campaign-texts.js';
import { intentOf, smsReference } from '../../../apps/responder/src/campaigns/notification/sms-reference.js';

describe('messages of a campaign', () => {
  it.each([
    ['Hello {{name}}!', 'Ada', 'Hello Ada!'],
    ['{{name}}, {{name}}', 'Ada', 'Ada, Ada'],
    ['no name', 'Ada', 'no name'],
    ['Hello {{name}}', '$& $1', 'Hello $& $1'],
    ['Hello {{name}}', '{{name}}', 'Hello {{name}}'],
  ])('render %j for %j as %j', (text, name, expected) => {
    expect(personalised(text, name)).toBe(expected);
  });

  it('map the reference of an SMS back to its intent', () => {
    const intent = { campaignId: randomUUID(), userId: 2_147_483_647, channel: 'sms' as const };
    expect(intentOf(smsReference(intent))).toEqual(intent);
  });

  it.each([undefined, '', 'order/17', 'campaign/17/17', `campaign/${randomUUID()}/17/18`, `campaign/${randomUUID()}/`])(
    'find no campaign for the SMS reference %j',
    (reference) => {
      expect(intentOf(reference)).toBeUndefined();
    },
  );
});

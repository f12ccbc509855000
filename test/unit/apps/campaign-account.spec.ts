import { described, discrepancies } from '../../e2e/campaign/campaign-account.js';
import type { CampaignAccount } from '../../e2e/campaign/campaign-account.js';

const GOOD: CampaignAccount = {
  audience: 100,
  sent: 98,
  failed: 2,
  intents: 100,
  users: 100,
  received: 105,
  unique: 98,
  kills: 1,
  inFlight: 8,
  fanOutSeconds: 1,
  seconds: 2,
  peakHeapMegabytes: { 'responder-1': 80.4 },
};

describe('the account of a campaign', () => {
  it('reports nothing when the numbers add up', () => {
    expect(discrepancies(GOOD)).toEqual([]);
  });

  it.each<[string, Partial<CampaignAccount>]>([
    ['is not the audience', { sent: 97, unique: 97 }],
    ['not one for each', { intents: 101 }],
    ['not one for each', { users: 99 }],
    ['different mails have arrived', { unique: 97 }],
    ['doubles are more than', { received: 107 }],
  ])('reports a discrepancy: %s', (words, change) => {
    expect(discrepancies({ ...GOOD, ...change })).toEqual([expect.stringContaining(words)]);
  });

  it('prints as a table', () => {
    expect(described(GOOD)).toMatch(/doubles +7\n[^]*mails a second +49\npeak heap of responder-1, MB +80$/);
  });
});

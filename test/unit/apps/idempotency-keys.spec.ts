import { fingerprintOf } from '../../../apps/requestor/src/messaging/idempotency-keys.js';

const DRAFT = { name: 'Spring', subject: 'Sale', body: 'Half price', channels: ['email'], limit: 5 };

describe('the fingerprint of a draft', () => {
  it('is a SHA-256 that does not show the draft', () => {
    expect(fingerprintOf(DRAFT)).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each<object>([
    { ...DRAFT },
    { limit: 5, channels: ['email'], body: 'Half price', subject: 'Sale', name: 'Spring' },
    { ...DRAFT, note: undefined },
  ])('is the same for %j', (draft) => {
    expect(fingerprintOf(draft)).toBe(fingerprintOf(DRAFT));
  });

  it.each<object>([
    { ...DRAFT, name: 'spring' },
    { ...DRAFT, limit: undefined },
    { ...DRAFT, limit: '5' },
    { ...DRAFT, channels: ['email', 'sms'] },
    { ...DRAFT, name: 'Sale', subject: 'Spring' },
    {},
  ])('is another one for %j', (draft) => {
    expect(fingerprintOf(draft)).not.toBe(fingerprintOf(DRAFT));
  });
});

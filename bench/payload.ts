/** About 100 bytes of JSON, as an application would send it. */
export const PAYLOAD = {
  number: '+15550100123',
  text: 'Your parcel arrives today at 2 pm.',
  at: '2030-01-01T12:00Z',
};

/** The same payload with a longer text, so that its JSON has this many bytes. */
export function payloadOf(bytes: number): typeof PAYLOAD {
  const missing = bytes - JSON.stringify(PAYLOAD).length;
  return { ...PAYLOAD, text: PAYLOAD.text + 'x'.repeat(Math.max(0, missing)) };
}

/** The same payload for another number: an application's messages differ, and equal ones must not favor a transport. */
export function distinct(payload: typeof PAYLOAD, n: number): typeof PAYLOAD {
  return { ...payload, number: `+1555${String(n % 10_000_000).padStart(7, '0')}` };
}

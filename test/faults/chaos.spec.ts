import { Chaos } from './chaos/chaos.js';
import { ALL_DEEDS } from './chaos/nemesis.js';

/** `npm run chaos -- --seed N --seconds S` is the same, for longer and with another seed. */
const SEED = 20_261;

describe('a service under a nemesis', () => {
  it('a rolling deploy under load: nothing is lost, nothing runs twice, nobody is left behind', async () => {
    const verdict = await Chaos.run({ seed: SEED, seconds: 8, deeds: ['replace'] });
    expect(verdict.violations).toEqual([]);
    expect(verdict.doubles).toEqual({});
    expect(verdict.counts).toMatchObject({ ok: verdict.counts['sent'], handled: verdict.counts['sent'], dead: 0 });
  }, 60_000);

  it('15 s of random kills among 3 workers at 250 messages a second: all handled, doubles only where a kill was', async () => {
    const verdict = await Chaos.run({ seed: SEED, seconds: 15, deeds: ['kill'] });
    expect(verdict.violations).toEqual([]);
    expect(Object.keys(verdict.doubles).filter((cause) => cause !== 'kill')).toEqual([]);
    expect(verdict.counts['faults']).toBeGreaterThan(5);
    expect(verdict.counts['dead']).toBe(0);
  }, 90_000);

  it('20 s of everything at once: no invariant is violated', async () => {
    const verdict = await Chaos.run({ seed: SEED, seconds: 20, deeds: ALL_DEEDS });
    expect(verdict.violations).toEqual([]);
    expect(verdict.counts['handled']).toBeGreaterThan(1_000);
  }, 90_000);
});

import { redriveLetter, trimSettled } from '../../../lib/redis/scripts.js';
import { useRedis } from '../../support/use-redis.js';

const AT = { stream: 'job', group: 'service', consumer: 'one' };
const ADD = `for n = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], '5-' .. n, 'data', tostring(n)) end`;

describe('the scripts', () => {
  const redis = useRedis();

  /** Adds entries of one millisecond, from `5-1` on, and has the group read all of them. */
  async function addRead(count: number): Promise<void> {
    await redis.raw.eval(ADD, 1, AT.stream, count);
    await redis.raw.xgroup('CREATE', AT.stream, AT.group, '0');
    await redis.raw.xreadgroup('GROUP', AT.group, AT.consumer, 'COUNT', count, 'STREAMS', AT.stream, '>');
  }

  describe('trim', () => {
    // As texts, '99' comes after '300'.
    it.each(['5-9', '5-99'])('keeps the pending %s of the same millisecond as the later 5-300', async (id) => {
      await addRead(300);
      const others = Array.from({ length: 300 }, (_, n) => `5-${n + 1}`).filter((other) => other !== id);
      await redis.raw.xack(AT.stream, AT.group, ...others);
      const rule = { maxLength: 1, oldestId: '6-0', nowMs: Date.now(), muchHeldBack: 1_000, shape: undefined };
      await trimSettled(redis.raw, AT, rule);
      const [first] = await redis.raw.xrange(AT.stream, '-', '+', 'COUNT', 1);
      expect(first?.[0]).toBe(id);
      expect(await redis.raw.xrange(AT.stream, '5-300', '5-300')).toHaveLength(1);
    });
  });

  describe('redrive', () => {
    it('leaves an entry that is pending again to its owner, with its attempts and its lease', async () => {
      await addRead(1);
      await redis.raw.xgroup('CREATECONSUMER', AT.stream, AT.group, 'two');
      const idle = 100;
      await redis.raw.xclaim(AT.stream, AT.group, AT.consumer, 0, '5-1', 'IDLE', idle, 'RETRYCOUNT', 3, 'JUSTID');
      const letterId = await redis.raw.xadd('{job}:dead', '*', 'data', '1', 'x-group', AT.group, 'x-id', '5-1');
      expect(await redriveLetter(redis.raw, AT.stream, '{job}:dead', String(letterId))).toBe('redriven');
      const pending = (await redis.raw.xpending(AT.stream, AT.group, '-', '+', 10)) as [
        string,
        string,
        number,
        number,
      ][];
      expect(pending).toEqual([['5-1', AT.consumer, expect.any(Number), 3]]);
      // Idle for long, the entry would be taken by the next sweep.
      expect(pending[0]?.[2]).toBeLessThan(60_000);
      expect(await redis.raw.xlen('{job}:dead')).toBe(0);
    });
  });
});

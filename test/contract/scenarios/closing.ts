import { lastValueFrom } from 'rxjs';
import { TransportClosedError } from 'nestjs-redis-stream-transport';
import { tell } from '../../support/calls.js';
import { eventually, outcomeOf, within } from '../../support/eventually.js';
import type { Topic } from './topic.js';

const COUNT = 1_000;
const numbers = Array.from({ length: COUNT }, (_, n) => n);

export const closing: Topic = (stage) => {
  describe('close() in the turn of a thousand emits', () => {
    it('writes them all before the connection closes', async () => {
      const client = stage.client();
      await client.connect();
      for (const n of numbers) client.emit('numbers', n);
      await client.close();
      expect(await stage.at('numbers').xlen('numbers')).toBe(COUNT);
      expect(stage.log.text()).toBe('');
    });

    it('writes them all even as the first use of the client', async () => {
      const client = stage.client();
      for (const n of numbers) client.emit('numbers', n);
      await client.close();
      expect(await stage.at('numbers').xlen('numbers')).toBe(COUNT);
      expect(stage.log.text()).toBe('');
    });

    it('rejects each of them where there is no Redis, within a second', async () => {
      const client = stage.client({}, await stage.unreachable());
      const calls = numbers.map((n) => outcomeOf(lastValueFrom(client.emit('numbers', n))));
      await within(1_000, 'the end', client.close());
      const outcomes = await within(500, 'the outcomes', Promise.all(calls));
      expect(outcomes.filter((outcome) => !('error' in outcome))).toEqual([]);
      for (const outcome of outcomes) expect(outcome).toMatchObject({ error: { code: 'TRANSPORT_CLOSED' } });
    });

    it('reports those without a subscriber in one line, with their number', async () => {
      await stage.serve([]);
      const client = stage.client({}, await stage.unreachable());
      for (const n of numbers) client.emit('numbers', n);
      await client.close();
      const lines = stage.log.lines.filter(({ text }) => text.includes('not published'));
      expect(lines).toHaveLength(1);
      expect(lines[0]?.text).toContain(`${COUNT} × ${new TransportClosedError().message}`);
    });

    it('settles each of them when Redis is silent, within two seconds', async () => {
      const proxy = await stage.proxied();
      const client = stage.client({}, proxy.connection);
      await tell(client, 'numbers', 'before');
      proxy.set({ kind: 'blackhole', direction: 'both' });
      const calls = numbers.map((n) => outcomeOf(lastValueFrom(client.emit('numbers', n))));
      const [outcomes] = await within(2_500, 'the end', Promise.all([Promise.all(calls), client.close()]));
      for (const outcome of outcomes) expect(outcome).toHaveProperty('error');
    });
  });

  describe('events that are not published and have no subscriber', () => {
    it('are reported with a count per cause, not once per event', async () => {
      await stage.serve([]);
      const client = stage.client({ publishTimeout: 200 });
      await tell(client, 'right', 0);
      await stage.at('wrong').set('wrong', 'a text');
      for (const n of numbers.slice(0, 50)) {
        client.emit('wrong', n);
        client.emit('right', n);
        client.emit('right', BigInt(n));
      }
      await eventually(() => expect(stage.log.text('error')).toContain('50 × '));
      await client.close();
      const lines = stage.log.lines.filter(({ text }) => text.includes('not published'));
      expect(lines.length).toBeLessThanOrEqual(2);
      const text = lines.map((line) => line.text).join();
      expect(text).toMatch(/50 × Redis refused the message for stream "wrong"/);
      expect(text).toMatch(/50 × The payload cannot be written as JSON/);
    });
  });
};

import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { ask, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import type { LogLine } from '../support/captured-log.js';
import { useStage } from '../support/stage.js';
import { entriesOf, settled } from '../support/stream-view.js';

const SECRET = 'card-4111';
const OPTION = {
  consumerGroup: 'billing-workers',
  concurrency: 64,
  lease: 7_000,
  backoff: { delay: 10, maxDelay: 20 },
  maxAttempts: 3,
};

const stage = useStage();

@Controller()
class Billing {
  @MessagePattern('invoice.total')
  total(@Payload() data: unknown): unknown {
    return data;
  }

  @EventPattern('invoice.sent')
  sent(@Payload() _data: unknown): void {}

  @EventPattern('invoice.lost')
  lost(@Payload() _data: unknown): void {
    throw new Error('not found');
  }

  @EventPattern('invoice.sent', { group: 'billing-audit', concurrency: 5 })
  audit(@Payload() _data: unknown): void {}
}

const linesAbout = (group: string, level: LogLine['level']): string[] =>
  stage.log.lines.filter((line) => line.level === level && line.text.includes(group)).map(({ text }) => text);

describe('a server that boots', () => {
  it('logs one line per group, with the number of its streams, its concurrency and its lease', async () => {
    await stage.serve([Billing], { option: OPTION });
    const workers = linesAbout('billing-workers', 'log');
    expect(workers).toHaveLength(1);
    expect(workers[0]).toMatch(/\b3 streams\b/);
    expect(workers[0]).toMatch(/concurrency\D{0,5}64\b/i);
    expect(workers[0]).toMatch(/lease\D{0,5}(7[,_ ]?000 ?ms|7 ?s)\b/i);
    const audit = linesAbout('billing-audit', 'log');
    expect(audit).toHaveLength(1);
    expect(audit[0]).toMatch(/\b1 stream\b/);
    expect(audit[0]).toMatch(/concurrency\D{0,5}5\b/i);
  });

  it('logs the line again for the next server, but not after a reconnect', async () => {
    const first = await stage.serve([Billing], { option: OPTION });
    await stage.killConnections();
    await eventually(() => expect(ask(stage.client(), 'invoice.total', 1)).resolves.toBe(1));
    expect(linesAbout('billing-workers', 'log')).toHaveLength(1);
    await first.close();
    await stage.serve([Billing], { option: OPTION });
    expect(linesAbout('billing-workers', 'log')).toHaveLength(2);
  });
});

describe('an event that is retried', () => {
  it('logs a debug line for each retry, with its stream, its id and the attempt, and no payload', async () => {
    await stage.serve([Billing], { option: OPTION });
    await tell(stage.client(), 'invoice.lost', { number: SECRET });
    await eventually(async () => expect(await stage.raw.xlen('{invoice.lost}:dead')).toBe(1));
    await settled(stage.raw, 'invoice.lost', 'billing-workers');
    const [letter] = await entriesOf(stage.raw, '{invoice.lost}:dead');
    const id = String(letter?.fields['x-id']);
    const lines = linesAbout(id, 'debug').filter((line) => /attempt/i.test(line));
    expect(lines).toHaveLength(2);
    for (const [at, line] of lines.entries()) {
      expect(line).toContain('invoice.lost');
      expect(line).toMatch(new RegExp(`attempt\\D{0,5}${at + 1}\\b|attempt\\D{0,5}${at + 2}\\b`, 'i'));
    }
    expect(lines[0]).not.toBe(lines[1]);
    expect(stage.log.text()).not.toContain(SECRET);
  });

  it('is the only kind with a debug line, and no payload reaches the log when runs succeed', async () => {
    await stage.serve([Billing], { option: OPTION });
    const client = stage.client();
    expect(await ask(client, 'invoice.total', { number: SECRET })).toEqual({ number: SECRET });
    await tell(client, 'invoice.sent', { number: SECRET });
    for (const group of ['billing-workers', 'billing-audit']) await settled(stage.raw, 'invoice.sent', group);
    expect(stage.log.text()).not.toContain(SECRET);
    expect(linesAbout('invoice.sent', 'debug')).toEqual([]);
  });
});

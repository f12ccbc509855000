import { Controller } from '@nestjs/common';
import { EventPattern, Payload, RpcException } from '@nestjs/microservices';
import { RedisStreamDeadLetters, RedisStreamErrorInterceptor } from 'nestjs-redis-stream-transport';
import { tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import type { Service, ServiceSetting } from '../support/stage.js';
import { entriesOf, settled } from '../support/stream-view.js';

const FAST = { backoff: { delay: 10, maxDelay: 20 }, maxAttempts: 2 };
const CAUSE = 'the printer is on fire';
const SECRET = 'card-4111';

const stage = useStage();

@Controller()
class Printer {
  @EventPattern('print')
  print(@Payload() _data: unknown): void {
    throw new Error(CAUSE);
  }

  @EventPattern('refuse')
  refuse(@Payload() _data: unknown): void {
    throw new RpcException('out of paper');
  }
}

/** The letter of an event that has used up its attempts, and what the application learned about it. */
async function letterOf(
  pattern: string,
  setting: ServiceSetting = {},
): Promise<{ facts: unknown[]; x: Record<string, string>; id: string }> {
  const facts: unknown[] = [];
  const onDeadLetter = (fact: unknown): void => void facts.push(fact);
  await stage.serve([Printer], { ...setting, option: { ...FAST, onDeadLetter } });
  await tell(stage.client(), pattern, { text: SECRET });
  await eventually(() => expect(facts).toHaveLength(1));
  await settled(stage.raw, pattern);
  const [letter] = await entriesOf(stage.raw, `{${pattern}}:dead`);
  return { facts, x: letter?.fields ?? {}, id: letter?.id ?? '' };
}

// The order matters: the server checks whether an interceptor was ever created in this process.
describe('an application without the interceptor', () => {
  it('gets the original error in its dead letters, or one line at boot that says what to install', async () => {
    const { x } = await letterOf('print');
    const advice = stage.log.lines.filter(({ text }) => text.includes('RedisStreamErrorInterceptor'));
    if (x['x-error']?.includes(CAUSE)) expect(advice).toEqual([]);
    else expect(advice.map(({ level }) => level)).toEqual([expect.stringMatching(/^(log|warn)$/)]);
  });
});

describe('an application with the interceptor', () => {
  const installed: ServiceSetting = {
    prepare: (app) => app.useGlobalInterceptors(new RedisStreamErrorInterceptor()),
  };

  it('gets the original error in its dead letters, and no advice at boot', async () => {
    const { x } = await letterOf('print', installed);
    expect(x['x-error']).toContain(CAUSE);
    expect(stage.log.text()).not.toContain('RedisStreamErrorInterceptor');
  });
});

describe('the argument of `onDeadLetter`', () => {
  const installed: ServiceSetting = {
    prepare: (app) => app.useGlobalInterceptors(new RedisStreamErrorInterceptor()),
  };

  it('says what went wrong, where the letter is, after how many attempts and when', async () => {
    const before = Date.now();
    const { facts, x, id } = await letterOf('print', installed);
    const [fact] = facts as { failedAt: Date }[];
    expect(fact).toMatchObject({
      stream: 'print',
      group: 'service',
      id: x['x-id'],
      attempt: 2,
      reason: x['x-reason'],
      error: expect.stringContaining(CAUSE) as string,
      deadLetterStream: '{print}:dead',
      letterId: id,
      failedAt: expect.any(Date) as Date,
    });
    expect(fact?.failedAt.toISOString()).toBe(x['x-failed-at']);
    expect(Math.abs(Number(fact?.failedAt) - before)).toBeLessThan(60_000);
  });

  it('is enough to inspect and redrive the letter, and has no payload', async () => {
    const { facts } = await letterOf('refuse');
    const [fact] = facts as { letterId: string; error: string }[];
    expect(fact?.error).toContain('out of paper');
    expect(JSON.stringify(fact)).not.toContain(SECRET);
    const letters = new RedisStreamDeadLetters({ connection: stage.connection });
    stage.owns(() => letters.close());
    expect(await letters.inspect('refuse', String(fact?.letterId))).toMatchObject({ data: { text: SECRET } });
    expect(await letters.redrive('refuse', String(fact?.letterId))).toBeTruthy();
  });

  it('is also what listeners of `deadLettered` get, even for an undecodable entry', async () => {
    const facts: unknown[] = [];
    const { server }: Service = await stage.serve([Printer], { option: FAST });
    server.on('deadLettered', (fact) => facts.push(fact));
    await stage.raw.xadd('print', '*', 'data', '{"broken');
    await eventually(() => expect(facts).toHaveLength(1));
    const [letter] = await entriesOf(stage.raw, '{print}:dead');
    expect(facts[0]).toMatchObject({
      reason: 'undecodable',
      error: letter?.fields['x-error'],
      letterId: letter?.id,
      attempt: 1,
      failedAt: expect.any(Date) as Date,
    });
  });
});

import { inspect } from 'node:util';
import { Controller, Logger } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import { RequestTimeoutError, TransportUnavailableError } from 'nestjs-redis-stream-transport';
import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { ask, failureOf } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { connectedClients } from '../support/leak-check.js';
import { useStage } from '../support/stage.js';
import { entriesOf } from '../support/stream-view.js';

const stage = useStage();

@Controller()
class Handlers {
  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('never')
  never(@Payload() _data: unknown): Promise<void> {
    return new Promise(() => undefined);
  }
}

/** A client that waits for a reply, its reply stream and the id of its request. */
async function waiting(): Promise<{ answer: Promise<unknown>; inbox: string; id: string; client: RedisStreamClient }> {
  await stage.serve([Handlers], { option: { shutdownTimeout: 0 } });
  const client = stage.client();
  await ask(client, 'echo', 0);
  const answer = ask(client, 'never', 1);
  const [entry] = await eventually(async () => {
    const entries = await entriesOf(stage.raw, 'never');
    expect(entries).toHaveLength(1);
    return entries;
  });
  const inbox = `reply:${String(entry?.fields['reply'])}`;
  // The reader waits for what comes after the last reply.
  await eventually(async () => {
    const blocked = (await connectedClients(stage.raw)).filter((line) => /name=\S+:inbox .* cmd=xread /.test(line));
    expect(blocked).toHaveLength(1);
  });
  return { answer, inbox, id: String(entry?.fields['id']), client };
}

const reply = (redis: Redis, inbox: string, id: string, entryId = '*'): Promise<string | null> =>
  redis.xadd(inbox, 'NOMKSTREAM', entryId, 'id', id, 'seq', '0', 'data', '"late"', 'last', '1');

describe('the reply stream of a waiting client', () => {
  it('is created again within a second after Redis lost everything, and later replies arrive at once', async () => {
    const { answer, inbox, id } = await waiting();
    await stage.raw.flushall();
    await eventually(async () => expect(await stage.raw.exists(inbox)).toBe(1), { within: 900 });
    const written = performance.now();
    expect(await reply(stage.raw, inbox, id)).not.toBeNull();
    await expect(answer).resolves.toBe('late');
    expect(performance.now() - written).toBeLessThan(500);
  });

  it('is created again within a second each time it is deleted', async () => {
    const { answer, inbox, id } = await waiting();
    for (let round = 0; round < 3; round += 1) {
      await stage.raw.del(inbox);
      await eventually(async () => expect(await stage.raw.exists(inbox)).toBe(1), { within: 900 });
    }
    await reply(stage.raw, inbox, id);
    await expect(answer).resolves.toBe('late');
  });

  it('is read from its start when the clock of Redis stepped back as well', async () => {
    const { answer, inbox, id } = await waiting();
    // All ids that the client has seen come from a clock that was far ahead.
    await stage.raw.xadd(inbox, `${Date.now() + 3_600_000}-0`, 'nothing', '1');
    await eventually(async () => expect(await stage.raw.xlen(inbox)).toBe(0));
    await stage.raw.flushall();
    await eventually(async () => expect(await stage.raw.exists(inbox)).toBe(1), { within: 900 });
    const written = performance.now();
    await reply(stage.raw, inbox, id);
    await expect(answer).resolves.toBe('late');
    expect(performance.now() - written).toBeLessThan(1_500);
  });
});

describe('a reply stream that Redis refuses', () => {
  const USER = { username: 'half', password: 'open' };
  const only = async (...rights: string[]): Promise<void> =>
    void (await stage.raw.acl('SETUSER', 'half', 'reset', 'on', '>open', '~*', '&*', '+@all', ...rights));
  const halfClient = (): RedisStreamClient => stage.client({ requestTimeout: 1_200 }, { ...stage.connection, ...USER });

  beforeEach(async () => {
    Logger.overrideLogger(stage.log);
    await stage.raw.xgroup('CREATE', 'echo', 'service', '$', 'MKSTREAM');
  });
  afterEach(() => stage.raw.config('SET', 'maxmemory', '0'));

  it('fails requests and connect() with a transport error that names the cause, when Redis is out of memory', async () => {
    const client = stage.client();
    await stage.raw.config('SET', 'maxmemory', '1');
    for (const call of [ask(client, 'echo', 1), client.connect()]) {
      const error = (await failureOf(call)) as TransportUnavailableError;
      expect(error).toBeInstanceOf(TransportUnavailableError);
      expect(error).toMatchObject({ outcome: 'not-stored', message: expect.stringMatching(/OOM.*Nothing was stored/) });
      expect(inspect(error, { depth: 6 })).not.toContain('args');
    }
    await stage.raw.config('SET', 'maxmemory', '0');
    await client.connect();
  });

  it('is logged once where the client has no right to read it, and callers only see a timeout', async () => {
    await only('-xread');
    const failures = await Promise.all([1, 2].map((n) => failureOf(ask(halfClient(), 'echo', n))));
    for (const failure of failures) expect(failure).toBeInstanceOf(RequestTimeoutError);
    const lines = stage.log.text('error').split('\n');
    // One line per client, although the client repeats the refused read.
    expect(lines).toEqual(Array.from({ length: 2 }, () => expect.stringMatching(/"inbox": NOPERM .*xread/)));
  });

  it('is logged where the client has no right to trim it, and its replies arrive', async () => {
    await only('-xtrim');
    await stage.serve([Handlers]);
    expect(await ask(halfClient(), 'echo', 1)).toBe(1);
    await eventually(() => expect(stage.log.text('error')).toMatch(/"inbox": NOPERM .*xtrim/));
  });
});

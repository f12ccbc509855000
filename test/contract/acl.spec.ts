import { readFileSync } from 'node:fs';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { RedisStreamClient, RedisStreamContext, RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { firstValueFrom, from, timeout } from 'rxjs';
import { ask, askAll, failureOf, tell } from '../support/calls.js';
import { eventually, outcomeOf } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { callsOf, entriesOf, infoOf, pendingOf, settled } from '../support/stream-view.js';

const OPERATIONS = new URL('../../docs/operations.md', import.meta.url);
const PREFIX = 'app:';
const EVENTS = 'app:sms.send';
const REQUESTS = 'app:sms.price';
const DEAD = '{app:sms.send}:dead';
const STRANGER = '11111111-1111-4111-8111-111111111111';

interface User {
  readonly name: string;
  readonly password: string;
  readonly rules: readonly string[];
}

/** The users that docs/operations.md documents. */
function documentedUsers(): Map<string, User> {
  const [, block = ''] = /^```acl\n(.*?)^```$/ms.exec(readFileSync(OPERATIONS, 'utf8')) ?? [];
  const users = block.split('\n').filter(Boolean).map(parseUser);
  return new Map(users.map((user) => [user.name, user]));
}

function parseUser(line: string): User {
  const [word, name = '', ...rules] = line.split(' ');
  const password = rules.find((rule) => rule.startsWith('>'))?.slice(1);
  if (word !== 'user' || password === undefined) throw new Error(`Not a user line: ${line}`);
  return { name, password, rules };
}

const stage = useStage({ appendonly: true });
const users = documentedUsers();
const seen: { data: unknown; attempt: number }[] = [];
let isBroken = false;

@Controller()
class Sms {
  @EventPattern<string>('sms.send')
  send(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    seen.push({ data, attempt: ctx.getAttempt() });
    if (isBroken) throw new Error('not now');
  }

  @MessagePattern('sms.price')
  price(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('sms.stream')
  stream(@Payload() data: number[]): unknown {
    return from(data);
  }

  @MessagePattern('sms.never')
  never(@Payload() _data: unknown): Promise<void> {
    return new Promise(() => undefined);
  }
}

beforeEach(async () => {
  seen.length = 0;
  isBroken = false;
  for (const { name, rules } of users.values()) await stage.raw.call('ACL', 'SETUSER', name, 'reset', ...rules);
  await stage.raw.call('ACL', 'LOG', 'RESET');
});

function login(name: string): { host: string; port: number; username: string; password: string } {
  const user = users.get(name);
  if (!user) throw new Error(`docs/operations.md has no user "${name}"`);
  return { ...stage.connection, username: name, password: user.password };
}

/** A raw client, as an intruder with these rights would use it. */
async function intruder(name: string): Promise<Redis> {
  const client = new Redis({ ...login(name), connectionName: 'test-observer', enableReadyCheck: false });
  stage.owns(() => client.disconnect());
  await eventually(() => expect(client.status).toBe('ready'));
  return client;
}

/** Every command that Redis has refused to any user since the test began. */
async function refusals(): Promise<string[]> {
  const log = (await stage.raw.call('ACL', 'LOG')) as unknown[][];
  return log.map((row) => {
    const about = new Map(Array.from({ length: row.length / 2 }, (_, i) => [row[2 * i], row[2 * i + 1]]));
    return `${String(about.get('username'))}: ${String(about.get('reason'))} ${String(about.get('object'))}`;
  });
}

const clientOf = (name: string): RedisStreamClient => stage.client({ prefix: PREFIX }, login(name));

const QUICK = {
  prefix: PREFIX,
  maxAttempts: 2,
  backoff: { delay: 10, maxDelay: 20 },
  lease: 500,
  sweepInterval: 100,
  consumerTtl: 10_000,
  retention: { maxLength: 10, maxAge: 60_000 },
};

describe('the users of docs/operations.md', () => {
  it('suffice for a normal run: events, requests, streams, retries, dead letters, redrive and an orderly stop', async () => {
    const service = await stage.serve([Sms], { connection: login('consumer'), option: QUICK });
    const producer = clientOf('producer');
    const caller = clientOf('caller');

    await tell(producer, 'sms.send', 1);
    await Promise.all([2, 3, 4].map((n) => tell(producer, 'sms.send', n)));
    await tell(caller, 'sms.send', 5);
    await eventually(() => expect(seen).toHaveLength(5));
    expect(await ask(caller, 'sms.price', { text: 'x' })).toEqual({ text: 'x' });
    expect(await Promise.all([1, 2, 3].map((n) => ask(caller, 'sms.price', n)))).toEqual([1, 2, 3]);
    expect(await askAll(caller, 'sms.stream', [1, 2, 3])).toEqual([1, 2, 3]);
    await settled(stage.raw, EVENTS);

    isBroken = true;
    await tell(producer, 'sms.send', 'poison');
    await eventually(async () => expect(await stage.raw.xlen(DEAD)).toBe(1));
    expect(seen.slice(5)).toEqual([1, 2].map((attempt) => ({ data: 'poison', attempt })));
    isBroken = false;

    const dlqAdmin = new RedisStreamDeadLetters({ connection: login('dlq-admin'), option: { prefix: PREFIX } });
    stage.owns(() => dlqAdmin.close());
    const [letter] = (await dlqAdmin.list('sms.send')).letters;
    expect(await dlqAdmin.inspect('sms.send', letter?.id ?? '')).toMatchObject({ data: 'poison' });
    expect(await dlqAdmin.redriveAll('sms.send')).toBe(1);
    await eventually(() => expect(seen.at(-1)).toEqual({ data: 'poison', attempt: 1 }));
    await settled(stage.raw, EVENTS);
    expect(await dlqAdmin.count('sms.send')).toBe(0);
    await stage.raw.xadd(EVENTS, '*', 'data', '{"broken');
    await eventually(async () => expect(await dlqAdmin.count('sms.send')).toBe(1));
    expect(await dlqAdmin.purgeAll('sms.send')).toBe(1);

    await service.close();
    expect(await infoOf(stage.raw, 'CONSUMERS', EVENTS, 'service')).toEqual([]);
    expect(await refusals()).toEqual([]);
  });

  it('suffice to take over from dead consumers, to remove idle ones, to trim and to read the bytes of an entry', async () => {
    for (const stream of [EVENTS, REQUESTS]) await stage.raw.xgroup('CREATE', stream, 'service', '0', 'MKSTREAM');
    await stage.raw.xadd(EVENTS, '*', 'data', '"left behind"');
    await stage.raw.xreadgroup('GROUP', 'service', 'dead', 'COUNT', 1, 'STREAMS', EVENTS, '>');
    await stage.raw.call('XGROUP', 'CREATECONSUMER', EVENTS, 'service', 'idle-one');
    await stage.serve([Sms], {
      connection: login('consumer'),
      option: { ...QUICK, block: 100, consumerTtl: 1_000, retention: { maxLength: 0 } },
    });
    await eventually(() => expect(seen).toEqual([{ data: 'left behind', attempt: 2 }]));
    const producer = clientOf('producer');
    // A replacement character may mean broken text, so the server reads the bytes.
    for (let n = 0; n < 320; n += 1) await tell(producer, 'sms.send', `\uFFFD${n}`);
    await eventually(() => expect(seen).toHaveLength(321));
    await eventually(async () => {
      const consumers = await infoOf(stage.raw, 'CONSUMERS', EVENTS, 'service');
      expect(consumers).toHaveLength(1);
      expect(await stage.raw.xlen(EVENTS)).toBeLessThan(300);
    });
    expect(await refusals()).toEqual([]);
  });

  it('suffice to cancel a request, to reconnect after a lost connection, and to unblock a read at a stop', async () => {
    const { close } = await stage.serve([Sms], { connection: login('consumer'), option: { ...QUICK, block: 5_000 } });
    const caller = clientOf('caller');
    await failureOf(firstValueFrom(caller.send('sms.never', 1).pipe(timeout(100))));
    await stage.killConnections();
    await eventually(() => expect(ask(caller, 'sms.price', 'again')).resolves.toBe('again'));
    await stage.untilReading();
    await Promise.all([close(), caller.close()]);
    expect(await callsOf(stage.raw, 'client\\|unblock')).toBeGreaterThanOrEqual(1);
    expect(await refusals()).toEqual([]);
  }, 40_000);

  it('need no right to scripts where they only publish', async () => {
    const withoutScripts = ['-eval', '-evalsha'];
    for (const name of ['producer', 'caller']) await stage.raw.call('ACL', 'SETUSER', name, ...withoutScripts);
    await stage.serve([Sms], { connection: login('consumer'), option: QUICK });
    const producer = clientOf('producer');
    await Promise.all([1, 2, 3].map((n) => tell(producer, 'sms.send', n)));
    const caller = clientOf('caller');
    expect(await Promise.all([1, 2, 3].map((n) => ask(caller, 'sms.price', n)))).toEqual([1, 2, 3]);
    await eventually(() => expect(seen).toHaveLength(3));
  });
});

/** The users of a release in which requests could not be cancelled and streams had no shape. */
const FORMER_RULES = {
  caller:
    'reset on >caller-secret resetchannels resetkeys %RW~app:sms.* %RW~app:reply:* -@all +xadd +xdel +xread +xtrim +xinfo|groups +pexpire +eval +evalsha +info +client|setname',
  consumer:
    'reset on >consumer-secret resetchannels resetkeys %RW~app:sms.* %RW~{app:sms.*}:dead %W~app:reply:* -@all +xreadgroup +xack +xclaim +xpending +xadd +xdel +xrange +xlen +xtrim +xgroup|create +xgroup|delconsumer +xinfo|groups +xinfo|consumers +eval +evalsha +time +info +client|id +client|unblock +client|setname',
};

describe('users with the rights of an earlier release', () => {
  beforeEach(async () => {
    for (const [name, rules] of Object.entries(FORMER_RULES))
      await stage.raw.call('ACL', 'SETUSER', name, ...rules.split(' '));
  });

  it('run events and requests, trim, and have a cancelled request deleted, with one line about the missing rights', async () => {
    await stage.serve([Sms], { connection: login('consumer'), option: QUICK });
    const caller = clientOf('caller');
    await Promise.all(Array.from({ length: 300 }, (_, n) => tell(caller, 'sms.send', n)));
    expect(await ask(caller, 'sms.price', 1)).toBe(1);
    await failureOf(firstValueFrom(caller.send('sms.never', 1).pipe(timeout(100))));
    await eventually(async () => expect(await stage.raw.xlen('app:sms.never')).toBe(0));
    // No later than the next renewal of its lease.
    await settled(stage.raw, 'app:sms.never');
    await eventually(async () => expect(await stage.raw.xlen(EVENTS)).toBeLessThan(150));
    expect(stage.log.text('error')).toBe('');
    expect(stage.log.lines.filter(({ text }) => text.includes('app:ctl')).length).toBeLessThanOrEqual(2);
  });
});

const FORBIDDEN: readonly (readonly [what: string, ...command: string[]])[] = [
  ['DEL of a stream', 'DEL', EVENTS],
  ['DEL of an inbox', 'DEL', `app:reply:${STRANGER}`],
  ['UNLINK', 'UNLINK', EVENTS],
  ['FLUSHALL', 'FLUSHALL'],
  ['FLUSHDB', 'FLUSHDB'],
  ['XGROUP DESTROY', 'XGROUP', 'DESTROY', EVENTS, 'service'],
  ['XGROUP SETID', 'XGROUP', 'SETID', EVENTS, 'service', '0'],
  ['CONFIG', 'CONFIG', 'GET', '*'],
  ['KEYS', 'KEYS', '*'],
  ['SCRIPT FLUSH', 'SCRIPT', 'FLUSH'],
  ['another application', 'XADD', 'other:sms.send', '*', 'data', '1'],
  ["another prefix's replies", 'XADD', `other:reply:${STRANGER}`, '*', 'data', '1'],
  ['a script that deletes', 'EVAL', `return redis.call('DEL', '${EVENTS}')`, '0'],
  ['a script that writes elsewhere', 'EVAL', `return redis.call('XADD', 'other', '*', 'data', '1')`, '0'],
];

describe.each([...users.keys()])('the user "%s"', (name) => {
  beforeEach(async () => {
    await stage.raw.xgroup('CREATE', EVENTS, 'service', '0', 'MKSTREAM');
    await stage.raw.xadd(EVENTS, '*', 'data', '"secret"');
    await stage.raw.xadd(`app:reply:${STRANGER}`, '*', 'data', '"secret"');
    await stage.raw.xadd(`other:reply:${STRANGER}`, '*', 'data', '"secret"');
    await stage.raw.xadd(DEAD, '*', 'data', '"secret"');
  });

  afterEach(async () => {
    await stage.raw.del(`app:reply:${STRANGER}`, `other:reply:${STRANGER}`);
  });

  it.each(FORBIDDEN)('is refused %s', async (_what, command, ...args) => {
    const client = await intruder(name);
    const error = await failureOf(client.call(command, ...args));
    expect(String(error)).toMatch(/NOPERM|can't (run|access)|no permissions/i);
    expect(await entriesOf(stage.raw, EVENTS)).toHaveLength(1);
  });

  it("reads another client's replies only as a caller of the same prefix", async () => {
    const client = await intruder(name);
    const isRead = async (key: string): Promise<boolean> =>
      'value' in (await outcomeOf(client.call('XREAD', 'STREAMS', key, '0'))) ||
      'value' in (await outcomeOf(client.call('XRANGE', key, '-', '+')));
    expect(await isRead(`app:reply:${STRANGER}`)).toBe(name === 'caller');
    expect(await isRead(`other:reply:${STRANGER}`)).toBe(false);
  });

  it('reads events and dead letters only where its role needs them', async () => {
    const client = await intruder(name);
    const events = await outcomeOf(client.call('XREADGROUP', 'GROUP', 'service', 'x', 'STREAMS', EVENTS, '>'));
    const dead = await outcomeOf(client.call('XRANGE', DEAD, '-', '+'));
    expect('value' in events).toBe(name === 'consumer');
    expect('value' in dead).toBe(name === 'consumer' || name === 'dlq-admin');
    expect(await pendingOf(stage.raw, EVENTS)).toBe(name === 'consumer' ? 1 : 0);
  });
});

import { RedisStreamError, TooManyPendingError, TransportUnavailableError } from 'nestjs-redis-stream-transport';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.js';
import { ask, failureOf, tell } from '../support/calls.js';
import { eventually, outcomeOf, within } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { recordedService } from '../support/recorded-service.js';

// `always`: an event that Redis has confirmed is on disk, so a SIGKILL must not lose it.
const stage = useStage({ appendonly: true, args: ['--appendfsync', 'always'] });
const SECRET = 'open-sesame';

beforeEach(() => {
  // Registered first, so it runs last: the next test finds a healthy server, whatever the outcome of this one.
  stage.owns(async () => {
    if (!stage.redis.isRunning) await stage.redis.restart();
    await stage.raw.config('SET', 'requirepass', '', 'maxclients', '10000');
    await stage.raw.call('ACL', 'DELUSER', 'bound');
  });
});

describe('a service and its client without a working Redis', () => {
  it('lose nothing confirmed over a kill and a restart under load, and double only what was in flight', async () => {
    const reconnects: number[] = [];
    const recorded = recordedService(() => pause(5, 'answered'));
    const { server } = await stage.serve(recorded.handlers, { option: { ...QUICK, concurrency: 16 } });
    server.on('reconnecting', () => reconnects.push(performance.now()));
    const client = stage.client({ publishTimeout: 3_000, requestTimeout: 4_000 });
    await client.connect();
    const confirmed: string[] = [];
    const doubtful: string[] = [];
    const untyped: unknown[] = [];
    const calls: Promise<unknown>[] = [];
    let next = 0;
    const load = setInterval(() => {
      const name = `n-${next++}`;
      calls.push(outcomeOf(tell(client, 'job', name)).then((o) => ('error' in o ? doubtful : confirmed).push(name)));
      calls.push(
        outcomeOf(ask(client, 'job.ask', `ask-${name}`)).then((outcome) => {
          if ('error' in outcome && !(outcome.error instanceof RedisStreamError)) untyped.push(outcome.error);
        }),
      );
    }, 10);
    try {
      await recorded.untilRun(40);
      await stage.redis.kill();
      const down = performance.now();
      await eventually(() => expect(performance.now() - down).toBeGreaterThan(700));
      await stage.redis.restart();
      const before = recorded.runs.length;
      await recorded.untilRun(before + 40, 2_000);
    } finally {
      clearInterval(load);
    }
    await within(10_000, 'the end of every call', Promise.all(calls));
    await settled(stage.raw, 'job');
    expect(untyped).toEqual([]);
    expect(confirmed.filter((name) => recorded.of(name).length === 0)).toEqual([]);
    const doubles = confirmed.filter((name) => recorded.of(name).length > 1);
    expect(doubles.length).toBeLessThanOrEqual(16);
    for (const name of doubtful) expect(recorded.of(name).length).toBeLessThan(2);
    // Two connections with growing pauses: no hot loop.
    expect(reconnects.length).toBeLessThanOrEqual(16);
  });

  it('fail calls in time as not stored, bound what waits, and work again with the first call after a long outage', async () => {
    const recorded = recordedService();
    await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client({ publishTimeout: 300, maxPending: 100 });
    await tell(client, 'job', 'before');
    let isDown = false;
    client.on('close', () => (isDown = true));
    await stage.redis.kill();
    await eventually(() => expect(isDown).toBe(true));
    const started = performance.now();
    const failures = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => failureOf(tell(client, 'job', `n-${n}`))),
    );
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(failures.filter((error) => error instanceof TransportUnavailableError)).toHaveLength(100);
    expect(failures.filter((error) => error instanceof TooManyPendingError)).toHaveLength(900);
    await stage.redis.restart();
    await eventually(() => tell(client, 'job', 'after'));
    await eventually(() => expect(recorded.names()).toContain('after'));
    expect(recorded.names().filter((name) => name.startsWith('n-'))).toEqual([]);
  });

  it('close at once while reconnecting, reject what waits, and leave nothing open', async () => {
    const recorded = recordedService();
    const { server, close } = await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client({ publishTimeout: 30_000 });
    await tell(client, 'job', 'before');
    let tries = 0;
    server.on('reconnecting', () => (tries += 1));
    client.on('reconnecting', () => (tries += 1));
    const statuses: string[] = [];
    server.status.subscribe((status) => statuses.push(status));
    await stage.redis.kill();
    await eventually(() => expect(tries).toBeGreaterThan(4));
    const waiting = [failureOf(tell(client, 'job', 'waits')), failureOf(ask(client, 'job.ask', 'waits'))];
    const started = performance.now();
    await Promise.all([close(), client.close()]);
    expect(performance.now() - started).toBeLessThan(1_000);
    const errors = await within(500, 'the rejections', Promise.all(waiting));
    for (const error of errors) expect(error).toMatchObject({ code: 'TRANSPORT_CLOSED' });
    expect(statuses.at(-1)).toBe('disconnected');
    await stage.redis.restart();
  });

  it('close within 200 ms when idle', async () => {
    const idle = await stage.serve(recordedService().handlers, { option: { block: 5_000 } });
    await stage.untilReading();
    const started = performance.now();
    await idle.close();
    expect(performance.now() - started).toBeLessThan(200);
  });

  it('wait for the end of a blocking read to close without the right to CLIENT UNBLOCK', async () => {
    await stage.raw.call('ACL', 'SETUSER', 'bound', 'on', `>${SECRET}`, '~*', '&*', '+@all', '-client|unblock');
    const connection = { ...stage.connection, username: 'bound', password: SECRET };
    const idle = await stage.serve(recordedService().handlers, { connection, option: { block: 600 } });
    await stage.untilReading();
    const started = performance.now();
    await idle.close();
    expect(performance.now() - started).toBeLessThan(600 + 400);
  });

  it.each([
    ['a refused port', async () => ({ host: '127.0.0.1', port: await freePort() })],
    ['a name that does not resolve', async () => Promise.resolve({ host: 'nowhere.invalid', port: 6379 })],
  ])('fail listen() after connectTimeout at %s, with one line per connection, no secret', async (_name, target) => {
    const connection = { ...(await target()), password: SECRET };
    const { app } = await stage.prepare(recordedService().handlers, { connection, option: { connectTimeout: 300 } });
    const error = await failureOf(within(3_000, 'the refusal', app.listen()));
    expect(error).toBeInstanceOf(TransportUnavailableError);
    const complaints = stage.log.lines.filter(({ text }) => text.includes('Redis connection'));
    // One line per connection, not one per attempt.
    expect(complaints.length).toBeLessThanOrEqual(2);
    expect(stage.log.text() + String(error)).not.toContain(SECRET);
  });

  it('keep trying to connect while maxclients is reached, and succeed when there is room', async () => {
    const recorded = recordedService();
    await stage.serve(recorded.handlers, { option: QUICK });
    await tell(stage.client(), 'job', 'before');
    const clients = Number(/connected_clients:(\d+)/.exec(await stage.raw.info('clients'))?.[1]);
    await stage.raw.config('SET', 'maxclients', String(clients));
    const late = stage.client({ publishTimeout: 300 });
    expect(await failureOf(tell(late, 'job', 'no room'))).toBeInstanceOf(TransportUnavailableError);
    await stage.raw.config('SET', 'maxclients', '10000');
    await eventually(() => tell(late, 'job', 'room'));
    await eventually(() => expect(recorded.names()).toContain('room'));
    expect(recorded.names()).not.toContain('no room');
  });

  it('reject every call after a password change, hang nowhere, and recover when the old password is back', async () => {
    await stage.raw.config('SET', 'requirepass', SECRET);
    await stage.raw.auth(SECRET);
    const connection = { ...stage.connection, password: SECRET };
    const recorded = recordedService((name) => name);
    await stage.serve(recorded.handlers, { connection, option: QUICK });
    const client = stage.client({ publishTimeout: 300, requestTimeout: 1_000 }, connection);
    expect(await ask(client, 'job.ask', 'before')).toBe('before');
    await stage.raw.config('SET', 'requirepass', 'another-one');
    await stage.killConnections();
    const calls = [failureOf(tell(client, 'job', 'locked out')), failureOf(ask(client, 'job.ask', 'locked out'))];
    const errors = await within(2_500, 'the rejections', Promise.all(calls));
    for (const error of errors) expect(error).toBeInstanceOf(RedisStreamError);
    await stage.raw.config('SET', 'requirepass', SECRET);
    await eventually(() => tell(client, 'job', 'after'));
    expect(await ask(client, 'job.ask', 'after')).toBe('after');
    expect(recorded.of('locked out')).toEqual([]);
    expect(stage.log.text()).toMatch(/WRONGPASS|NOAUTH/);
    expect(stage.log.text() + errors.map(String).join('\n')).not.toMatch(/open-sesame|another-one/);
  });

  it('refuse a plaintext port where TLS was asked for, and never downgrade', async () => {
    const connection = { ...stage.connection, tls: {}, password: SECRET };
    const client = stage.client({ publishTimeout: 300 }, connection);
    const error = await failureOf(tell(client, 'job', 'in the clear'));
    expect(error).toBeInstanceOf(TransportUnavailableError);
    const { app } = await stage.prepare(recordedService().handlers, { connection, option: { connectTimeout: 300 } });
    expect(await failureOf(app.listen())).toBeInstanceOf(TransportUnavailableError);
    expect(await stage.raw.exists('job')).toBe(0);
  });
});

import type { RedisStreamServer } from 'nestjs-redis-stream-transport';
import { PublishRejectedError } from 'nestjs-redis-stream-transport';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, failureOf, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually, within } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { callsOf, pendingOf, settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { recordedService } from '../support/recorded-service.js';

const stage = useStage({ appendonly: true, debugCommand: true });
const PASSWORD = 'open-sesame';

beforeEach(() => {
  stage.owns(async () => {
    const healthy = ['maxmemory', '0', 'maxmemory-policy', 'noeviction', 'min-replicas-to-write', '0'];
    await stage.raw.config('SET', ...(healthy as ['maxmemory', string]));
    await stage.raw.call('REPLICAOF', 'NO', 'ONE');
    await stage.raw.call('ACL', 'DELUSER', 'worker', 'plain');
  });
});

describe('a service whose Redis refuses commands', () => {
  it('refuses publishing as retriable while Redis loads its dataset; new clients wait, and consumers go on afterwards', async () => {
    const recorded = recordedService((name) => name);
    await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client();
    expect(await ask(client, 'job.ask', 'before')).toBe('before');
    // While Redis loads an AOF, it serves clients after every 1,024 commands; the delay makes each command slow.
    const ballast = stage.raw.pipeline();
    for (let n = 0; n < 6_000; n += 1) ballast.set('ballast', n);
    await ballast.exec();
    await stage.raw.config('SET', 'key-load-delay', '400');
    await stage.raw.config('SET', 'loading-process-events-interval-bytes', '1024');
    const onlooker = stage.redis.client({ enableReadyCheck: false });
    stage.owns(() => onlooker.quit());
    const loading = stage.raw.call('DEBUG', 'LOADAOF');
    await eventually(async () => expect(await onlooker.info('persistence')).toContain('loading:1'));
    const error = await failureOf(tell(client, 'job', 'refused'));
    expect(error).toBeInstanceOf(PublishRejectedError);
    expect(error).toMatchObject({ retriable: true, outcome: 'not-stored' });
    const newcomer = stage.client({ publishTimeout: 8_000 });
    const answer = ask(newcomer, 'job.ask', 'meanwhile');
    await within(8_000, 'the load', loading);
    await stage.raw.config('SET', 'key-load-delay', '0');
    expect(await answer).toBe('meanwhile');
    await tell(client, 'job', 'after');
    await eventually(() => expect(recorded.names()).toContain('after'));
    expect(recorded.names()).not.toContain('refused');
    await settled(stage.raw, 'job');
  });

  it('refuses publishing as retriable while Redis is READONLY, and acks a finished entry later', async () => {
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    await stage.serve(recorded.handlers, { option: { ...QUICK, lease: 5_000, sweepInterval: 500 } });
    const client = stage.client();
    await tell(client, 'job', 'running');
    await recorded.untilRun(1);
    await stage.raw.call('REPLICAOF', '127.0.0.1', '1');
    const error = await failureOf(tell(client, 'job', 'refused'));
    expect(error).toBeInstanceOf(PublishRejectedError);
    expect(error).toMatchObject({ retriable: true, outcome: 'not-stored' });
    gate.resolve();
    await eventually(() => expect(recorded.runs[0]?.endedAt).toBeDefined());
    await stage.raw.call('REPLICAOF', 'NO', 'ONE');
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(0));
    await eventually(() => tell(client, 'job', 'after'));
    await eventually(() => expect(recorded.names()).toEqual(['running', 'after']));
    await settled(stage.raw, 'job');
  });

  it('refuses publishing while Redis is out of memory, but goes on draining and acking', async () => {
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    await stage.serve(recorded.handlers, { option: { ...QUICK, concurrency: 1 } });
    const client = stage.client();
    for (let n = 0; n < 5; n += 1) await tell(client, 'job', `n-${n}`);
    await recorded.untilRun(1);
    await stage.raw.config('SET', 'maxmemory', '1');
    expect(await failureOf(tell(client, 'job', 'refused'))).toMatchObject({
      code: 'PUBLISH_REJECTED',
      retriable: true,
    });
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(recorded.names()).toEqual(['n-0', 'n-1', 'n-2', 'n-3', 'n-4']);
    await stage.raw.config('SET', 'maxmemory', '0');
    await tell(client, 'job', 'after');
    await recorded.untilRun(6);
  });

  it('warns of an eviction policy at boot, rejoins an evicted stream from the start and emits groupRecreated', async () => {
    await stage.raw.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const recorded = recordedService();
    const { server } = await stage.serve(recorded.handlers, { option: QUICK });
    expect(stage.log.text('warn')).toContain('maxmemory-policy is "allkeys-lru"');
    const told = recreations(server);
    await stage.untilReading();
    // Does what eviction does, to a chosen key.
    await stage.raw.del('job');
    const client = stage.client();
    await tell(client, 'job', 'after');
    await recorded.untilRun(1);
    expect(told).toContain('job');
    await settled(stage.raw, 'job');
  });

  it('refuses publishing with MISCONF, and acks a finished entry once the disk works again', async () => {
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    await stage.serve(recorded.handlers, { option: { ...QUICK, lease: 10_000, sweepInterval: 500 } });
    const client = stage.client();
    await tell(client, 'job', 'running');
    await recorded.untilRun(1);
    const dump = join(stage.redis.dir, 'dump.rdb');
    await rm(dump, { force: true });
    await mkdir(dump);
    await writeFile(join(dump, 'occupied'), '');
    // Redis refuses writes after a failed save only if `save` is configured.
    await stage.raw.config('SET', 'save', '3600 1');
    await stage.raw.call('BGSAVE');
    await eventually(async () => expect(await stage.raw.info('persistence')).toContain('rdb_last_bgsave_status:err'));
    expect(await failureOf(tell(client, 'job', 'refused'))).toMatchObject({
      code: 'PUBLISH_REJECTED',
      retriable: true,
    });
    gate.resolve();
    await eventually(() => expect(recorded.runs[0]?.endedAt).toBeDefined());
    await rm(dump, { recursive: true });
    await stage.raw.config('SET', 'save', '');
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(0));
    await tell(client, 'job', 'after');
    await eventually(() => expect(recorded.names()).toEqual(['running', 'after']));
    await settled(stage.raw, 'job');
  });

  it('refuses publishing with NOREPLICAS, repeats acks without a hot loop, and recovers', async () => {
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    await stage.serve(recorded.handlers, { option: { ...QUICK, lease: 10_000, sweepInterval: 500 } });
    const client = stage.client();
    await tell(client, 'job', 'running');
    await recorded.untilRun(1);
    await stage.raw.config('SET', 'min-replicas-to-write', '1');
    expect(await failureOf(tell(client, 'job', 'refused'))).toMatchObject({
      code: 'PUBLISH_REJECTED',
      retriable: true,
    });
    const commands = await acksTried();
    gate.resolve();
    const watched = performance.now();
    await eventually(() => expect(performance.now() - watched).toBeGreaterThan(1_000));
    expect((await acksTried()) - commands).toBeLessThan(60);
    expect(await pendingOf(stage.raw, 'job')).toBe(1);
    await stage.raw.config('SET', 'min-replicas-to-write', '0');
    await settled(stage.raw, 'job');
    expect(recorded.names()).toEqual(['running']);
  });

  it('names the command when a right is revoked, reads at most one more entry, and recovers when it is granted', async () => {
    const rights = ['on', `>${PASSWORD}`, '~*', '&*', '+@all'];
    await stage.raw.call('ACL', 'SETUSER', 'worker', ...rights);
    const recorded = recordedService();
    await stage.serve(recorded.handlers, {
      connection: { ...stage.connection, username: 'worker', password: PASSWORD },
      option: QUICK,
    });
    const client = stage.client();
    await tell(client, 'job', 'before');
    await recorded.untilRun(1);
    await settled(stage.raw, 'job');
    await stage.raw.call('ACL', 'SETUSER', 'worker', '-xreadgroup', '-xgroup|create');
    // The read that Redis allowed is still blocked, and may return one more.
    await tell(client, 'job', 'last of the old read');
    await eventually(() => expect(stage.log.text('warn')).toMatch(/xreadgroup|xgroup/));
    await tell(client, 'job', 'forbidden');
    expect(recorded.names()).toEqual(['before', 'last of the old read']);
    await stage.raw.call('ACL', 'SETUSER', 'worker', '+@all');
    await eventually(() => expect(recorded.names()).toContain('forbidden'), { within: 10_000 });
    await settled(stage.raw, 'job');
    expect(stage.log.text()).not.toContain(PASSWORD);
  });

  it('runs nothing twice without the right to ack, and acks when it is granted', async () => {
    await stage.raw.call('ACL', 'SETUSER', 'worker', 'on', `>${PASSWORD}`, '~*', '&*', '+@all', '-xack');
    const recorded = recordedService();
    await stage.serve(recorded.handlers, {
      connection: { ...stage.connection, username: 'worker', password: PASSWORD },
      option: QUICK,
    });
    await tell(stage.client(), 'job', 'stays');
    await recorded.untilRun(1);
    const watched = performance.now();
    await eventually(() => expect(performance.now() - watched).toBeGreaterThan(2 * QUICK.lease));
    expect(await pendingOf(stage.raw, 'job')).toBe(1);
    expect(recorded.runs).toHaveLength(1);
    await stage.raw.call('ACL', 'SETUSER', 'worker', '+xack');
    await settled(stage.raw, 'job');
    expect(recorded.runs).toHaveLength(1);
  });

  it('loads its scripts again on their next use after any SCRIPT FLUSH', async () => {
    let fails = true;
    const recorded = recordedService(() => {
      if (fails) throw new Error('not yet');
    });
    await stage.serve(recorded.handlers, {
      option: { ...QUICK, backoff: { delay: 50, maxDelay: 50 }, maxAttempts: 50 },
    });
    await tell(stage.client(), 'job', 'retried');
    for (let run = 1; run <= 5; run += 1) {
      await recorded.untilRun(run);
      await stage.raw.script('FLUSH');
    }
    fails = false;
    await settled(stage.raw, 'job');
    expect(recorded.runs.map(({ attempt }) => attempt)).toEqual(recorded.runs.map((_, at) => at + 1));
  });

  it('works with a Redis that speaks RESP2 only and refuses HELLO and CLIENT SETNAME', async () => {
    const narrow = ['on', `>${PASSWORD}`, '~*', '&*', '+@all', '-hello', '-client|setname'];
    await stage.raw.call('ACL', 'SETUSER', 'plain', ...narrow);
    const connection = { ...stage.connection, username: 'plain', password: PASSWORD };
    const recorded = recordedService((name) => name);
    await stage.serve(recorded.handlers, { connection, option: QUICK });
    const client = stage.client({}, connection);
    expect(await ask(client, 'job.ask', 'plainly')).toBe('plainly');
    await tell(client, 'job', 'event');
    await eventually(() => expect(recorded.names()).toEqual(['plainly', 'event']));
    await settled(stage.raw, 'job');
  });
});

function recreations(server: RedisStreamServer): string[] {
  const told: string[] = [];
  server.on('groupRecreated', ({ stream }) => told.push(stream));
  return told;
}

/** Number of ack attempts, successful or not. */
async function acksTried(): Promise<number> {
  return callsOf(stage.raw, 'xack');
}

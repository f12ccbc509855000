import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import type { Deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';

const PASSWORD = 'quiet-please';
const LEASE_MS = 1_500;
const HEALTHY = ['healthy.1', 'healthy.2'];

const stage = useStage();
let runs: { stream: string; attempt: number; signal: AbortSignal }[] = [];
let gate: Deferred;

beforeEach(() => {
  runs = [];
  gate = deferred();
  stage.owns(() => gate.resolve());
});

/** The broken stream is between the healthy ones, so that the order of renewals makes no difference. */
@Controller()
class Patient {
  @EventPattern<string[]>(['healthy.1', 'broken', 'healthy.2'])
  work(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): Promise<void> {
    runs.push({ stream: ctx.getStream(), attempt: ctx.getAttempt(), signal: ctx.signal });
    return gate.promise;
  }
}

async function limitServers(...rules: string[]): Promise<void> {
  await stage.raw.call('ACL', 'SETUSER', 'service', ...rules);
}

/** Starts two instances of one service; the first holds an entry of each stream. */
async function serveTwice(): Promise<unknown[]> {
  await limitServers('reset', 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
  const lost: unknown[] = [];
  const setting = {
    connection: { ...stage.connection, username: 'service', password: PASSWORD },
    option: { ...QUICK, lease: LEASE_MS, shutdownTimeout: 500 },
    prepare: (_app: unknown, server: { on(event: 'leaseLost', listener: (fact: unknown) => void): void }): void =>
      server.on('leaseLost', (fact) => lost.push(fact)),
  };
  await stage.serve([Patient], setting);
  const client = stage.client();
  for (const stream of ['healthy.1', 'broken', 'healthy.2']) await tell(client, stream, 1);
  await eventually(() => expect(runs).toHaveLength(3));
  await stage.serve([Patient], setting);
  return lost;
}

/** Each of these makes renewals of the stream `broken` fail from then on. */
const FAULTS: readonly (readonly [string, () => Promise<unknown>])[] = [
  [
    'WRONGTYPE, because it is no longer a stream',
    async (): Promise<void> => {
      await stage.raw.multi().del('broken').set('broken', 'a text').exec();
    },
  ],
  [
    'NOGROUP, because its group was destroyed and cannot be created',
    async (): Promise<void> => {
      await limitServers('-xgroup', '(+xgroup ~healthy.*)');
      await stage.raw.xgroup('DESTROY', 'broken', 'service');
    },
  ],
  ['NOPERM, because the right to its key was revoked', (): Promise<void> => limitServers('resetkeys', '~healthy.*')],
];

describe('a stream whose leases cannot be renewed', () => {
  it.each(FAULTS)('stops no renewal of another stream: %s', async (_what, breakIt) => {
    const lost = await serveTwice();
    const startedAt = performance.now();
    await breakIt();
    await eventually(() => expect(performance.now() - startedAt).toBeGreaterThan(3 * LEASE_MS + 500), {
      every: 100,
    });
    const healthy = runs.filter(({ stream }) => stream !== 'broken');
    expect(healthy.map(({ stream, attempt, signal }) => `${stream} ${attempt} ${signal.aborted}`)).toEqual(
      HEALTHY.map((stream) => `${stream} 1 false`),
    );
    expect(lost.filter((fact) => (fact as { stream: string }).stream !== 'broken')).toEqual([]);
    gate.resolve();
    for (const stream of HEALTHY) await eventually(async () => expect(await pendingOf(stage.raw, stream)).toBe(0));
  });
});

import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import { RedisStreamContext, RequestCancelledError } from 'nestjs-redis-stream-transport';
import { eventually } from '../support/eventually.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';

/** Usually milliseconds. The lease is far longer, so only a cancellation can end a run this soon. */
const SOON_MS = 1_000;
const PATTERNS = ['birch', 'cedar', 'elder', 'maple', 'oak', 'rowan'].map((place) => `request.${place}`);

const stage = useStage();
let cluster: RedisCluster;
let signals: AbortSignal[] = [];

@Controller()
class Waiting {
  @MessagePattern(PATTERNS)
  wait(@Ctx() ctx: RedisStreamContext): Promise<void> {
    signals.push(ctx.signal);
    return new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve()));
  }
}

beforeAll(async () => {
  cluster = await RedisCluster.start();
}, 30_000);
afterAll(() => cluster.stop());
beforeEach(() => {
  signals = [];
});
afterEach(async () => {
  for (const key of PATTERNS) await cluster.observerOf(key).flushall();
});

describe('callers that stop waiting in a Redis Cluster', () => {
  it('abort the handlers of their requests at once, whichever node has the streams', async () => {
    expect(new Set(PATTERNS.map((pattern) => cluster.processOf(pattern).port)).size).toBe(3);
    await stage.serve([Waiting], { connection: cluster.connection, option: { lease: 30_000, shutdownTimeout: 100 } });
    const client = stage.client({}, cluster.connection);
    const subscriptions = PATTERNS.map((pattern) => client.send(pattern, {}).subscribe({ error: () => undefined }));
    await eventually(() => expect(signals.length).toBe(PATTERNS.length));
    for (const subscription of subscriptions) subscription.unsubscribe();
    await eventually(() => expect(signals.filter(({ aborted }) => !aborted).length).toBe(0), { within: SOON_MS });
    for (const { reason } of signals) expect(reason).toBeInstanceOf(RequestCancelledError);
    for (const pattern of PATTERNS) {
      const observer = cluster.observerOf(pattern);
      await eventually(async () =>
        expect([await observer.xlen(pattern), await pendingOf(observer, pattern)]).toEqual([0, 0]),
      );
    }
  });
});

import { Controller, Injectable } from '@nestjs/common';
import type { INestApplication, OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { RedisStreamServer } from 'nestjs-redis-stream-transport';
import { ask, tell } from '../../support/calls.js';
import { deferred } from '../../support/deferred.js';
import type { Deferred } from '../../support/deferred.js';
import { eventually, within } from '../../support/eventually.js';
import { rootModule } from '../../support/nest-app.js';
import { infoOf, pendingOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const steps: string[] = [];
let work: Deferred;

/** Stands for a database pool that a provider closes in a hook of Nest. */
class Pool {
  private isOpen = true;

  query(what: string): void {
    if (!this.isOpen) throw new Error('the pool is closed');
    steps.push(what);
  }

  end(): void {
    this.isOpen = false;
    steps.push('pool closed');
  }
}

@Injectable()
class PlainDatabase implements OnModuleDestroy {
  readonly pool = new Pool();

  onModuleDestroy(): void {
    this.pool.end();
  }
}

@Injectable()
class DrainingDatabase implements OnModuleDestroy {
  readonly pool = new Pool();

  constructor(private readonly server: RedisStreamServer) {}

  async onModuleDestroy(): Promise<void> {
    await this.server.drain();
    this.pool.end();
  }
}

abstract class Database {
  abstract readonly pool: Pool;
}

@Controller()
class Jobs {
  constructor(private readonly database: Database) {}

  @EventPattern('job')
  async job(@Payload() name: string): Promise<void> {
    steps.push(`${name} began`);
    await work.promise;
    this.database.pool.query(`${name} written`);
  }

  @MessagePattern('question')
  async question(@Payload() data: unknown): Promise<unknown> {
    steps.push('question began');
    await work.promise;
    return data;
  }
}

interface Hybrid {
  readonly app: INestApplication;
  readonly server: RedisStreamServer;
}

@Controller()
class Later {
  @EventPattern('job')
  job(@Payload() name: string): void {
    steps.push(`${name}, elsewhere`);
  }

  @EventPattern('stuck')
  async stuck(@Payload() _data: unknown): Promise<void> {
    steps.push('stuck began');
    await work.promise;
  }
}

export const drain: Topic = (stage, features) => {
  beforeEach(() => {
    steps.length = 0;
    work = deferred();
  });

  /** An application with HTTP and message handlers, as `connectMicroservice` makes it. */
  async function serveHybrid(implementation: typeof PlainDatabase | typeof DrainingDatabase): Promise<Hybrid> {
    const option = { ...stage.defaults, consumerGroup: 'service', shutdownTimeout: 5_000 };
    const server = new RedisStreamServer({ connection: stage.connection, option });
    const providers = [
      { provide: RedisStreamServer, useValue: server },
      { provide: Database, useClass: implementation },
    ];
    const app = await NestFactory.create(rootModule({ controllers: [Jobs], providers }), {
      logger: stage.log,
      abortOnError: false,
    });
    stage.owns(() => app.close());
    app.connectMicroservice<MicroserviceOptions>({ strategy: app.get(RedisStreamServer) });
    app.enableShutdownHooks(['SIGUSR2']);
    await app.startAllMicroservices();
    await app.init();
    return { app, server };
  }

  describe('drain()', () => {
    it('lets a running handler finish before a provider closes its pool in onModuleDestroy', async () => {
      const { app } = await serveHybrid(DrainingDatabase);
      await tell(stage.client(), 'job', 'first');
      await eventually(() => expect(steps).toEqual(['first began']));
      const closing = app.close();
      await tell(stage.client(), 'job', 'second');
      work.resolve();
      await within(5_000, 'close()', closing);
      expect(steps).toEqual(['first began', 'first written', 'pool closed']);
      if (features.unblocksReads) {
        expect(await pendingOf(stage.at('job'), 'job')).toBe(0);
        expect(await infoOf(stage.at('job'), 'CONSUMERS', 'job', 'service')).toEqual([]);
      }
      // A read that could not be ended may have got the second event, which is left to others.
      await stage.serve([Later]);
      await settled(stage.at('job'), 'job');
      expect(steps.slice(3)).toEqual(['second, elsewhere']);
    });

    it('is necessary: without it Nest closes the pool under the handler, and the event has to run again', async () => {
      const { app } = await serveHybrid(PlainDatabase);
      await tell(stage.client(), 'job', 'first');
      await eventually(() => expect(steps).toEqual(['first began']));
      const closing = app.close();
      await eventually(() => expect(steps).toContain('pool closed'));
      work.resolve();
      await within(5_000, 'close()', closing);
      expect(steps).toEqual(['first began', 'pool closed']);
      expect(await pendingOf(stage.at('job'), 'job')).toBe(1);
    });

    it('accepts nothing new, settles what ran and keeps the connections until close()', async () => {
      const { app, server } = await serveHybrid(PlainDatabase);
      const client = stage.client();
      const answer = ask(client, 'question', 42);
      await eventually(() => expect(steps).toEqual(['question began']));
      const drained = server.drain();
      work.resolve();
      await expect(answer).resolves.toBe(42);
      await within(5_000, 'drain()', drained);
      await tell(client, 'job', 'later');
      expect(server.unwrap()[0]?.status).toBe('ready');
      expect(await stage.at('job').xlen('job')).toBe(1);
      expect(steps).toEqual(['question began']);
      await app.close();
      const { close } = await stage.serve([Later]);
      await settled(stage.at('job'), 'job');
      expect(steps).toEqual(['question began', 'pool closed', 'later, elsewhere']);
      await close();
    });

    it('drains once for any number of calls, before, during and after close()', async () => {
      const { app, server } = await serveHybrid(PlainDatabase);
      await tell(stage.client(), 'job', 'first');
      await eventually(() => expect(steps).toEqual(['first began']));
      const calls = [server.drain(), server.drain(), server.close(), server.close()];
      work.resolve();
      await within(5_000, 'all of them', Promise.all(calls));
      expect(steps).toEqual(['first began', 'first written']);
      await within(1_000, 'drain() after close()', server.drain());
      await app.close();
      await within(1_000, 'drain() after app.close()', server.drain());
      expect(await pendingOf(stage.at('job'), 'job')).toBe(0);
    });

    it('resolves at once before listen()', async () => {
      const { server } = await stage.prepare([Later]);
      await within(1_000, 'drain()', server.drain());
    });

    it('ends at shutdownTimeout, and leaves running entries to others', async () => {
      const { server } = await stage.serve([Later], { option: { shutdownTimeout: 200 } });
      await tell(stage.client(), 'stuck', 1);
      await eventually(() => expect(steps).toEqual(['stuck began']));
      const began = performance.now();
      await within(3_000, 'drain()', server.drain());
      expect(performance.now() - began).toBeGreaterThanOrEqual(190);
      expect(await pendingOf(stage.at('stuck'), 'stuck')).toBe(1);
      work.resolve();
    });
  });
};

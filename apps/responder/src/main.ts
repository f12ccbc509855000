import 'reflect-metadata';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { RedisStreamErrorInterceptor, RedisStreamServer } from 'nestjs-redis-stream-transport';
import type { Retention } from 'nestjs-redis-stream-transport';
import { runApp } from '#platform';
import { AppModule } from './app.module.js';
import { readSettings } from './settings.js';
import type { ResponderSettings } from './settings.js';
import { SPARE_ATTEMPTS } from './spare-attempts.js';

/** Group of the handlers that name no group of their own: the SMS status and the demo. */
const DEFAULT_GROUP = 'responder';
const MAX_SWEEP_INTERVAL_MS = 5_000;
/** No group is added later that would read old events. */
const RETENTION: Retention = { maxLength: 1_000, maxAge: 3_600_000 };

const transporter = (settings: ResponderSettings): RedisStreamServer =>
  new RedisStreamServer({
    connection: settings.redisUrl,
    option: {
      consumerGroup: DEFAULT_GROUP,
      // The worker itself gives up on an SMS after `MAX_ATTEMPTS`.
      maxAttempts: settings.maxAttempts + SPARE_ATTEMPTS,
      backoff: { delay: settings.retryDelayMs, maxDelay: settings.retryMaxDelayMs },
      lease: settings.leaseMs,
      sweepInterval: Math.min(settings.leaseMs, MAX_SWEEP_INTERVAL_MS),
      shutdownTimeout: settings.shutdownTimeoutMs,
      retention: RETENTION,
    },
  });

await runApp(async () => {
  const settings = readSettings();
  const logger = new ConsoleLogger({ prefix: settings.instance, logLevels: ['log', 'warn', 'error', 'fatal'] });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule.with(settings), {
    logger,
    strategy: transporter(settings),
  });
  // Dead letters then hold the error that was thrown, not the one that Nest turns it into.
  app.useGlobalInterceptors(new RedisStreamErrorInterceptor());
  app.enableShutdownHooks();
  await app.listen();
  logger.log(`Serving ${settings.roles.join(', ')}`);
  return app;
});

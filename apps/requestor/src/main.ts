import 'reflect-metadata';
import { ConsoleLogger, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ShallowBody, fieldErrors, refuseForeignRequests } from '#http';
import { runApp } from '#platform';
import { AppModule } from './app.module.js';
import { serveDocs } from './http/openapi.js';
import { servePage } from './http/page.js';
import { limitRequests } from './http/rate-limit.js';
import { secureResponses } from './http/security-headers.js';
import { readSettings } from './settings.js';

await runApp(async () => {
  const settings = readSettings();
  const logger = new ConsoleLogger({ prefix: settings.instance, logLevels: ['log', 'warn', 'error', 'fatal'] });
  // A client of server-sent events never disconnects by itself; it must not delay a shutdown.
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings), {
    logger,
    forceCloseConnections: true,
  });
  secureResponses(app);
  app.use(refuseForeignRequests([settings.host, ...settings.allowedHosts]));
  app.useGlobalPipes(new ShallowBody(), new ValidationPipe({ whitelist: true, exceptionFactory: fieldErrors }));
  app.enableShutdownHooks();
  serveDocs(app);
  servePage(app);
  limitRequests(app, settings.rateLimit);
  await app.listen(settings.port, settings.host);
  logger.log(`Listening on ${await app.getUrl()}`);
  return app;
});

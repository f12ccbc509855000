import { ValidationPipe } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ErrorFilter } from './error.filter.js';
import { fieldErrors } from './field-errors.js';
import { ShallowBody } from './shallow-body.pipe.js';

const MAX_BODY_BYTES = 65_536;

/** A small HTTP app for loopback: validates its input, answers errors with an `ErrorBody`, and logs only problems. */
export const createHttpApp = async (module: DynamicModule): Promise<NestExpressApplication> => {
  const app = await NestFactory.create<NestExpressApplication>(module, {
    logger: ['warn', 'error', 'fatal'],
    bodyParser: false,
    forceCloseConnections: true,
  });
  app.disable('x-powered-by').disable('etag');
  app.useBodyParser('json', { limit: MAX_BODY_BYTES });
  app.useGlobalFilters(new ErrorFilter());
  app.useGlobalPipes(new ShallowBody(), new ValidationPipe({ transform: true, exceptionFactory: fieldErrors }));
  return app;
};

/** Serves until a signal ends the process; connections that are open then are closed at once. */
export const serve = async (
  module: DynamicModule,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<NestExpressApplication> => {
  const app = await createHttpApp(module);
  app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
  await app.listen(port, host);
  return app;
};

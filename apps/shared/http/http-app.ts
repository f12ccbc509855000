import { ValidationPipe } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ErrorFilter } from './error.filter.js';
import { fieldErrors } from './field-errors.js';
import { refuseForeignRequests } from './foreign-requests.js';
import { ShallowBody } from './shallow-body.pipe.js';

const MAX_BODY_BYTES = 65_536;

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
  /** Further hosts under which this server is called, as in `ALLOWED_HOSTS`. */
  readonly allowedHosts: readonly string[];
}

/**
 * A small HTTP app for loopback: refuses the pages of other sites, validates its input, answers errors with an
 * `ErrorBody`, and logs only problems.
 * @param hosts names and addresses of this server, besides those of loopback
 */
export const createHttpApp = async (
  module: DynamicModule,
  hosts: readonly string[] = [],
): Promise<NestExpressApplication> => {
  const app = await NestFactory.create<NestExpressApplication>(module, {
    logger: ['warn', 'error', 'fatal'],
    bodyParser: false,
    forceCloseConnections: true,
  });
  app.disable('x-powered-by').disable('etag');
  app.use(refuseForeignRequests(hosts));
  app.useBodyParser('json', { limit: MAX_BODY_BYTES });
  app.useGlobalFilters(new ErrorFilter());
  app.useGlobalPipes(new ShallowBody(), new ValidationPipe({ transform: true, exceptionFactory: fieldErrors }));
  return app;
};

/** Serves until a signal ends the process; connections that are open then are closed at once. */
export const serve = async (
  module: DynamicModule,
  { host, port, allowedHosts }: HttpAddress,
): Promise<NestExpressApplication> => {
  const app = await createHttpApp(module, [host, ...allowedHosts]);
  app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
  await app.listen(port, host);
  return app;
};

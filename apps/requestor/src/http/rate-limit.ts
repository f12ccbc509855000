import { HttpException, HttpStatus } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { rateLimit } from 'express-rate-limit';

const WINDOW_MS = 1_000;
/** A flood must hide neither the state of this server nor, after a reconnect, the events of a page, which share a poll. */
const UNLIMITED = /^\/(health|api\/v1\/campaigns\/events)\/?$/i;
const REFUSAL = 'This address sends too many requests; wait for the seconds that Retry-After names';

export const isLimited = (path: string): boolean => !UNLIMITED.test(path);

/**
 * Limits the requests of each address, to all routes together; 0 sets no limit. Applies to what is registered later,
 * and refuses a request before its body is read.
 */
export const limitRequests = (app: NestExpressApplication, perSecond: number): void => {
  if (perSecond === 0) return;
  const limit = rateLimit({
    limit: perSecond,
    windowMs: WINDOW_MS,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    skip: ({ path }) => !isLimited(path),
    handler: (_request, _response, next) => next(new HttpException(REFUSAL, HttpStatus.TOO_MANY_REQUESTS)),
    // The address of the connection counts. A client that may name another one evades the limit.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
  });
  app.use(limit);
};

import { ForbiddenException, HttpException, NotFoundException } from '@nestjs/common';
import {
  InvalidMessageError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  PublishRejectedError,
  ReplyGapError,
  RequestTimeoutError,
  TransportUnavailableError,
} from 'nestjs-redis-stream-transport';
import { StoreUnavailableError } from '../../../apps/shared/store/redis-store.js';
import { bodyFor } from '../../../apps/shared/http/error.filter.js';
import { knownError } from '../../../apps/requestor/src/http/known-errors.js';
import { badRequest } from '../../../apps/shared/http/field-errors.js';

const SECRET = 'connect ECONNREFUSED 10.1.2.3:6379 redis://user:password@redis';

describe('the body of an error', () => {
  it.each<[Error, number, string]>([
    [new RequestTimeoutError('sms.status', 3_000), 504, 'Gateway Timeout'],
    [new PayloadTooLargeError('The event', 2_000, 1_000), 413, 'Payload Too Large'],
    [new InvalidMessageError(`The event is nested too deeply ${SECRET}`), 400, 'Bad Request'],
    [new PublishOutcomeUnknownError('SMS', new Error(SECRET)), 503, 'Service Unavailable'],
    [new PublishRejectedError('SMS', new Error(SECRET), true), 503, 'Service Unavailable'],
    [new TransportUnavailableError('No connection', new Error(SECRET)), 503, 'Service Unavailable'],
    [new ReplyGapError(SECRET, 1, 2), 503, 'Service Unavailable'],
    [new StoreUnavailableError(new Error(SECRET)), 503, 'Service Unavailable'],
    [new Error(SECRET), 500, 'Internal Server Error'],
  ])('of %p has one sentence of our own', (thrown, statusCode, error) => {
    const body = bodyFor(thrown, knownError);
    expect(body).toEqual({ statusCode, error, message: expect.stringMatching(/^[A-Z][^.\n]+$/) });
    expect(JSON.stringify(body)).not.toMatch(/ECONN|6379|password|sms\.status/);
  });

  it.each(['a string', undefined, null, { message: SECRET }])(
    'that is not an Error, such as %j, is a 500',
    (thrown) => {
      expect(bodyFor(thrown, knownError)).toMatchObject({ statusCode: 500, error: 'Internal Server Error' });
    },
  );

  it.each<[HttpException, object]>([
    [new NotFoundException('There is no SMS'), { statusCode: 404, error: 'Not Found', message: 'There is no SMS' }],
    [new ForbiddenException(), { statusCode: 403, error: 'Forbidden', message: 'Forbidden' }],
    [
      new HttpException('request entity too large', 413),
      { statusCode: 413, error: 'Payload Too Large', message: 'request entity too large' },
    ],
    [
      badRequest({ number: ['number is missing'] }),
      {
        statusCode: 400,
        error: 'Bad Request',
        message: 'Validation failed',
        errors: { number: ['number is missing'] },
      },
    ],
  ])('of %p has the same shape, and what the exception adds', (thrown, body) => {
    expect(bodyFor(thrown, knownError)).toEqual(body);
  });
});

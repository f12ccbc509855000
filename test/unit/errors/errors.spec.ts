import { inspect } from 'node:util';
import { RpcException } from '@nestjs/microservices';
import { RedisStreamOptionError } from '../../../lib/errors/option-error.js';
import {
  InvalidMessageError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  PublishRejectedError,
  RedisStreamError,
  ReplyGapError,
  RequestTimeoutError,
  TooManyPendingError,
  TransportClosedError,
  TransportUnavailableError,
} from '../../../lib/errors/transport-errors.js';
import { RedisStreamUnrecoverableError, isUnrecoverable } from '../../../lib/errors/unrecoverable.error.js';

const cause = new Error('socket closed');

type Row = [error: RedisStreamError, name: string, code: string, retriable: boolean, outcome: string];

const ERRORS: Row[] = [
  [new PublishRejectedError('s', cause, true), 'PublishRejectedError', 'PUBLISH_REJECTED', true, 'not-stored'],
  [new PublishRejectedError('s', cause, false), 'PublishRejectedError', 'PUBLISH_REJECTED', false, 'not-stored'],
  [
    new PublishOutcomeUnknownError('s', cause),
    'PublishOutcomeUnknownError',
    'PUBLISH_OUTCOME_UNKNOWN',
    true,
    'unknown',
  ],
  [new TransportUnavailableError('x'), 'TransportUnavailableError', 'TRANSPORT_UNAVAILABLE', true, 'not-stored'],
  [new TransportClosedError(), 'TransportClosedError', 'TRANSPORT_CLOSED', false, 'not-stored'],
  [new TransportClosedError('unknown'), 'TransportClosedError', 'TRANSPORT_CLOSED', false, 'unknown'],
  [new RequestTimeoutError('sum', 5), 'RequestTimeoutError', 'REQUEST_TIMEOUT', true, 'unknown'],
  [new ReplyGapError('sum', 1, 3), 'ReplyGapError', 'REPLY_GAP', true, 'stored'],
  [new PayloadTooLargeError('It', 9, 5), 'PayloadTooLargeError', 'PAYLOAD_TOO_LARGE', false, 'not-stored'],
  [new TooManyPendingError(7), 'TooManyPendingError', 'TOO_MANY_PENDING', true, 'not-stored'],
  [new InvalidMessageError('no'), 'InvalidMessageError', 'INVALID_MESSAGE', false, 'not-stored'],
];

describe('errors of the transport', () => {
  it.each(ERRORS)('state name, code, retriability and the outcome of the message: %p', (...row) => {
    const [error, name, code, retriable, outcome] = row;
    expect(error).toBeInstanceOf(RedisStreamError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name, code, retriable, outcome });
    expect(error.stack).toContain(name);
  });

  it('have a distinct code for each class', () => {
    const codes = new Map(ERRORS.map(([{ name, code }]) => [name, code]));
    expect(new Set(codes.values()).size).toBe(codes.size);
  });

  it('carry their cause, and no property `cause` where there is none', () => {
    expect(new PublishRejectedError('s', cause, true).cause).toBe(cause);
    expect(new PublishOutcomeUnknownError('s', cause).cause).toBe(cause);
    expect(new TransportUnavailableError('x', cause).cause).toBe(cause);
    expect('cause' in new TransportUnavailableError('x')).toBe(false);
    expect('cause' in new RequestTimeoutError('sum', 5)).toBe(false);
  });

  it('name what the reader needs in order to act', () => {
    expect(new PublishRejectedError('orders', cause, true).message).toMatch(/"orders".*socket closed/);
    expect(new PublishOutcomeUnknownError('orders', cause).message).toMatch(/"orders".*may or may not be stored/);
    expect(new RequestTimeoutError('sum', 250).message).toMatch(/"sum".*250 ms/);
    expect(new ReplyGapError('sum', 1, 3).message).toMatch(/"sum".*expected number 1, got 3/);
    expect(new PayloadTooLargeError('The payload', 9, 5).message).toMatch(/9 bytes.*`maxPayloadBytes`.*5/);
    expect(new TooManyPendingError(7).message).toMatch(/7 .*`maxPending`/);
  });
});

describe('RedisStreamOptionError', () => {
  it('is a TypeError that names option, rule and received value', () => {
    const error = new RedisStreamOptionError('option.lease', 'an integer >= 500', 5);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ name: 'RedisStreamOptionError', code: 'INVALID_OPTION', option: 'option.lease' });
    expect(error.message).toBe('Expected `option.lease` to be an integer >= 500, got `5` (number)');
  });

  it.each<[unknown, string]>([
    [undefined, '`undefined`'],
    [null, '`null`'],
    ['1s', "`'1s'` (string)"],
    [Number.NaN, '`NaN` (number)'],
    [true, '`true` (boolean)'],
    [5n, '`5n` (bigint)'],
    [Symbol('x'), '`Symbol(x)` (symbol)'],
    [{ password: 'open-sesame' }, 'an object'],
    [['open-sesame'], 'an array'],
    [() => 'open-sesame', 'a function'],
  ])('describes %p as %s', (received, described) => {
    const error = new RedisStreamOptionError('option.x', 'better', received);
    expect(error.message).toBe(`Expected \`option.x\` to be better, got ${described}`);
    expect(inspect(error)).not.toContain('open-sesame');
  });

  it('truncates a long text', () => {
    expect(new RedisStreamOptionError('option.x', 'short', 'x'.repeat(10_000)).message.length).toBeLessThan(200);
  });
});

describe('RedisStreamUnrecoverableError', () => {
  it('is an RpcException with a text or an object for its caller', () => {
    expect(new RedisStreamUnrecoverableError('no such user')).toBeInstanceOf(RpcException);
    expect(new RedisStreamUnrecoverableError('no such user')).toMatchObject({
      name: 'RedisStreamUnrecoverableError',
      message: 'no such user',
    });
    expect(new RedisStreamUnrecoverableError('no such user').getError()).toEqual({
      status: 'error',
      message: 'no such user',
    });
    const payload = { code: 404 };
    expect(new RedisStreamUnrecoverableError(payload).getError()).toBe(payload);
  });

  it('is recognized itself, and in the payload that an exception filter makes of it', () => {
    const text = new RedisStreamUnrecoverableError('no');
    const object = new RedisStreamUnrecoverableError({ code: 404 });
    for (const error of [text, object, text.getError(), object.getError()]) expect(isUnrecoverable(error)).toBe(true);
  });

  it('leaves no visible mark on the payload that a caller receives', () => {
    const payload = Object.freeze({ code: 404 });
    const error = new RedisStreamUnrecoverableError(payload).getError();
    expect(JSON.stringify(error)).toBe('{"code":404}');
    expect(isUnrecoverable(error)).toBe(true);
  });

  it.each([new Error('no'), new RpcException('no'), new RpcException('no').getError(), 'no', null, undefined, 7, {}])(
    'is not recognized in %p',
    (error) => {
      expect(isUnrecoverable(error)).toBe(false);
    },
  );
});

import ts from 'typescript';
import { ROOT } from './repository.js';

/** The entire public API, listed by hand. Removing a name from this list is a breaking change. */
const VALUES = [
  'InvalidMessageError',
  'PayloadTooLargeError',
  'PublishOutcomeUnknownError',
  'PublishRejectedError',
  'REDIS_STREAM_TRANSPORT',
  'RedisStreamClient',
  'RedisStreamContext',
  'RedisStreamDeadLetters',
  'RedisStreamError',
  'RedisStreamErrorInterceptor',
  'RedisStreamOptionError',
  'RedisStreamRecord',
  'RedisStreamRecordBuilder',
  'RedisStreamServer',
  'RedisStreamUnrecoverableError',
  'ReplyGapError',
  'ReplyInterruptedError',
  'RequestCancelledError',
  'RequestTimeoutError',
  'TooManyPendingError',
  'TransportClosedError',
  'TransportUnavailableError',
];
const TYPES = [
  'Backoff',
  'ConnectionListeners',
  'ConnectionRole',
  'DeadLetter',
  'DeadLetterPage',
  'DeliveryDetails',
  'EntryAttempt',
  'EntryPlace',
  'Outcome',
  'RedisClient',
  'RedisClientFactory',
  'RedisClusterConnection',
  'RedisConnection',
  'RedisStreamClientOption',
  'RedisStreamClientOptions',
  'RedisStreamHandlerExtras',
  'RedisStreamRecordParts',
  'RedisStreamServerOption',
  'RedisStreamServerOptions',
  'Retention',
  'SafeRedisOptions',
  'ServerEvents',
  'ServerListeners',
  'SharedOption',
  'TransportErrorDetails',
  'TransportStatus',
];

describe('the public names', () => {
  it('are exactly these', () => {
    const program = ts.createProgram([`${ROOT}lib/index.ts`], { noLib: true, noResolve: false, skipLibCheck: true });
    const checker = program.getTypeChecker();
    const index = program.getSourceFile(`${ROOT}lib/index.ts`);
    const symbol = index && checker.getSymbolAtLocation(index);
    const names = (symbol ? checker.getExportsOfModule(symbol) : []).map((each) => each.name);
    expect(names.toSorted()).toEqual([...VALUES, ...TYPES].toSorted());
  });

  it('exist at run time where they are values', async () => {
    expect(Object.keys(await import('../../lib/index.js')).toSorted()).toEqual(VALUES.toSorted());
  });
});

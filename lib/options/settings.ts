import { hostname } from 'node:os';
import type { Deserializer, Serializer } from '@nestjs/microservices';
import { v4 as uuid } from 'uuid';
import * as defaults from '../constants.js';
import { RedisStreamOptionError } from '../errors/option-error.js';
import type { RedisConnection } from '../interfaces/connection.js';
import type { ServerEvents } from '../interfaces/events.js';
import type {
  Backoff,
  RedisStreamClientOption,
  RedisStreamClientOptions,
  RedisStreamHandlerExtras,
  RedisStreamServerOption,
  RedisStreamServerOptions,
  SharedOption,
} from './options.js';
import { assertConnection } from './connection-check.js';
import { OptionCheck } from './option-check.js';

interface SharedSettings {
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly maxPayloadBytes: number;
  readonly connectTimeoutMs: number;
  readonly serializer: Serializer | undefined;
  readonly deserializer: Deserializer | undefined;
}

export interface BackoffSettings {
  readonly delayMs: number;
  readonly maxDelayMs: number;
}

export interface ServerSettings extends SharedSettings {
  readonly consumerGroup: string;
  readonly consumer: string;
  readonly startFrom: string;
  readonly concurrency: number;
  readonly blockMs: number;
  readonly leaseMs: number;
  readonly sweepIntervalMs: number;
  readonly maxAttempts: number;
  readonly backoff: BackoffSettings;
  readonly isRetriable: (error: unknown) => boolean;
  readonly onDeadLetter: (letter: ServerEvents['deadLettered']) => void;
  readonly retention: { readonly maxLength: number; readonly maxAgeMs: number | undefined };
  readonly consumerTtlMs: number;
  readonly groupTtlMs: number;
  readonly shutdownTimeoutMs: number;
  readonly handlerTimeoutMs: number;
}

export interface ClientSettings extends SharedSettings {
  readonly requestTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly maxPending: number;
}

/** The settings of one handler, its `extras` over those of the server. */
export interface HandlerSettings {
  readonly group: string;
  /** Own slots; undefined shares those of the group. */
  readonly concurrency: number | undefined;
  readonly maxAttempts: number;
  readonly backoff: BackoffSettings;
  readonly startFrom: string;
  readonly handlerTimeoutMs: number;
}

const START_FROM = /^(0|\$|\d+(-\d+)?)$/;

/** @throws {RedisStreamOptionError} */
export function resolveServerOptions(options: RedisStreamServerOptions): ServerSettings {
  const { connection, option } = parts<RedisStreamServerOption>(options, SERVER_NAMES);
  const check = new OptionCheck(option, 'option');
  const leaseMs = check.integer('lease', defaults.DEFAULT_LEASE_MS, 500);
  const blockMs = check.integer('block', defaults.DEFAULT_BLOCK_MS, 100);
  return Object.freeze({
    ...sharedSettings(connection, option, check),
    consumerGroup: check.name('consumerGroup'),
    consumer: check.name('consumer', `${hostname()}-${process.pid}-${uuid().slice(0, 8)}`),
    startFrom: startFrom(option.startFrom, 'option.startFrom', defaults.DEFAULT_START_FROM),
    concurrency: check.integer('concurrency', defaults.DEFAULT_CONCURRENCY, 1),
    blockMs,
    leaseMs,
    sweepIntervalMs: check.integer('sweepInterval', defaults.DEFAULT_SWEEP_INTERVAL_MS, 100),
    maxAttempts: check.integer('maxAttempts', defaults.DEFAULT_MAX_ATTEMPTS, 1),
    backoff: backoff(option.backoff, 'option.backoff', DEFAULT_BACKOFF),
    isRetriable: check.function('isRetriable', () => true),
    onDeadLetter: check.function('onDeadLetter', () => undefined),
    retention: retention(option.retention),
    // A consumer that only waits shows up once per BLOCK; sooner than that it would be taken for a ghost.
    consumerTtlMs: check.integer('consumerTtl', defaults.DEFAULT_CONSUMER_TTL_MS, Math.max(1_000, 2 * blockMs)),
    groupTtlMs: check.integer('groupTtl', 0, 0),
    shutdownTimeoutMs: check.integer('shutdownTimeout', defaults.DEFAULT_SHUTDOWN_TIMEOUT_MS, 0),
    handlerTimeoutMs: check.integer('handlerTimeout', defaults.DEFAULT_HANDLER_TIMEOUT_MS, 0),
  });
}

/** @throws {RedisStreamOptionError} */
export function resolveClientOptions(options: RedisStreamClientOptions): ClientSettings {
  const { connection, option } = parts<RedisStreamClientOption>(options, CLIENT_NAMES);
  const check = new OptionCheck(option, 'option');
  return Object.freeze({
    ...sharedSettings(connection, option, check),
    requestTimeoutMs: check.integer('requestTimeout', defaults.DEFAULT_REQUEST_TIMEOUT_MS, 0),
    publishTimeoutMs: check.integer('publishTimeout', defaults.DEFAULT_PUBLISH_TIMEOUT_MS, 1),
    maxPending: check.integer('maxPending', defaults.DEFAULT_MAX_PENDING, 1),
  });
}

/** @throws {RedisStreamOptionError} */
export function resolveHandlerExtras(extras: RedisStreamHandlerExtras, server: ServerSettings): HandlerSettings {
  const check = new OptionCheck(extras, 'extras');
  return Object.freeze({
    group: check.name('group', server.consumerGroup),
    concurrency: extras.concurrency === undefined ? undefined : check.integer('concurrency', 1, 1),
    maxAttempts: check.integer('maxAttempts', server.maxAttempts, 1),
    backoff: backoff(extras.backoff, 'extras.backoff', server.backoff),
    startFrom: startFrom(extras.startFrom, 'extras.startFrom', server.startFrom),
    handlerTimeoutMs: check.integer('handlerTimeout', server.handlerTimeoutMs, 0),
  });
}

const DEFAULT_BACKOFF: BackoffSettings = Object.freeze({
  delayMs: defaults.DEFAULT_BACKOFF_DELAY_MS,
  maxDelayMs: defaults.DEFAULT_BACKOFF_MAX_DELAY_MS,
});

const SHARED_NAMES = ['prefix', 'maxPayloadBytes', 'connectTimeout', 'serializer', 'deserializer'] as const;
const SERVER_NAMES: readonly (keyof RedisStreamServerOption)[] = [
  ...SHARED_NAMES,
  'consumerGroup',
  'consumer',
  'startFrom',
  'concurrency',
  'block',
  'lease',
  'sweepInterval',
  'maxAttempts',
  'backoff',
  'isRetriable',
  'onDeadLetter',
  'retention',
  'consumerTtl',
  'groupTtl',
  'shutdownTimeout',
  'handlerTimeout',
];
const CLIENT_NAMES: readonly (keyof RedisStreamClientOption)[] = [
  ...SHARED_NAMES,
  'requestTimeout',
  'publishTimeout',
  'maxPending',
];

function parts<Option extends object>(
  options: { connection: RedisConnection; option?: Option },
  names: readonly (keyof Option)[],
): { connection: RedisConnection; option: Partial<Option> } {
  if (typeof options !== 'object' || options === null) {
    throw new RedisStreamOptionError('options', 'an object with `connection`', options);
  }
  const { connection, option = {} } = options;
  assertConnection(connection);
  if (typeof option !== 'object' || option === null || Array.isArray(option))
    throw new RedisStreamOptionError('option', 'an object', option);
  for (const name of Object.keys(option)) {
    if (!names.includes(name as keyof Option)) {
      throw new RedisStreamOptionError(
        `option.${name}`,
        `one of ${names.join(', ')}`,
        (option as Partial<Record<string, unknown>>)[name],
        true,
      );
    }
  }
  return { connection, option };
}

function sharedSettings(
  connection: RedisConnection,
  option: Partial<SharedOption>,
  check: OptionCheck,
): SharedSettings {
  return {
    connection,
    prefix: prefix(option.prefix),
    maxPayloadBytes: check.integer('maxPayloadBytes', defaults.DEFAULT_MAX_PAYLOAD_BYTES, 1),
    connectTimeoutMs: check.integer('connectTimeout', defaults.DEFAULT_CONNECT_TIMEOUT_MS, 0),
    serializer: check.codec('serializer', 'serialize') as Serializer | undefined,
    deserializer: check.codec('deserializer', 'deserialize') as Deserializer | undefined,
  };
}

function prefix(value: unknown = defaults.DEFAULT_PREFIX): string {
  // A brace could open a hash tag that the stream's own name closes, and streams would change their slot.
  if (typeof value !== 'string' || /[{}\s\u0000-\u001f]/.test(value)) {
    throw new RedisStreamOptionError('option.prefix', 'a string without braces, spaces or control characters', value);
  }
  return value;
}

function startFrom(value: unknown, option: string, otherwise: string): string {
  if (value === undefined) return otherwise;
  if (typeof value !== 'string' || !START_FROM.test(value)) {
    throw new RedisStreamOptionError(option, "'0', '$' or an entry id", value);
  }
  return value;
}

function backoff(value: Backoff | undefined, option: string, otherwise: BackoffSettings): BackoffSettings {
  if (value === undefined) return otherwise;
  if (typeof value !== 'object' || value === null) throw new RedisStreamOptionError(option, 'an object', value);
  const check = new OptionCheck(value, option);
  const delayMs = check.integer('delay', otherwise.delayMs, 0);
  const maxDelayMs = check.integer('maxDelay', Math.max(delayMs, otherwise.maxDelayMs), delayMs);
  return Object.freeze({ delayMs, maxDelayMs });
}

function retention(value: RedisStreamServerOption['retention']): ServerSettings['retention'] {
  if (value === undefined) {
    return Object.freeze({ maxLength: defaults.DEFAULT_RETENTION_MAX_LENGTH, maxAgeMs: undefined });
  }
  if (typeof value !== 'object' || value === null) {
    throw new RedisStreamOptionError('option.retention', 'an object', value);
  }
  const check = new OptionCheck(value, 'option.retention');
  const maxLength = check.integer('maxLength', defaults.DEFAULT_RETENTION_MAX_LENGTH, 0);
  const maxAgeMs = value.maxAge === undefined ? undefined : check.integer('maxAge', 0, 1);
  return Object.freeze({ maxLength, maxAgeMs });
}

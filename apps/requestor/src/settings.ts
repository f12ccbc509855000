import { hostname } from 'node:os';
import { Environment } from '../../platform/src/environment.js';

export interface RequestorSettings {
  readonly host: string;
  readonly port: number;
  readonly redisUrl: string;
  /** Name of this process in answers and logs. */
  readonly instance: string;
  /** How long a question to a responder may take before the caller gets 504. */
  readonly requestTimeoutMs: number;
  /** How long accepting something may wait for Redis before the caller gets 503. */
  readonly publishTimeoutMs: number;
  /** Where the last mails can be looked at. */
  readonly mailSinkUrl: string | undefined;
}

/** Injection token: an interface leaves nothing behind at run time. */
export const SETTINGS = Symbol('requestor settings');

export const readSettings = (env = new Environment()): RequestorSettings => {
  const settings: RequestorSettings = {
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 3081),
    redisUrl: env.url('REDIS_URL', ['redis:', 'rediss:']),
    instance: env.text('INSTANCE', `requestor-${hostname()}-${process.pid}`),
    requestTimeoutMs: env.integer('REQUEST_TIMEOUT_MS', { default: 5_000, min: 1, max: 600_000 }),
    // Shorter than a question may take, so that a Redis that is away is told from a responder that is.
    publishTimeoutMs: env.integer('PUBLISH_TIMEOUT_MS', { default: 3_000, min: 1, max: 60_000 }),
    mailSinkUrl: env.optionalUrl('MAIL_SINK_URL', ['http:', 'https:']),
  };
  env.verify();
  return settings;
};

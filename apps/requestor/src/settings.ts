import { hostname } from 'node:os';
import { Environment } from '#platform';

export interface RequestorSettings {
  readonly host: string;
  readonly port: number;
  /** Hosts under which browsers may reach this server, besides `host` and loopback. */
  readonly allowedHosts: readonly string[];
  readonly redisUrl: string;
  /** Name of this process in answers and logs. */
  readonly instance: string;
  /** How long a request to a responder may take before the caller gets 504. */
  readonly requestTimeoutMs: number;
  /** How long accepting a message may wait for Redis before the caller gets 503. */
  readonly publishTimeoutMs: number;
  /** Base URL of the mail sink, which lists the latest mails. */
  readonly mailSinkUrl: string | undefined;
}

/** Injection token: an interface does not exist at run time. */
export const SETTINGS = Symbol('requestor settings');

export const readSettings = (env = new Environment()): RequestorSettings => {
  const settings: RequestorSettings = {
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 3081),
    allowedHosts: env.hosts('ALLOWED_HOSTS'),
    redisUrl: env.url('REDIS_URL', ['redis:', 'rediss:']),
    instance: env.text('INSTANCE', `requestor-${hostname()}-${process.pid}`),
    requestTimeoutMs: env.integer('REQUEST_TIMEOUT_MS', { default: 5_000, min: 1, max: 600_000 }),
    // Shorter than the request timeout, to tell an unreachable Redis from a missing responder.
    publishTimeoutMs: env.integer('PUBLISH_TIMEOUT_MS', { default: 3_000, min: 1, max: 60_000 }),
    mailSinkUrl: env.optionalUrl('MAIL_SINK_URL', ['http:', 'https:']),
  };
  env.verify();
  return settings;
};

import { hostname } from 'node:os';
import { Environment } from '#platform';

/** Injection token. */
export const SETTINGS = Symbol('requestor settings');

export type RequestorSettings = ReturnType<typeof readSettings>;

export const readSettings = (env = new Environment()) =>
  env.verified({
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 3081),
    /** Hosts under which browsers may reach this server, besides `host` and loopback. */
    allowedHosts: env.hosts('ALLOWED_HOSTS'),
    redisUrl: env.url('REDIS_URL', ['redis:', 'rediss:']),
    /** Name of this process in answers and logs. */
    instance: env.text('INSTANCE', `requestor-${hostname()}-${process.pid}`),
    /** How long a request to a responder may take before the caller gets 504. */
    requestTimeoutMs: env.integer('REQUEST_TIMEOUT_MS', { default: 5_000, min: 1, max: 600_000 }),
    /**
     * How long accepting a message may wait for Redis before the caller gets 503. Shorter than the request timeout, to
     * tell an unreachable Redis from a missing responder.
     */
    publishTimeoutMs: env.integer('PUBLISH_TIMEOUT_MS', { default: 3_000, min: 1, max: 60_000 }),
    /** Requests a second that one address may send; 0 for any number. */
    rateLimit: env.integer('RATE_LIMIT', { default: 100, max: 10_000 }),
    /** Base URL of the mail sink, which lists the latest mails. */
    mailSinkUrl: env.optionalUrl('MAIL_SINK_URL', ['http:', 'https:']),
  });

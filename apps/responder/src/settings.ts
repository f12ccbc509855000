import { hostname } from 'node:os';
import { BILLING_GROUP, DELIVERY_STATUS_GROUP, SMS_WORKER_GROUP } from '../../contracts/src/index.js';
import { Environment } from '../../platform/src/environment.js';

/** Consumer groups that a responder can serve. Requests are answered by every responder, whatever its roles. */
export const ROLES = [SMS_WORKER_GROUP, BILLING_GROUP, DELIVERY_STATUS_GROUP] as const;
export type Role = (typeof ROLES)[number];

export interface ResponderSettings {
  readonly redisUrl: string;
  /** Name of this process in answers and logs. */
  readonly instance: string;
  readonly roles: readonly Role[];
  /** Base URL of the SMS gateway; empty without the role that calls it. */
  readonly smsProviderUrl: string;
  /** Calls to the SMS gateway before an SMS is given up. */
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly retryMaxDelayMs: number;
  /** How long the work of a responder that died stays with it. */
  readonly leaseMs: number;
  readonly shutdownTimeoutMs: number;
}

export const SETTINGS = Symbol('responder settings');

export const readSettings = (env = new Environment()): ResponderSettings => {
  const roles = env.choices('ROLES', ROLES);
  const retryDelayMs = env.integer('RETRY_DELAY_MS', { default: 1_000, max: 600_000 });
  const settings: ResponderSettings = {
    redisUrl: env.url('REDIS_URL', ['redis:', 'rediss:']),
    instance: env.text('INSTANCE', `responder-${hostname()}-${process.pid}`),
    roles,
    smsProviderUrl: roles.includes(SMS_WORKER_GROUP) ? env.url('SMS_PROVIDER_URL', ['http:', 'https:']) : '',
    maxAttempts: env.integer('MAX_ATTEMPTS', { default: 5, min: 1, max: 1_000 }),
    retryDelayMs,
    retryMaxDelayMs: env.integer('RETRY_MAX_DELAY_MS', { default: 60_000, min: retryDelayMs }),
    leaseMs: env.integer('LEASE_MS', { default: 30_000, min: 500 }),
    shutdownTimeoutMs: env.integer('SHUTDOWN_TIMEOUT_MS', { default: 10_000 }),
  };
  env.verify();
  return settings;
};

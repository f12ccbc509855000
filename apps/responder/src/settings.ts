import { hostname } from 'node:os';
import {
  BILLING_GROUP,
  CAMPAIGN_GROUP,
  DELIVERY_STATUS_GROUP,
  EMAIL_GROUP,
  NOTIFICATION_GROUP,
  SMS_WORKER_GROUP,
  USER_GROUP,
} from '#contracts';
import { Environment } from '#platform';

/** Roles that need the database. */
const CAMPAIGN_ROLES = [CAMPAIGN_GROUP, USER_GROUP, NOTIFICATION_GROUP, EMAIL_GROUP] as const;
/** Consumer groups that a responder can serve. Every responder answers requests about SMS. */
export const ROLES = [SMS_WORKER_GROUP, BILLING_GROUP, DELIVERY_STATUS_GROUP, ...CAMPAIGN_ROLES] as const;
export type Role = (typeof ROLES)[number];

export interface ResponderSettings {
  readonly redisUrl: string;
  /** Name of this process in answers and logs. */
  readonly instance: string;
  readonly roles: readonly Role[];
  /** Base URL of the SMS gateway; empty without the role that calls it. */
  readonly smsProviderUrl: string;
  /** How long a call to the SMS gateway may take, from the connection to the last byte of the answer. */
  readonly smsCallTimeoutMs: number;
  /** URL of Postgres; empty without a role that needs it. */
  readonly databaseUrl: string;
  /** URL of the mail server; empty without the role that sends mails. */
  readonly smtpUrl: string;
  /** Sender of all mails: `Name <address>`. */
  readonly mailFrom: string;
  /** Connections to the mail server. */
  readonly mailConnections: number;
  /** Campaign messages that may wait in the streams before a fan-out waits too. */
  readonly maxBacklog: number;
  /** Calls to the SMS gateway before the worker gives up on an SMS. */
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly retryMaxDelayMs: number;
  /** How long the entries of a dead responder stay with it before another one takes them over. */
  readonly leaseMs: number;
  readonly shutdownTimeoutMs: number;
}

export const SETTINGS = Symbol('responder settings');

export const readSettings = (env = new Environment()): ResponderSettings => {
  const roles = env.choices('ROLES', ROLES);
  const serves = (some: readonly Role[]): boolean => some.some((role) => roles.includes(role));
  const retryDelayMs = env.integer('RETRY_DELAY_MS', { default: 1_000, max: 600_000 });
  const settings: ResponderSettings = {
    redisUrl: env.url('REDIS_URL', ['redis:', 'rediss:']),
    instance: env.text('INSTANCE', `responder-${hostname()}-${process.pid}`),
    roles,
    smsProviderUrl: serves([SMS_WORKER_GROUP]) ? env.url('SMS_PROVIDER_URL', ['http:', 'https:']) : '',
    smsCallTimeoutMs: env.integer('SMS_CALL_TIMEOUT_MS', { default: 5_000, min: 1, max: 600_000 }),
    databaseUrl: serves(CAMPAIGN_ROLES) ? env.url('DATABASE_URL', ['postgres:', 'postgresql:']) : '',
    smtpUrl: serves([EMAIL_GROUP]) ? env.url('SMTP_URL', ['smtp:', 'smtps:']) : '',
    mailFrom: env.text('MAIL_FROM', 'Campaigns <campaigns@example.com>'),
    mailConnections: env.integer('MAIL_CONNECTIONS', { default: 16, min: 1, max: 1_000 }),
    maxBacklog: env.integer('MAX_BACKLOG', { default: 150_000, min: 1_000 }),
    maxAttempts: env.integer('MAX_ATTEMPTS', { default: 5, min: 1, max: 1_000 }),
    retryDelayMs,
    retryMaxDelayMs: env.integer('RETRY_MAX_DELAY_MS', { default: 60_000, min: retryDelayMs }),
    leaseMs: env.integer('LEASE_MS', { default: 30_000, min: 500 }),
    shutdownTimeoutMs: env.integer('SHUTDOWN_TIMEOUT_MS', { default: 10_000 }),
  };
  env.verify();
  return settings;
};

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
const ROLES = [SMS_WORKER_GROUP, BILLING_GROUP, DELIVERY_STATUS_GROUP, ...CAMPAIGN_ROLES] as const;
export type Role = (typeof ROLES)[number];

/** Injection token. */
export const SETTINGS = Symbol('responder settings');

export type ResponderSettings = ReturnType<typeof readSettings>;

export const readSettings = (env = new Environment()) => {
  const roles = env.choices('ROLES', ROLES);
  const serves = (some: readonly Role[]): boolean => some.some((role) => roles.includes(role));
  const retryDelayMs = env.integer('RETRY_DELAY_MS', { default: 1_000, max: 600_000 });
  return env.verified({
    redisUrl: env.url('REDIS_URL', ['redis:', 'rediss:']),
    /** Name of this process in answers and logs. */
    instance: env.text('INSTANCE', `responder-${hostname()}-${process.pid}`),
    roles,
    /** Base URL of the SMS gateway; empty without the role that calls it. */
    smsProviderUrl: serves([SMS_WORKER_GROUP]) ? env.url('SMS_PROVIDER_URL', ['http:', 'https:']) : '',
    /** How long a call to the SMS gateway may take, from the connection to the last byte of the answer. */
    smsCallTimeoutMs: env.integer('SMS_CALL_TIMEOUT_MS', { default: 5_000, min: 1, max: 600_000 }),
    /** URL of Postgres; empty without a role that needs it. */
    databaseUrl: serves(CAMPAIGN_ROLES) ? env.url('DATABASE_URL', ['postgres:', 'postgresql:']) : '',
    /** URL of the mail server; empty without the role that sends mails. */
    smtpUrl: serves([EMAIL_GROUP]) ? env.url('SMTP_URL', ['smtp:', 'smtps:']) : '',
    /** Sender of all mails: `Name <address>`. */
    mailFrom: env.text('MAIL_FROM', 'Campaigns <campaigns@example.com>'),
    /** Connections to the mail server. */
    mailConnections: env.integer('MAIL_CONNECTIONS', { default: 16, min: 1, max: 1_000 }),
    /** Campaign messages that may wait in the streams before a fan-out waits too. */
    maxBacklog: env.integer('MAX_BACKLOG', { default: 150_000, min: 1_000 }),
    /** Calls to the SMS gateway before the worker gives up on an SMS. */
    maxAttempts: env.integer('MAX_ATTEMPTS', { default: 5, min: 1, max: 1_000 }),
    retryDelayMs,
    retryMaxDelayMs: env.integer('RETRY_MAX_DELAY_MS', { default: 60_000, min: retryDelayMs }),
    /** How long the entries of a dead responder stay with it before another one takes them over. */
    leaseMs: env.integer('LEASE_MS', { default: 30_000, min: 500 }),
    shutdownTimeoutMs: env.integer('SHUTDOWN_TIMEOUT_MS', { default: 10_000 }),
  });
};

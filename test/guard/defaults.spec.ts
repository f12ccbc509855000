import * as constants from '../../lib/constants.js';

/** A changed default changes running systems: it needs a row here, one in docs/options.md and one in migrating.md. */
const DEFAULTS = {
  DEFAULT_START_FROM: '0',
  DEFAULT_CONCURRENCY: 128,
  DEFAULT_BLOCK_MS: 5_000,
  DEFAULT_LEASE_MS: 30_000,
  DEFAULT_SWEEP_INTERVAL_MS: 5_000,
  DEFAULT_MAX_ATTEMPTS: 5,
  DEFAULT_BACKOFF_DELAY_MS: 1_000,
  DEFAULT_BACKOFF_MAX_DELAY_MS: 60_000,
  DEFAULT_RETENTION_MAX_LENGTH: 10_000,
  DEFAULT_CONSUMER_TTL_MS: 3_600_000,
  DEFAULT_SHUTDOWN_TIMEOUT_MS: 10_000,
  DEFAULT_HANDLER_TIMEOUT_MS: 0,
  DEFAULT_REQUEST_TIMEOUT_MS: 30_000,
  DEFAULT_PUBLISH_TIMEOUT_MS: 5_000,
  DEFAULT_MAX_PENDING: 10_000,
  DEFAULT_PREFIX: '',
  DEFAULT_MAX_PAYLOAD_BYTES: 1_048_576,
  DEFAULT_CONNECT_TIMEOUT_MS: 10_000,
};

describe('the defaults', () => {
  it('are the ones that the documentation promises', () => {
    const actual = Object.entries(constants).filter(([name]) => name.startsWith('DEFAULT_'));
    expect(Object.fromEntries(actual)).toEqual(DEFAULTS);
  });

  it('name the fields of wire version 1', () => {
    expect(constants.FIELD).toEqual({
      data: 'data',
      id: 'id',
      reply: 'reply',
      ttl: 'ttl',
      headers: 'headers',
      messageId: 'mid',
      onlyGroup: 'x-only-group',
      seq: 'seq',
      err: 'err',
      last: 'last',
    });
  });

  it('name the fields that a dead letter adds', () => {
    expect(Object.values(constants.DEAD_FIELD)).toEqual([
      'x-stream',
      'x-group',
      'x-id',
      'x-attempts',
      'x-reason',
      'x-error',
      'x-failed-at',
    ]);
  });
});

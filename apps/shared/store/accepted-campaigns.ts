import { Injectable } from '@nestjs/common';
import type { CampaignRequested, CampaignState, CampaignStatus, Channel } from '#contracts';
import { RedisStore } from './redis-store.js';

const RECORD_TTL_SECONDS = 24 * 3_600;
/** Longer than an entry waits for a responder. */
const CANCELLATION_TTL_SECONDS = 30 * 24 * 3_600;

const NOTE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'channels', ARGV[2], 'createdAt', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`;

const CANCEL = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSETNX', KEYS[1], 'cancelledAt', ARGV[1])
return redis.call('EXPIRE', KEYS[1], ARGV[2])`;

const FAIL = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSETNX', KEYS[1], 'failedAt', ARGV[1])`;

const REOPEN = `return redis.call('HDEL', KEYS[1], 'failedAt')`;

/**
 * Accepted campaigns, kept for 24 hours: the source of their status until a responder has started them, and the place
 * where a campaign can be cancelled until then.
 */
@Injectable()
export class AcceptedCampaigns {
  constructor(private readonly store: RedisStore) {}

  async note({ id, name, channels }: CampaignRequested): Promise<void> {
    const values = [name, channels.join(','), new Date().toISOString(), RECORD_TTL_SECONDS];
    await this.store.run(NOTE, [keyOf(id)], values);
  }

  async find(id: string): Promise<CampaignStatus | undefined> {
    const { name, channels, createdAt, cancelledAt, failedAt } = await this.store.hash(keyOf(id));
    if (name === undefined || channels === undefined || createdAt === undefined) return undefined;
    return {
      id,
      name,
      status: statusOf(cancelledAt, failedAt),
      paused: false,
      channels: channels.split(',') as Channel[],
      audience: 0,
      queued: 0,
      sent: 0,
      failed: 0,
      cancelled: 0,
      ratePerSecond: 0,
      etaSeconds: null,
      createdAt,
      startedAt: null,
      finishedAt: cancelledAt ?? failedAt ?? null,
    };
  }

  /** Makes the responder that gets the campaign drop it. Does nothing to an unknown campaign. */
  async cancel(id: string): Promise<void> {
    await this.store.run(CANCEL, [keyOf(id)], [new Date().toISOString(), CANCELLATION_TTL_SECONDS]);
  }

  /** Records that no responder can start the campaign. Does nothing to an unknown campaign. */
  async fail(id: string): Promise<void> {
    await this.store.run(FAIL, [keyOf(id)], [new Date().toISOString()]);
  }

  /** Forgets that the campaign could not be started: its dead letter was redriven. */
  async reopen(id: string): Promise<void> {
    await this.store.run(REOPEN, [keyOf(id)], []);
  }

  async isCancelled(id: string): Promise<boolean> {
    return (await this.find(id))?.status === 'cancelled';
  }
}

function statusOf(cancelledAt: string | undefined, failedAt: string | undefined): CampaignState {
  if (cancelledAt !== undefined) return 'cancelled';
  return failedAt === undefined ? 'queued' : 'failed';
}

const keyOf = (id: string): string => `{campaign}:accepted:${id.toLowerCase()}`;

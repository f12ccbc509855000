import { Injectable } from '@nestjs/common';
import { RedisStore } from '../../../platform/src/redis-store.js';
import type { CampaignRequested, CampaignStatus, Channel } from '../../../contracts/src/index.js';

const RECORD_TTL_SECONDS = 24 * 3_600;

const NOTE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'channels', ARGV[2], 'createdAt', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`;

/** Accepted campaigns, kept for 24 hours: the source of their status until a responder has started them. */
@Injectable()
export class AcceptedCampaigns {
  constructor(private readonly store: RedisStore) {}

  async note({ id, name, channels }: CampaignRequested): Promise<void> {
    const values = [name, channels.join(','), new Date().toISOString(), RECORD_TTL_SECONDS];
    await this.store.run(NOTE, [keyOf(id)], values);
  }

  async find(id: string): Promise<CampaignStatus | undefined> {
    const { name, channels, createdAt } = await this.store.hash(keyOf(id));
    if (name === undefined || channels === undefined || createdAt === undefined) return undefined;
    return {
      id,
      name,
      status: 'queued',
      paused: false,
      channels: channels.split(',') as Channel[],
      audience: 0,
      queued: 0,
      sent: 0,
      failed: 0,
      ratePerSecond: 0,
      etaSeconds: null,
      createdAt,
      startedAt: null,
      finishedAt: null,
    };
  }
}

const keyOf = (id: string): string => `{campaign}:accepted:${id.toLowerCase()}`;

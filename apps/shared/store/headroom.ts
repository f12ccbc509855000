import { Injectable, Logger } from '@nestjs/common';
import { RedisStore } from './redis-store.js';

/** Share of the memory limit that new work may fill. */
const SHARE_FOR_NEW_WORK = 0.75;
const MEGABYTE = 1_048_576;

/**
 * Whether Redis has memory for new work. Finishing an SMS or a mail takes memory before it frees any: results and
 * records are written before the entry is acked. If new work could fill Redis, nothing in it could be finished, and
 * Redis would stay full. So new work stops at three quarters of the limit.
 */
@Injectable()
export class Headroom {
  private readonly logger = new Logger(Headroom.name);
  private isFull = false;

  constructor(private readonly store: RedisStore) {}

  /** @param planned bytes that work accepted earlier has yet to write */
  async isLeft(planned = 0): Promise<boolean> {
    // Read each time: a moment later, what was planned may be written, and would count neither here nor there.
    const { used, limit } = await this.store.memory();
    const left = limit * SHARE_FOR_NEW_WORK - used;
    this.report(left <= 0, used, limit);
    return left > planned;
  }

  private report(isFull: boolean, used: number, limit: number): void {
    if (isFull === this.isFull) return;
    this.isFull = isFull;
    if (!isFull) return this.logger.log('Redis has memory for new work again');
    this.logger.warn(
      `Redis uses ${inMegabytes(used)} of its ${inMegabytes(limit)} MB: new work waits or is refused until workers ` +
        'have finished more. If it lasts, start more workers or raise maxmemory.',
    );
  }
}

const inMegabytes = (bytes: number): number => Math.round(bytes / MEGABYTE);

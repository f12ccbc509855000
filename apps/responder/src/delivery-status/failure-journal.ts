import { Injectable } from '@nestjs/common';
import { RedisStore } from '../../../platform/src/redis-store.js';
import type { SmsFailed } from '../../../contracts/src/index.js';

export const FAILURES_KEY = '{sms}:failures';

const NOTE = `return redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])`;

/** Records every SMS that was not sent, and why; each SMS once. */
@Injectable()
export class FailureJournal {
  constructor(private readonly store: RedisStore) {}

  async note({ uuid, number, reason, attempts, at }: SmsFailed): Promise<void> {
    await this.store.run(NOTE, [FAILURES_KEY], [uuid, JSON.stringify({ number, reason, attempts, at })]);
  }
}

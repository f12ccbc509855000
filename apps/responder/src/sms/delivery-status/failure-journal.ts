import { Injectable } from '@nestjs/common';
import type { SmsFailed } from '#contracts';
import { RedisStore } from '#store';
import { KEEP, agesOf } from '../../kept-for-days.js';

const FAILURES_KEY = '{sms}:failures';

const NOTE = `${KEEP}
return keep(KEYS[1], KEYS[2], ARGV[1], ARGV[2])`;

/** Records every SMS that was not sent, and why; each SMS once, for a week. */
@Injectable()
export class FailureJournal {
  constructor(private readonly store: RedisStore) {}

  async note({ uuid, number, reason, attempts, at }: SmsFailed): Promise<void> {
    const entry = JSON.stringify({ number, reason, attempts, at });
    await this.store.run(NOTE, [FAILURES_KEY, agesOf(FAILURES_KEY)], [uuid, entry]);
  }
}

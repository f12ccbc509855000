import { Injectable } from '@nestjs/common';
import { RedisStore } from '../../../platform/src/redis-store.js';
import type { SmsSent } from '../../../contracts/src/index.js';

export const LEDGER_KEY = '{sms}:ledger';
export const TOTALS_KEY = '{sms}:ledger:totals';
/** Price of one SMS, in cents. */
const PRICE_CENTS = 5;

const CHARGE = `
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'messages', 1)
redis.call('HINCRBY', KEYS[2], 'cents', ARGV[3])
return 1`;

/** The charges. An SMS is charged once; its entry and the totals change together or not at all. */
@Injectable()
export class Ledger {
  constructor(private readonly store: RedisStore) {}

  /** @returns whether this call made the charge */
  async charge({ uuid, number, at }: SmsSent): Promise<boolean> {
    const entry = JSON.stringify({ number, cents: PRICE_CENTS, at });
    return (await this.store.run(CHARGE, [LEDGER_KEY, TOTALS_KEY], [uuid, entry, PRICE_CENTS])) === 1;
  }
}

import { Injectable } from '@nestjs/common';
import type { SmsSent } from '#contracts';
import { RedisStore } from '#store';
import { KEEP, agesOf } from '../../kept-for-days.js';

const LEDGER_KEY = '{sms}:ledger';
const TOTALS_KEY = '{sms}:ledger:totals';
/** Price of one SMS, in cents. */
const PRICE_CENTS = 5;

const CHARGE = `${KEEP}
if not keep(KEYS[1], KEYS[2], ARGV[1], ARGV[2]) then return 0 end
redis.call('HINCRBY', KEYS[3], 'messages', 1)
redis.call('HINCRBY', KEYS[3], 'cents', ARGV[3])
return 1`;

/**
 * The charges of a week, and the totals of all time. An SMS is charged once; its entry and the totals change together or
 * not at all.
 */
@Injectable()
export class Ledger {
  constructor(private readonly store: RedisStore) {}

  /** @returns whether this call made the charge */
  async charge({ uuid, number, at }: SmsSent): Promise<boolean> {
    const entry = JSON.stringify({ number, cents: PRICE_CENTS, at });
    const keys = [LEDGER_KEY, agesOf(LEDGER_KEY), TOTALS_KEY];
    return (await this.store.run(CHARGE, keys, [uuid, entry, PRICE_CENTS])) === 1;
  }
}

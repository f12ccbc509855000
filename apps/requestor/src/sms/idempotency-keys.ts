import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { RedisStore } from '../../../platform/src/redis-store.js';
import type { SmsRequested } from '../../../contracts/src/index.js';

const KEY_TTL_SECONDS = 24 * 3_600;
/** Longer than one publication may take: whoever held the key longer than this has died. */
const HOLD_MS = 15_000;

/**
 * - `held`: it is up to this request to publish `sms`, which may stem from an earlier request with the same key.
 * - `published`: an earlier request has done so.
 * - `busy`: another one is at it right now.
 */
export type Claim =
  | { readonly state: 'held'; readonly sms: SmsRequested; readonly isFirst: boolean }
  | { readonly state: 'published'; readonly sms: SmsRequested }
  | { readonly state: 'busy' };

const CLAIM = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'uuid', 'number', 'text', 'state', 'until')
local state = 'first'
if known[1] then
  if known[4] == 'published' then return {'published', known[1], known[2], known[3]} end
  if tonumber(known[5]) > now then return {'busy', known[1], known[2], known[3]} end
  state = 'again'
else
  known = {ARGV[1], ARGV[2], ARGV[3]}
  redis.call('HSET', KEYS[1], 'uuid', ARGV[1], 'number', ARGV[2], 'text', ARGV[3], 'state', 'held')
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
redis.call('HSET', KEYS[1], 'until', now + ARGV[4])
return {state, known[1], known[2], known[3]}`;

const RELEASE = `
if redis.call('HMGET', KEYS[1], 'state')[1] ~= 'held' then return 0 end
if ARGV[1] == 'forget' then return redis.call('DEL', KEYS[1]) end
return redis.call('HSET', KEYS[1], 'until', 0)`;

const CONFIRM = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSET', KEYS[1], 'state', 'published')`;

/** One idempotency key means one SMS for 24 hours, whichever instance is asked and whatever died in between. */
@Injectable()
export class IdempotencyKeys {
  constructor(private readonly store: RedisStore) {}

  async claim(key: string, { uuid, number, text }: SmsRequested): Promise<Claim> {
    const values = [uuid, number, text, HOLD_MS, KEY_TTL_SECONDS];
    const [state, ...known] = (await this.store.run(CLAIM, [keyOf(key)], values)) as [string, string, string, string];
    if (state === 'busy') return { state };
    const sms: SmsRequested = { uuid: known[0], number: known[1], text: known[2] };
    return state === 'published' ? { state, sms } : { state: 'held', sms, isFirst: state === 'first' };
  }

  async confirm(key: string): Promise<void> {
    await this.store.run(CONFIRM, [keyOf(key)], []);
  }

  /** Nothing was published under this key: the next request starts afresh. */
  async forget(key: string): Promise<void> {
    await this.store.run(RELEASE, [keyOf(key)], ['forget']);
  }

  /** It may have been published: the next request must publish the very same SMS, which workers then recognise. */
  async release(key: string): Promise<void> {
    await this.store.run(RELEASE, [keyOf(key)], ['keep']);
  }
}

/** Hashed, so that a caller's key can be any length of any characters and shows up in no key listing. */
const keyOf = (key: string): string => `{sms}:idempotency:${createHash('sha256').update(key).digest('hex')}`;

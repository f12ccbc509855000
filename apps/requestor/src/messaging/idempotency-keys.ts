import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { RedisStore } from '#store';

const KEY_TTL_SECONDS = 24 * 3_600;
/** Longer than a publish can take: a request that holds the key longer has died with its process. */
const HOLD_MS = 15_000;

/** A caller's key within one kind of message: the same key for an SMS and for a campaign is two keys. */
export interface ScopedKey {
  readonly scope: string;
  readonly key: string;
}

/**
 * - `held`: this request has to publish `message`, which may come from an earlier request with the same key.
 * - `published`: an earlier request has published `message`.
 * - `busy`: another request is publishing its message right now.
 * - `different`: an earlier request has used the key for another draft.
 */
export type Claim<T> =
  | { readonly state: 'held'; readonly message: T; readonly isFirst: boolean }
  | { readonly state: 'published'; readonly message: T }
  | { readonly state: 'busy' }
  | { readonly state: 'different' };

/** A key of an earlier version of this app has no fingerprint, and any draft counts as its own. */
const CLAIM = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'message', 'state', 'until', 'fingerprint')
local message, state = known[1], 'first'
if message then
  if known[4] and known[4] ~= ARGV[4] then return {'different', ''} end
  if known[2] == 'published' then return {'published', message} end
  if tonumber(known[3]) > now then return {'busy', message} end
  state = 'again'
else
  message = ARGV[1]
  redis.call('HSET', KEYS[1], 'message', message, 'state', 'held', 'fingerprint', ARGV[4])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
return {state, message}`;

const RELEASE = `
if redis.call('HMGET', KEYS[1], 'state')[1] ~= 'held' then return 0 end
if ARGV[1] == 'forget' then return redis.call('DEL', KEYS[1]) end
return redis.call('HSET', KEYS[1], 'until', 0)`;

const CONFIRM = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSET', KEYS[1], 'state', 'published')`;

/** One idempotency key means one message for 24 hours, across all instances and any crash in between. */
@Injectable()
export class IdempotencyKeys {
  constructor(private readonly store: RedisStore) {}

  /** @param draft what the caller asked for: `message` without what this app has added to it */
  async claim<T extends object>(key: ScopedKey, message: T, draft: object): Promise<Claim<T>> {
    const values = [JSON.stringify(message), HOLD_MS, KEY_TTL_SECONDS, fingerprintOf(draft)];
    const [state, known] = (await this.store.run(CLAIM, [nameOf(key)], values)) as [string, string];
    if (state === 'busy' || state === 'different') return { state };
    const claimed = JSON.parse(known) as T;
    return state === 'published'
      ? { state, message: claimed }
      : { state: 'held', message: claimed, isFirst: state === 'first' };
  }

  async confirm(key: ScopedKey): Promise<void> {
    await this.store.run(CONFIRM, [nameOf(key)], []);
  }

  /** Nothing was published under this key: the next request starts over. */
  async forget(key: ScopedKey): Promise<void> {
    await this.store.run(RELEASE, [nameOf(key)], ['forget']);
  }

  /** The message may be published: the next request must publish the same one, which workers recognize. */
  async release(key: ScopedKey): Promise<void> {
    await this.store.run(RELEASE, [nameOf(key)], ['keep']);
  }
}

/** Independent of the order of the fields; a field that is undefined is the same as none. */
export const fingerprintOf = (draft: object): string => {
  const fields = Object.entries(draft).filter(([, value]) => value !== undefined);
  return sha256(JSON.stringify(fields.toSorted(([one], [other]) => (one < other ? -1 : 1))));
};

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Hashed, so that a caller's key can have any length and characters and does not show up in key listings. */
const nameOf = ({ scope, key }: ScopedKey): string => `{${scope}}:idempotency:${sha256(key)}`;

import { Injectable } from '@nestjs/common';
import { SMS, SMS_WORKER_GROUP } from '#contracts';
import type { SmsFailed, SmsRequested, SmsSent, SmsState, SmsStatus } from '#contracts';
import { RedisStore } from './redis-store.js';

const DAY_SECONDS = 24 * 3_600;
/** How long the status of an SMS is kept while the SMS is on its way. */
const RECORD_TTL_SECONDS = 30 * DAY_SECONDS;
/** How long the status is kept after that. */
const FINAL_TTL_SECONDS = 7 * DAY_SECONDS;

/**
 * What to do with the entry that `begin` was called for.
 * - `run`: send the SMS.
 * - `settled`: the SMS has its result already; only announce the result again.
 * - `duplicate`: another entry carries this SMS (it was published twice) and is not done yet; do nothing.
 */
export type Beginning = 'run' | 'settled' | 'duplicate';

const ACCEPT = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'uuid', ARGV[1], 'number', ARGV[2], 'status', 'queued', 'attempts', 0,
  'createdAt', ARGV[3], 'updatedAt', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`;

/** ARGV[7] is the entry whose claim has lapsed, if there is one. Only a redrive makes the first attempt again. */
const BEGIN = `
local record = redis.call('HMGET', KEYS[1], 'entry', 'status', 'exhausted')
if record[3] and ARGV[5] == '1' then
  redis.call('HDEL', KEYS[1], 'exhausted', 'error')
elseif record[2] == 'sent' or record[2] == 'failed' then
  return 'settled'
elseif record[1] and record[1] ~= ARGV[4] and record[1] ~= ARGV[7] then
  return record[1]
end
redis.call('HSETNX', KEYS[1], 'createdAt', ARGV[3])
redis.call('HSET', KEYS[1], 'uuid', ARGV[1], 'number', ARGV[2], 'status', 'sending', 'updatedAt', ARGV[3],
  'entry', ARGV[4], 'attempts', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 'run'`;

/** ARGV[7] is the kind of result. */
const SETTLE = `
local record = redis.call('HMGET', KEYS[1], 'status', 'entry')
if not record[1] or record[1] == 'sent' or record[1] == 'failed' then return 0 end
if ARGV[7] == 'foreign' and record[2] then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[1], ARGV[2], ARGV[3], 'attempts', ARGV[4], 'updatedAt', ARGV[5])
if ARGV[7] == 'exhausted' then redis.call('HSET', KEYS[1], 'exhausted', 1) end
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1`;

/**
 * Why an SMS has failed.
 * - `refused`: no attempt can succeed.
 * - `exhausted`: all attempts are used up; a redrive grants new ones.
 * - `foreign`: another producer says so. Does not count for an SMS that a worker has claimed.
 */
export type FailureKind = 'refused' | 'exhausted' | 'foreign';

/**
 * One Redis hash per SMS: `queued → sending → sent | failed`. A final state never changes, except for an SMS whose
 * attempts were used up: a redrive of its dead letter makes it `sending` again. Every step is one script, so any number
 * of requestors and workers may run it at the same time and repeatedly.
 */
@Injectable()
export class SmsRecords {
  constructor(private readonly store: RedisStore) {}

  /** Records the SMS as queued. Does nothing if a worker was faster and the record exists. */
  async accept({ uuid, number }: SmsRequested): Promise<void> {
    await this.store.run(ACCEPT, [keyOf(uuid)], [uuid, number, now(), RECORD_TTL_SECONDS]);
  }

  /**
   * Claims the SMS for the stream entry `entryId`, whichever process handles that entry. The claim lasts while the entry
   * is pending: a dead letter that is redriven comes as a new entry if its own has been trimmed. Its message id would
   * tell nothing, because two entries of one SMS have the same.
   */
  async begin(sms: SmsRequested, entryId: string, attempt: number): Promise<Beginning> {
    const answer = await this.claim(sms, entryId, attempt);
    if (isBeginning(answer)) return answer;
    if (await this.store.isPending(SMS, SMS_WORKER_GROUP, answer)) return 'duplicate';
    const second = await this.claim(sms, entryId, attempt, answer);
    return isBeginning(second) ? second : 'duplicate';
  }

  /** @returns whether this call has recorded the result; a result that was recorded earlier stays */
  async markSent({ uuid, providerMessageId, attempt, at }: SmsSent): Promise<boolean> {
    return this.settle(uuid, ['sent', 'providerMessageId', providerMessageId, attempt, at]);
  }

  /** @returns whether this call has recorded the result; a result that was recorded earlier stays */
  async markFailed({ uuid, reason, attempts, at }: SmsFailed, kind: FailureKind): Promise<boolean> {
    return this.settle(uuid, ['failed', 'error', reason, attempts, at], kind);
  }

  /** Whether the SMS has failed because its attempts were used up. */
  async isExhausted(uuid: string): Promise<boolean> {
    return (await this.store.hash(keyOf(uuid)))['exhausted'] === '1';
  }

  async find(uuid: string): Promise<SmsStatus | undefined> {
    const { providerMessageId, error, ...record } = await this.store.hash(keyOf(uuid));
    const { status, createdAt, updatedAt } = record;
    if (status === undefined || createdAt === undefined || updatedAt === undefined) return undefined;
    return {
      uuid,
      status: status as SmsState,
      attempts: Number(record['attempts'] ?? 0),
      ...(providerMessageId !== undefined && { providerMessageId }),
      ...(error !== undefined && { error }),
      createdAt,
      updatedAt,
    };
  }

  /** @returns what to do, or the id of the entry that holds the claim */
  private async claim({ uuid, number }: SmsRequested, entryId: string, attempt: number, lapsed = ''): Promise<string> {
    const values = [uuid, number, now(), entryId, attempt, RECORD_TTL_SECONDS, lapsed];
    return (await this.store.run(BEGIN, [keyOf(uuid)], values)) as string;
  }

  private async settle(uuid: string, values: readonly (string | number)[], kind = ''): Promise<boolean> {
    return (await this.store.run(SETTLE, [keyOf(uuid)], [...values, FINAL_TTL_SECONDS, kind])) === 1;
  }
}

const isBeginning = (answer: string): answer is Exclude<Beginning, 'duplicate'> =>
  answer === 'run' || answer === 'settled';

const keyOf = (uuid: string): string => `{sms}:record:${uuid.toLowerCase()}`;
const now = (): string => new Date().toISOString();

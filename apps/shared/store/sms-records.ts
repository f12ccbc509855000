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

/** ARGV[7] is the entry whose claim has lapsed, if there is one. */
const BEGIN = `
local record = redis.call('HMGET', KEYS[1], 'entry', 'status')
if record[2] == 'sent' or record[2] == 'failed' then return 'settled' end
if record[1] and record[1] ~= ARGV[4] and record[1] ~= ARGV[7] then return record[1] end
redis.call('HSETNX', KEYS[1], 'createdAt', ARGV[3])
redis.call('HSET', KEYS[1], 'uuid', ARGV[1], 'number', ARGV[2], 'status', 'sending', 'updatedAt', ARGV[3],
  'entry', ARGV[4], 'attempts', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 'run'`;

const SETTLE = `
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status == 'sent' or status == 'failed' then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[1], ARGV[2], ARGV[3], 'attempts', ARGV[4], 'updatedAt', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1`;

/**
 * One Redis hash per SMS: `queued → sending → sent | failed`; a final state never changes. Every step is one script, so
 * any number of requestors and workers may run it at the same time and repeatedly.
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
  async markFailed({ uuid, reason, attempts, at }: SmsFailed): Promise<boolean> {
    return this.settle(uuid, ['failed', 'error', reason, attempts, at]);
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

  private async settle(uuid: string, values: readonly (string | number)[]): Promise<boolean> {
    return (await this.store.run(SETTLE, [keyOf(uuid)], [...values, FINAL_TTL_SECONDS])) === 1;
  }
}

const isBeginning = (answer: string): answer is Exclude<Beginning, 'duplicate'> =>
  answer === 'run' || answer === 'settled';

const keyOf = (uuid: string): string => `{sms}:record:${uuid.toLowerCase()}`;
const now = (): string => new Date().toISOString();

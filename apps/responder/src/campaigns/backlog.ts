import { Inject, Injectable } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import {
  EMAIL_GROUP,
  EMAIL_NOTIFICATION,
  MAX_USER_PAGE,
  NOTIFICATION,
  NOTIFICATION_GROUP,
  NOTIFICATION_PAGE,
  SMS,
  SMS_WORKER_GROUP,
} from '#contracts';
import { Headroom, RedisStore } from '#store';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';

const POLL_MS = 250;
/** What a page of `notification` can become: an SMS to each user, of the longest text and four bytes a character. */
const MAX_PAGE_BYTES = NOTIFICATION_PAGE * 7_000;

/** What a fan-out publishes before it asks for room again. */
const PAGES_AT_ONCE = MAX_USER_PAGE / NOTIFICATION_PAGE;

/**
 * Keeps a fan-out from filling Redis: it waits while the streams it feeds hold `maxBacklog` messages or more, and while
 * these messages need the memory that is left.
 */
@Injectable()
export class Backlog {
  constructor(
    private readonly store: RedisStore,
    private readonly headroom: Headroom,
    @Inject(SETTINGS) private readonly settings: ResponderSettings,
  ) {}

  /**
   * Resolves when there is room for more, or when `isWanted` says that there is nothing left to wait for.
   * @throws {AbortError} when `signal` aborts while it waits
   */
  async room(signal: AbortSignal, isWanted: () => Promise<boolean>): Promise<void> {
    while ((await this.messages()) >= this.settings.maxBacklog) {
      await delay(POLL_MS, undefined, { signal });
      if (!(await isWanted())) return;
    }
  }

  /** `Infinity` while Redis has no memory for more. */
  private async messages(): Promise<number> {
    const [pages, mails, sms] = await Promise.all([
      this.store.backlog(NOTIFICATION, NOTIFICATION_GROUP),
      this.store.backlog(EMAIL_NOTIFICATION, EMAIL_GROUP),
      this.store.backlog(SMS, SMS_WORKER_GROUP),
    ]);
    const messages = pages * NOTIFICATION_PAGE + mails + sms;
    // With little under way the fan-out goes on: otherwise a small Redis would stop it forever.
    const planned = messages < NOTIFICATION_PAGE ? 0 : (pages + PAGES_AT_ONCE) * MAX_PAGE_BYTES;
    return (await this.headroom.isLeft(planned)) ? messages : Infinity;
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import {
  EMAIL_GROUP,
  EMAIL_NOTIFICATION,
  NOTIFICATION,
  NOTIFICATION_GROUP,
  NOTIFICATION_PAGE,
  SMS,
  SMS_WORKER_GROUP,
} from '#contracts';
import { RedisStore } from '#store';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';

const POLL_MS = 250;

/** Keeps a fan-out from filling Redis: it waits while the streams it feeds hold `maxBacklog` messages or more. */
@Injectable()
export class Backlog {
  constructor(
    private readonly store: RedisStore,
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

  private async messages(): Promise<number> {
    const [pages, mails, sms] = await Promise.all([
      this.store.backlog(NOTIFICATION, NOTIFICATION_GROUP),
      this.store.backlog(EMAIL_NOTIFICATION, EMAIL_GROUP),
      this.store.backlog(SMS, SMS_WORKER_GROUP),
    ]);
    return pages * NOTIFICATION_PAGE + mails + sms;
  }
}

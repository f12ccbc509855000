import { Injectable } from '@nestjs/common';
import { isFinal } from '#contracts';
import type { SmsStatus } from '#contracts';
import { SmsRecords } from '#store';
import { StatusWatch } from '../watch/status-watch.js';

const POLL_MS = 200;

/** Follows an SMS until its final status. */
@Injectable()
export class SmsWatch extends StatusWatch<SmsStatus> {
  constructor(records: SmsRecords) {
    super({ pollMs: POLL_MS, find: (uuid) => records.find(uuid), isOver: isFinal });
  }
}

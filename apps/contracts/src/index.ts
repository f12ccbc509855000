/** What the apps say to each other: names of streams and groups, payloads and their rules, the state of an SMS. */
export {
  BILLING_GROUP,
  DELIVERY_STATUS_GROUP,
  SMS,
  SMS_FAIL,
  SMS_OK,
  SMS_STATUS,
  SMS_WORKER_GROUP,
} from './sms/sms.patterns.js';
export { IsPhoneNumber, IsSmsText, MAX_SMS_CHARACTERS } from './sms/sms.rules.js';
export { SmsFailed, SmsRequested, SmsSent } from './sms/sms.events.js';
export { isFinal } from './sms/sms-status.js';
export type { SmsState, SmsStatus } from './sms/sms-status.js';
export { SmsRecords } from './sms/sms-records.js';
export type { Beginning } from './sms/sms-records.js';

export { STREAM_ECHO, STREAM_NOTE, STREAM_TALLY } from './demo/demo.patterns.js';
export type { DemoReply } from './demo/demo.patterns.js';

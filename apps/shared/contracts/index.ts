/** The contract between the apps: names of streams and groups, payloads with their validation rules, status types. */
export {
  BILLING_GROUP,
  DELIVERY_STATUS_GROUP,
  SMS,
  SMS_FAIL,
  SMS_OK,
  SMS_STATUS,
  SMS_WORKER_GROUP,
} from './sms/sms.patterns.js';
export { IsPhoneNumber, IsSmsText, MAX_SMS_CHARACTERS, fittingSms } from './sms/sms.rules.js';
export { SmsFailed, SmsRequested, SmsSent } from './sms/sms.events.js';
export { isFinal } from './sms/sms-status.js';
export type { SmsState, SmsStatus } from './sms/sms-status.js';

export { STREAM_ECHO, STREAM_NOTE, STREAM_TALLY } from './demo/demo.patterns.js';
export type { DemoReply } from './demo/demo.patterns.js';

export {
  CAMPAIGN,
  CAMPAIGN_CONTROL,
  CAMPAIGN_GROUP,
  CAMPAIGN_LIST,
  CAMPAIGN_STATUS,
  EMAIL_GROUP,
  EMAIL_NOTIFICATION,
  NOTIFICATION,
  NOTIFICATION_GROUP,
  USER_AUDIENCE,
  USER_FIND,
  USER_GROUP,
  USER_PAGE,
} from './campaign/campaign.patterns.js';
export {
  AreChannels,
  CHANNELS,
  IsAudienceLimit,
  IsBody,
  IsCampaignName,
  IsSubject,
  MAX_AUDIENCE,
  MAX_BODY,
  MAX_CAMPAIGN_NAME,
  MAX_SUBJECT,
} from './campaign/campaign.rules.js';
export type { Channel } from './campaign/campaign.rules.js';
export {
  CampaignOrder,
  CampaignReference,
  CampaignRequested,
  EmailRequested,
  NOTIFICATION_PAGE,
  NotificationPage,
  Recipient,
} from './campaign/campaign.events.js';
export type { CampaignAction } from './campaign/campaign.events.js';
export { isOver, isSettled } from './campaign/campaign-status.js';
export type { CampaignOrderResult, CampaignState, CampaignStatus } from './campaign/campaign-status.js';
export { AudienceQuery, MAX_USER_ID, MAX_USER_PAGE, UserPageQuery } from './campaign/user.js';
export type { User, UserAudience } from './campaign/user.js';

/** Event: start a campaign or continue it. Payload: `CampaignRequested`. */
export const CAMPAIGN = 'campaign';
/** Event: notify a page of recipients. Payload: `NotificationPage`. */
export const NOTIFICATION = 'notification';
/** Event: send one mail to one recipient. Payload: `EmailRequested`. */
export const EMAIL_NOTIFICATION = 'email-notification';

/** Request: `CampaignReference`, answered with `CampaignStatus` or null. */
export const CAMPAIGN_STATUS = 'campaign.status';
/** Request: `{}`, answered with `CampaignStatus[]`, newest first. */
export const CAMPAIGN_LIST = 'campaign.list';
/** Request: `CampaignOrder`, answered with `CampaignOrderResult`. */
export const CAMPAIGN_CONTROL = 'campaign.control';
/** Request: `{ id }`, answered with `User` or null. */
export const USER_FIND = 'user.find';
/** Request: `UserPageQuery`, answered with `User[]`, ordered by id. */
export const USER_PAGE = 'user.page';
/** Request: `AudienceQuery`, answered with `UserAudience`. */
export const USER_AUDIENCE = 'user.audience';

/** Consumer groups, one per role. Each has its own delivery, retries and dead letters. */
export const CAMPAIGN_GROUP = 'campaign';
export const USER_GROUP = 'user';
export const NOTIFICATION_GROUP = 'notification';
export const EMAIL_GROUP = 'email';

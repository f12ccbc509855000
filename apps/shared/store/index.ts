/** State in Redis that must survive its process, beside the streams. */
export { AcceptedCampaigns } from './accepted-campaigns.js';
export { Headroom } from './headroom.js';
export { RedisStore, StoreFullError, StoreUnavailableError } from './redis-store.js';
export { SmsRecords } from './sms-records.js';
export type { Beginning, FailureKind } from './sms-records.js';
export { StoreModule } from './store.module.js';

/** Event: an SMS was accepted and is to be sent. Payload: `SmsRequested`. */
export const SMS = 'SMS';
/** Event: the provider took it. Payload: `SmsSent`. */
export const SMS_OK = 'SMS_OK';
/** Event: it will not be sent. Payload: `SmsFailed`. */
export const SMS_FAIL = 'SMS_FAIL';
/** Request: `{ uuid }`, answered with `SmsStatus` or null. */
export const SMS_STATUS = 'sms.status';

/** Consumer groups; each has its own delivery, retries and dead letters. */
export const SMS_WORKER_GROUP = 'sms-worker';
export const BILLING_GROUP = 'billing';
export const DELIVERY_STATUS_GROUP = 'delivery-status';

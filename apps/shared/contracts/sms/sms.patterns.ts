/** Event: send an SMS that was accepted. Payload: `SmsRequested`. */
export const SMS = 'SMS';
/** Event: the provider accepted the SMS. Payload: `SmsSent`. */
export const SMS_OK = 'SMS_OK';
/** Event: the SMS will not be sent. Payload: `SmsFailed`. */
export const SMS_FAIL = 'SMS_FAIL';
/** Request: `{ uuid }`, answered with `SmsStatus` or null. */
export const SMS_STATUS = 'sms.status';

/** Consumer groups. Each has its own delivery, retries and dead letters. */
export const SMS_WORKER_GROUP = 'sms-worker';
export const BILLING_GROUP = 'billing';
export const DELIVERY_STATUS_GROUP = 'delivery-status';

import { isUUID } from 'class-validator';
import type { IntentKey } from '../intents/intents.js';

/** The reference of a campaign's SMS, which leads from its result back to the intent. */
export const smsReference = ({ campaignId, userId }: IntentKey): string => `campaign/${campaignId}/${userId}`;

const REFERENCE = /^campaign\/([^/]+)\/(\d{1,10})$/;

/** Undefined for an SMS that is not part of a campaign. */
export const intentOf = (reference: string | undefined): IntentKey | undefined => {
  const [, campaignId, userId] = REFERENCE.exec(reference ?? '') ?? [];
  return isUUID(campaignId) ? { campaignId: campaignId as string, userId: Number(userId), channel: 'sms' } : undefined;
};

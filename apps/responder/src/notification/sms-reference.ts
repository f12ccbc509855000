import { isUUID } from 'class-validator';
import type { IntentKey } from '../intents/intents.js';

/** What an SMS of a campaign carries, so that its result finds its way back. */
export const smsReference = ({ campaignId, userId }: IntentKey): string => `campaign/${campaignId}/${userId}`;

const REFERENCE = /^campaign\/([^/]+)\/(\d{1,10})$/;

/** Undefined for an SMS that no campaign has sent. */
export const intentOf = (reference: string | undefined): IntentKey | undefined => {
  const [, campaignId, userId] = REFERENCE.exec(reference ?? '') ?? [];
  return isUUID(campaignId) ? { campaignId: campaignId as string, userId: Number(userId), channel: 'sms' } : undefined;
};

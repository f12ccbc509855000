import { v5 as uuidOf } from 'uuid';
import type { IntentKey } from './intents.js';

/** Always the same for the same message, however often it is published: duplicates are recognized by it. */
export const messageIdOf = ({ campaignId, userId, channel }: IntentKey): string =>
  uuidOf(`${userId}/${channel}`, campaignId);

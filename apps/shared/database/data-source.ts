import type { DataSourceOptions } from 'typeorm';
import { CampaignTickRow } from './campaign-tick.entity.js';
import { CampaignRow } from './campaign.entity.js';
import { IntentRow } from './intent.entity.js';
import { CreateCampaignTables1763700000000 } from './migrations/1763700000000-create-campaign-tables.js';
import { AddMessagesInFlight1763800000000 } from './migrations/1763800000000-add-messages-in-flight.js';
import { AllowFailedCampaigns1764000000000 } from './migrations/1764000000000-allow-failed-campaigns.js';
import { CountPublishedMessages1764100000000 } from './migrations/1764100000000-count-published-messages.js';
import { UserRow } from './user.entity.js';

/** A handful per process: statements are short, and work that waits for a connection is batched. */
const MAX_CONNECTIONS = 5;
const CONNECT_TIMEOUT_MS = 10_000;

/** Connection options of every process. Only migrations change tables, and the app `database` runs them. */
export const dataSourceOptions = (url: string): DataSourceOptions => ({
  type: 'postgres',
  url,
  entities: [UserRow, CampaignRow, IntentRow, CampaignTickRow],
  migrations: [
    CreateCampaignTables1763700000000,
    AddMessagesInFlight1763800000000,
    AllowFailedCampaigns1764000000000,
    CountPublishedMessages1764100000000,
  ],
  synchronize: false,
  logging: false,
  poolSize: MAX_CONNECTIONS,
  connectTimeoutMS: CONNECT_TIMEOUT_MS,
});

import { Injectable } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { defer } from 'rxjs';
import { isOver } from '../../../contracts/src/index.js';
import type { CampaignStatus } from '../../../contracts/src/index.js';
import { StatusWatch } from '../watch/status-watch.js';
import { CampaignDesk } from './campaign-desk.js';

const POLL_MS = 500;
const ALL = 'all';

/** Follows a campaign to its end. */
@Injectable()
export class CampaignWatch extends StatusWatch<CampaignStatus> {
  constructor(desk: CampaignDesk) {
    super({ pollMs: POLL_MS, find: (id) => desk.status(id), isOver });
  }
}

/**
 * Follows all campaigns at once: a browser opens six connections to a host and no more, so that a page cannot have one
 * for each.
 */
@Injectable()
export class CampaignListWatch extends StatusWatch<readonly CampaignStatus[]> {
  constructor(desk: CampaignDesk) {
    super({ pollMs: POLL_MS, find: () => desk.list(), isOver: () => false });
  }

  /** Each campaign, oldest first, then those that change; `listed` after the last of each look that found changes. */
  changes(): Observable<MessageEvent> {
    return defer(() => {
      const told = new Map<string, string>();
      const isNews = (campaign: CampaignStatus): boolean => {
        const text = JSON.stringify(campaign);
        if (told.get(campaign.id) === text) return false;
        told.set(campaign.id, text);
        return true;
      };
      return this.asEvents(this.sightings(ALL), (campaigns) => [
        ...campaigns
          .toReversed()
          .filter(isNews)
          .map((campaign) => ({ data: campaign })),
        { type: 'listed', data: '' },
      ]);
    });
  }
}

import { Injectable } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { defer } from 'rxjs';
import { isSettled } from '#contracts';
import type { CampaignStatus } from '#contracts';
import { StatusWatch } from '../watch/status-watch.js';
import { CampaignService } from './campaign.service.js';

const POLL_MS = 500;
const ALL = 'all';

/** Follows a campaign until its figures are final: a cancelled one until no worker has a message of it in hand. */
@Injectable()
export class CampaignWatch extends StatusWatch<CampaignStatus> {
  constructor(service: CampaignService) {
    super({ pollMs: POLL_MS, find: (id) => service.status(id), isOver: isSettled });
  }
}

/**
 * Follows all campaigns at once: a browser opens at most six connections to a host, so a page cannot open one per
 * campaign.
 */
@Injectable()
export class CampaignListWatch extends StatusWatch<readonly CampaignStatus[]> {
  constructor(service: CampaignService) {
    super({ pollMs: POLL_MS, find: () => service.list(), isOver: () => false });
  }

  /** Each campaign, oldest first, then those that change; `listed` ends each poll that found changes. */
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

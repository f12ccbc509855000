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

  /** Each campaign in turn, oldest first, then those that change. Ends with the app, or when the viewer leaves. */
  changes(): Observable<MessageEvent> {
    return defer(() => {
      const told = new Map<string, string>();
      return this.asEvents(this.sightings(ALL), (campaigns) =>
        campaigns.toReversed().filter((campaign) => {
          const text = JSON.stringify(campaign);
          const isNews = told.get(campaign.id) !== text;
          told.set(campaign.id, text);
          return isNews;
        }),
      );
    });
  }
}
